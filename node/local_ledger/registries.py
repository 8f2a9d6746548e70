"""MemberRegistry in memory; rules, their order and their names are the contract's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eth_utils.crypto import keccak

from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.recovery import Recoveries
from node.local_ledger.world import Nonces, Roles, Tx, World, recover_or_refuse, require_signed
from node.records.chain import Address
from node.records.members import JoinRequest, Member, Role, Voucher
from node.signed_requests import Leaving, NodeKeyRotation

ADMITTER_ROLE = keccak(text="ADMITTER_ROLE")
GOVERNANCE_ROLE = keccak(text="GOVERNANCE_ROLE")
INCIDENT_ROLE = keccak(text="INCIDENT_ROLE")

_MAX_BAR_SECONDS = 30 * 86400
_NOBODY = Address("0x" + "0" * 40)
_ALL_ROLES = Role.TRAINER | Role.EVALUATOR | Role.CURATOR
_NO_ROLES = Role(0)
_MAX_NAME_BYTES = 64


class MemberRegistry:
    """Who belongs: one record per member."""

    NAME = "MemberRegistry"

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self._world = world
        self._domain = world.domain(self.NAME)
        self._members: dict[Address, Member] = {}
        self._formerly: dict[Address, int] = {}
        self._node_keys: dict[bytes, int] = {}
        self.nonces = Nonces()
        self.recoveries = Recoveries(self, self._domain, settings.recovery_delay_seconds)
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self.roles.hold(ADMITTER_ROLE, settings.operator)
        self.roles.hold(ADMITTER_ROLE, timelock)

    def join(self, tx: Tx, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        """Returns the member id."""
        self._require_joinable(request)
        require_signed(tx, self._domain, request, request.deadline, member_signature, request.account)
        admitter = self._require_voucher(tx, request, voucher_signature)
        member_id = len(self._members) + 1  # nobody is ever removed
        self._take_node_key(request.account, member_id, request.node_key_digest)
        self._members[request.account] = Member(
            member_id=member_id,
            account=request.account,
            name=request.name,
            roles=request.roles,
            active=True,
            joined_at=tx.timestamp,
            node_key_digest=request.node_key_digest,
        )
        tx.emit(
            self.NAME,
            "MemberJoined",
            memberId=member_id,
            account=request.account,
            roles=int(request.roles),
            nodeKeyDigest=request.node_key_digest,
            name=request.name,
            admitter=admitter,
        )
        return member_id

    def rotate_node_key(self, tx: Tx, request: NodeKeyRotation, signature: bytes) -> None:
        """The old key stays taken. The contract takes no nonce: it signs the next one by itself."""
        account = request.account
        self.require_active(account)
        signed = replace(request, nonce=self.nonces.of(account))
        require_signed(tx, self._domain, signed, request.deadline, signature, account)
        member = self._members[account]
        self._take_node_key(account, member.member_id, request.node_key_digest)
        self.nonces.use(account)
        self._members[account] = replace(member, node_key_digest=request.node_key_digest)
        tx.emit(
            self.NAME,
            "NodeKeyRotated",
            memberId=member.member_id,
            account=account,
            oldDigest=member.node_key_digest,
            newDigest=request.node_key_digest,
        )

    def set_active(self, tx: Tx, member_id: int, active: bool) -> None:
        """Suspend or restore."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        member = self._by_id(member_id)
        if member.left:
            raise LedgerRefused("MemberHasLeft", {"memberId": member_id})
        self._members[member.account] = replace(member, active=active)
        tx.emit(self.NAME, "MemberActiveSet", memberId=member_id, active=active)

    def leave(self, tx: Tx, request: Leaving, signature: bytes) -> None:
        """For good."""
        member_id = self.require_member(request.account)
        self.nonces.require(request.account, request.nonce)
        require_signed(tx, self._domain, request, request.deadline, signature, request.account)
        self.nonces.use(request.account)
        self._members[request.account] = replace(self._members[request.account], active=False, left=True)
        self.recoveries.forget(member_id)
        tx.emit(self.NAME, "MemberLeft", memberId=member_id, account=request.account)

    def bar(self, tx: Tx, member_id: int, until: int) -> None:
        """Ends by itself."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        latest = tx.timestamp + _MAX_BAR_SECONDS
        if not tx.timestamp < until <= latest:
            raise LedgerRefused("InvalidBar", {"until": until, "latest": latest})
        member = self._by_id(member_id)
        self._members[member.account] = replace(member, barred_until=until)
        tx.emit(self.NAME, "MemberBarred", memberId=member_id, until=until)

    def unbar(self, tx: Tx, member_id: int) -> None:
        """At once."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        member = self._by_id(member_id)
        self._members[member.account] = replace(member, barred_until=0)
        tx.emit(self.NAME, "MemberUnbarred", memberId=member_id)

    def move_member(self, tx: Tx, member_id: int, to: Address) -> None:
        """By a vote."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self.move(tx, member_id, to)

    def set_recovery_delay(self, tx: Tx, delay_seconds: int) -> None:
        """How long a member can stop a move."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self.recoveries.set_delay(tx, delay_seconds)

    def move(self, tx: Tx, member_id: int, to: Address) -> None:
        """The account that is left behind never serves a member again."""
        member = self._by_id(member_id)
        self.require_unused(to)
        if member.left:
            raise LedgerRefused("MemberHasLeft", {"memberId": member_id})
        del self._members[member.account]
        self._members[to] = replace(member, account=to)
        self._formerly[member.account] = member_id
        self.recoveries.forget(member_id)
        tx.emit(self.NAME, "MemberMoved", memberId=member_id, from_=member.account, to=to)

    def all(self) -> Sequence[Member]:
        """In order of joining."""
        return tuple(self._seen(m) for m in sorted(self._members.values(), key=lambda m: m.member_id))

    def get(self, account: Address) -> Member | None:
        """None for who never joined, or moved away from this account."""
        member = self._members.get(account)
        return None if member is None else self._seen(member)

    def account_of(self, member_id: int) -> Address:
        """A member's present account. Raises LedgerRefused("UnknownMember")."""
        return self._by_id(member_id).account

    def present_account(self, account: Address) -> Address:
        """Of the member whose account this is or was; the account itself for others."""
        member_id = self._formerly.get(account)
        return account if member_id is None else self._by_id(member_id).account

    def is_active(self, account: Address, roles: Role = _NO_ROLES) -> bool:
        """An active member with ALL of `roles`."""
        member = self.get(account)
        return member is not None and member.active and member.roles & roles == roles

    def require_member(self, account: Address) -> int:
        """The id of a member, active or not. Raises LedgerRefused("NotAMember")."""
        member = self._members.get(account)
        if member is None or member.left:
            raise LedgerRefused("NotAMember", {"account": account})
        return member.member_id

    def require_unused(self, account: Address) -> None:
        """Raises LedgerRefused("AccountTaken") for an account that is or was a member's."""
        if account == _NOBODY or self._id_of(account):
            raise LedgerRefused("AccountTaken", {"account": account})

    def require_active(self, account: Address) -> None:
        """Raises LedgerRefused("NotAnActiveMember")."""
        if not self.is_active(account):
            raise LedgerRefused("NotAnActiveMember", {"account": account})

    def require_voter(self, account: Address) -> None:
        """A member, barred or not. Raises LedgerRefused("NotAnActiveMember") for who left or is suspended."""
        member = self._members.get(account)
        if member is None or not member.active:
            raise LedgerRefused("NotAnActiveMember", {"account": account})

    def _require_joinable(self, request: JoinRequest) -> None:
        if member_id := self._id_of(request.account):
            raise LedgerRefused("AlreadyMember", {"account": request.account, "memberId": member_id})
        if not 0 < request.roles <= _ALL_ROLES:
            raise LedgerRefused("InvalidRoles", {"roles": int(request.roles)})
        length = len(request.name.encode())
        if not 0 < length <= _MAX_NAME_BYTES:
            raise LedgerRefused("InvalidName", {"length": length, "maximum": _MAX_NAME_BYTES})

    def _require_voucher(self, tx: Tx, request: JoinRequest, signature: bytes) -> Address:
        """An empty voucher means that the sender itself admits."""
        admitter = tx.sender
        if signature:
            voucher = Voucher(account=request.account, roles=request.roles, deadline=request.deadline)
            admitter = recover_or_refuse(self._domain, voucher, signature)
        if not self.roles.has(ADMITTER_ROLE, admitter):
            raise LedgerRefused("NotAnAdmitter", {"signer": admitter})
        return admitter

    def _take_node_key(self, account: Address, member_id: int, node_key_digest: bytes) -> None:
        if node_key_digest == bytes(32):
            raise LedgerRefused("EmptyNodeKey", {"account": account})
        if node_key_digest in self._node_keys:
            owner = self._node_keys[node_key_digest]
            raise LedgerRefused("NodeKeyTaken", {"nodeKeyDigest": node_key_digest, "memberId": owner})
        self._node_keys[node_key_digest] = member_id

    def _by_id(self, member_id: int) -> Member:
        found = next((m for m in self._members.values() if m.member_id == member_id), None)
        if found is None:
            raise LedgerRefused("UnknownMember", {"memberId": member_id})
        return found

    def _id_of(self, account: Address) -> int:
        member = self._members.get(account)
        return member.member_id if member else self._formerly.get(account, 0)

    def _seen(self, member: Member) -> Member:
        """As it is now: a bar ends by itself."""
        return replace(member, active=member.active and self._world.now() >= member.barred_until)
