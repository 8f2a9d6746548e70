"""MemberRegistry and ArtifactRegistry in memory; rules, their order and their names are the contracts'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eth_utils.crypto import keccak

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.world import Roles, Tx, World, recover_or_refuse, require_signed
from node.records import Address, Artifact, ArtifactKind, JoinRequest, Member, Registration, Role, Voucher

ADMITTER_ROLE = keccak(text="ADMITTER_ROLE")
GOVERNANCE_ROLE = keccak(text="GOVERNANCE_ROLE")

_ALL_ROLES = Role.TRAINER | Role.EVALUATOR | Role.CURATOR
_NO_ROLES = Role(0)
_MAX_NAME_BYTES = 64


class MemberRegistry:
    """Who belongs: one record per account, for ever."""

    NAME = "MemberRegistry"

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self._domain = world.domain(self.NAME)
        self._members: dict[Address, Member] = {}
        self._node_keys: dict[bytes, int] = {}
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self.roles.hold(ADMITTER_ROLE, settings.operator)

    def join(self, tx: Tx, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        """Returns the member id."""
        self._require_joinable(request)
        require_signed(tx, self._domain, request, request.deadline, member_signature, request.account)
        admitter = self._require_voucher(tx, request, voucher_signature)
        member_id = len(self._members) + 1
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

    def set_active(self, tx: Tx, member_id: int, active: bool) -> None:
        """Suspend or restore."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        account = self.account_of(member_id)
        self._members[account] = replace(self._members[account], active=active)
        tx.emit(self.NAME, "MemberActiveSet", memberId=member_id, active=active)

    def account_of(self, member_id: int) -> Address:
        """Raises LedgerRefused("UnknownMember")."""
        account = next((m.account for m in self._members.values() if m.member_id == member_id), None)
        if account is None:
            raise LedgerRefused("UnknownMember", {"memberId": member_id})
        return account

    def all(self) -> Sequence[Member]:
        """In order of joining."""
        return tuple(self._members.values())

    def get(self, account: Address) -> Member | None:
        """None for who never joined."""
        return self._members.get(account)

    def is_active(self, account: Address, roles: Role = _NO_ROLES) -> bool:
        """An active member with ALL of `roles`."""
        member = self._members.get(account)
        return member is not None and member.active and member.roles & roles == roles

    def require_active(self, account: Address) -> None:
        """Raises LedgerRefused("NotAnActiveMember")."""
        if not self.is_active(account):
            raise LedgerRefused("NotAnActiveMember", {"account": account})

    def _require_joinable(self, request: JoinRequest) -> None:
        if request.account in self._members:
            member_id = self._members[request.account].member_id
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


class ArtifactRegistry:
    """What the community made and trains on, by digest."""

    NAME = "ArtifactRegistry"

    def __init__(self, world: World, settings: DeploySettings, members: MemberRegistry) -> None:
        self._domain = world.domain(self.NAME)
        self._members = members
        self._licences = dict.fromkeys(settings.licences, True)
        self._artifacts: dict[bytes, Artifact] = {}
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)

    def register(self, tx: Tx, registration: Registration, signature: bytes) -> bytes:
        """Returns the digest."""
        account = registration.account
        self._members.require_active(account)
        require_signed(tx, self._domain, registration, registration.deadline, signature, account)
        digest = self._require_registrable(registration)
        self._artifacts[digest] = Artifact(
            digest=digest,
            kind=ArtifactKind(registration.kind),
            account=account,
            cid=registration.cid,
            licence=registration.licence,
            registered_at=tx.timestamp,
        )
        tx.emit(
            self.NAME,
            "ArtifactRegistered",
            digest=digest,
            kind=int(registration.kind),
            account=account,
            cid=cids.to_bytes(registration.cid),
            licence=registration.licence,
            parents=tuple(registration.parents),
        )
        return digest

    def set_licence(self, tx: Tx, licence: str, allowed: bool) -> None:
        """Allow or forbid an SPDX id for new artifacts."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._licences[licence] = allowed
        number = list(self._licences).index(licence) + 1
        tx.emit(self.NAME, "LicenceSet", licenceId=number, licence=licence, allowed=allowed)

    def get(self, digest: bytes) -> Artifact | None:
        """None when it is not registered."""
        return self._artifacts.get(digest)

    def _require_registrable(self, registration: Registration) -> bytes:
        if registration.kind not in list(ArtifactKind):
            raise LedgerRefused("InvalidKind", {"kind": int(registration.kind)})
        if not self._licences.get(registration.licence, False):
            raise LedgerRefused("LicenceNotAllowed", {"licence": registration.licence})
        digest = cids.digest(registration.cid)
        if digest in self._artifacts:
            account = self._artifacts[digest].account
            raise LedgerRefused("AlreadyRegistered", {"digest": digest, "account": account})
        for parent in registration.parents:
            if parent not in self._artifacts:
                raise LedgerRefused("UnknownParent", {"parent": parent})
        return digest
