"""ArtifactRegistry in memory; rules, their order and their names are the contract's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.data_access import DataAccess
from node.local_ledger.registries import GOVERNANCE_ROLE, INCIDENT_ROLE, MemberRegistry
from node.local_ledger.world import Nonces, Roles, Tx, World, require_signed
from node.records.artifacts import Artifact, ArtifactKind, ArtifactState, Registration
from node.records.chain import Address
from node.signed_requests import Supersession, Withdrawal

_MAX_FREEZE_SECONDS = 30 * 86400
_NOBODY = Address("0x" + "0" * 40)


class ArtifactRegistry:
    """What the community made and trains on, by digest."""

    NAME = "ArtifactRegistry"

    def __init__(self, world: World, settings: DeploySettings, members: MemberRegistry) -> None:
        self._domain = world.domain(self.NAME)
        self._members = members
        self._licences = dict.fromkeys(settings.licences, True)
        self._world = world
        self._artifacts: dict[bytes, Artifact] = {}
        self._frozen_until: dict[bytes, int] = {}
        self.nonces = Nonces()
        self.access = DataAccess(self, self._domain)
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
            parents=tuple(registration.parents),
            restricted=registration.restricted,
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
            restricted=registration.restricted,
        )
        return digest

    def supersede(self, tx: Tx, request: Supersession, signature: bytes) -> None:
        """By the owner, for an active one of the same kind."""
        self._require_owned(request.digest)
        self._require_state(request.digest, ArtifactState.ACTIVE)
        self._require_state(request.by, ArtifactState.ACTIVE)
        same_kind = self._artifacts[request.by].kind == self._artifacts[request.digest].kind
        if request.by == request.digest or not same_kind:
            raise LedgerRefused("NotASuccessor", {"digest": request.digest, "by": request.by})
        owner = self.owner_of(request.digest)
        require_signed(tx, self._domain, replace(request, owner=owner), request.deadline, signature, owner)
        self._change(request.digest, state=ArtifactState.SUPERSEDED, superseded_by=request.by)
        tx.emit(self.NAME, "ArtifactSuperseded", digest=request.digest, by=request.by)

    def revoke(self, tx: Tx, request: Withdrawal, signature: bytes) -> None:
        """By the owner."""
        self._require_owned(request.digest)
        found = self.state_of(request.digest)
        if found not in (ArtifactState.ACTIVE, ArtifactState.SUPERSEDED):
            raise _wrong_state(request.digest, found)
        owner = self.owner_of(request.digest)
        require_signed(tx, self._domain, replace(request, owner=owner), request.deadline, signature, owner)
        self._change(request.digest, state=ArtifactState.REVOKED)
        tx.emit(self.NAME, "ArtifactRevoked", digest=request.digest)

    def freeze(self, tx: Tx, digest: bytes, until: int) -> None:
        """Ends by itself."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        self._require_standing(digest)
        latest = tx.timestamp + _MAX_FREEZE_SECONDS
        if not tx.timestamp < until <= latest:
            raise LedgerRefused("InvalidFreeze", {"until": until, "latest": latest})
        self._frozen_until[digest] = until
        tx.emit(self.NAME, "ArtifactFrozen", digest=digest, until=until)

    def unfreeze(self, tx: Tx, digest: bytes) -> None:
        """At once."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        self._frozen_until.pop(digest, None)
        tx.emit(self.NAME, "ArtifactUnfrozen", digest=digest)

    def take_down(self, tx: Tx, digest: bytes, descendants: Sequence[Mapping[str, Any]], report_cid: bytes) -> None:
        """For good."""
        if not self.roles.has(INCIDENT_ROLE, tx.sender):
            self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._require_standing(digest)
        cids.from_bytes(report_cid)
        named = self._require_descendants(digest, descendants)
        self._change(digest, state=ArtifactState.TAKEN_DOWN)
        tx.emit(
            self.NAME, "ArtifactTakenDown", digest=digest, by=tx.sender, descendants=tuple(named), reportCid=report_cid
        )

    def certify_release(self, tx: Tx, digest: bytes) -> None:
        """A vote stands behind it."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        if digest not in self._artifacts or self._artifacts[digest].kind != ArtifactKind.RELEASE:
            raise LedgerRefused("NotARelease", {"digest": digest})
        self._require_state(digest, ArtifactState.ACTIVE)
        self._change(digest, certified=True)
        tx.emit(self.NAME, "ReleaseCertified", digest=digest)

    def set_licence(self, tx: Tx, licence: str, allowed: bool) -> None:
        """Allow or forbid an SPDX id for new artifacts."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._licences[licence] = allowed
        number = list(self._licences).index(licence) + 1
        tx.emit(self.NAME, "LicenceSet", licenceId=number, licence=licence, allowed=allowed)

    def get(self, digest: bytes) -> Artifact | None:
        """None when it is not registered."""
        state = self.state_of(digest)
        return None if state is None else replace(self._artifacts[digest], state=state)

    def all(self) -> Sequence[Artifact]:
        """In order of registration."""
        return tuple(found for digest in self._artifacts if (found := self.get(digest)))

    def owner_of(self, digest: bytes) -> Address:
        """The present account of who registered it; zero for what is not registered."""
        found = self._artifacts.get(digest)
        return _NOBODY if found is None else self._members.present_account(found.account)

    def state_of(self, digest: bytes) -> ArtifactState | None:
        """What it may be used for now; None when it is not registered."""
        if digest not in self._artifacts:
            return None
        stored = self._artifacts[digest].state
        frozen = stored != ArtifactState.TAKEN_DOWN and self._world.now() < self._frozen_until.get(digest, 0)
        return ArtifactState.FROZEN if frozen else stored

    def require_active_member(self, account: Address) -> None:
        """Raises LedgerRefused("NotAnActiveMember")."""
        self._members.require_active(account)

    def require_owner(self, digest: bytes, account: Address) -> None:
        """Raises LedgerRefused("NotTheOwner")."""
        if account != (owner := self.owner_of(digest)):
            raise LedgerRefused("NotTheOwner", {"digest": digest, "account": account, "owner": owner})
        self._members.require_active(account)

    def require_restricted(self, digest: bytes) -> None:
        """A restricted dataset that may be used."""
        found = self.get(digest)
        if found is None or not found.restricted:
            raise LedgerRefused("NotRestricted", {"digest": digest})
        if not found.state.usable:
            raise _wrong_state(digest, found.state)

    def is_dataset(self, digest: bytes) -> bool:
        """Whether the digest is registered as a dataset."""
        found = self._artifacts.get(digest)
        return found is not None and found.kind == ArtifactKind.DATASET

    def _require_registrable(self, registration: Registration) -> bytes:
        if registration.kind not in list(ArtifactKind):
            raise LedgerRefused("InvalidKind", {"kind": int(registration.kind)})
        if not self._licences.get(registration.licence, False):
            raise LedgerRefused("LicenceNotAllowed", {"licence": registration.licence})
        digest = cids.digest(registration.cid)
        if digest in self._artifacts:
            account = self._artifacts[digest].account
            raise LedgerRefused("AlreadyRegistered", {"digest": digest, "account": account})
        if registration.restricted and registration.kind != ArtifactKind.DATASET:
            raise LedgerRefused("NotRestrictable", {"kind": int(registration.kind)})
        self._require_parents(digest, registration)
        return digest

    def _require_parents(self, digest: bytes, registration: Registration) -> None:
        first = self._artifacts.get(registration.parents[0]) if registration.parents else None
        if registration.kind == ArtifactKind.RELEASE and (first is None or first.kind != ArtifactKind.CHECKPOINT):
            raise LedgerRefused("ReleaseWithoutCheckpoint", {"digest": digest})
        for parent in registration.parents:
            state = self.state_of(parent)
            if state is None:
                raise LedgerRefused("UnknownParent", {"parent": parent})
            if not state.usable:
                raise LedgerRefused("ParentNotUsable", {"parent": parent, "state": int(state)})

    def _require_descendants(self, digest: bytes, descendants: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Each is a child of the artifact itself or of an earlier one in the list."""
        named: list[bytes] = []
        for entry in descendants:
            child, via = entry["digest"], entry["via"]
            parent = digest if via == 0 else named[via - 1] if via <= len(named) else bytes(32)
            if child not in self._artifacts or parent not in self._artifacts[child].parents:
                raise LedgerRefused("NotADescendant", {"descendant": child, "parent": parent})
            named.append(child)
        return named

    def _require_owned(self, digest: bytes) -> None:
        self._members.require_active(self.owner_of(digest))

    def _require_state(self, digest: bytes, wanted: ArtifactState) -> None:
        found = self.state_of(digest)
        if found != wanted:
            raise _wrong_state(digest, found)

    def _require_standing(self, digest: bytes) -> None:
        stored = self._artifacts[digest].state if digest in self._artifacts else None
        if stored in (None, ArtifactState.TAKEN_DOWN):
            raise _wrong_state(digest, stored)

    def _change(self, digest: bytes, **changes: Any) -> None:
        self._artifacts[digest] = replace(self._artifacts[digest], **changes)


def _wrong_state(digest: bytes, found: ArtifactState | None) -> LedgerRefused:
    return LedgerRefused("WrongState", {"digest": digest, "state": int(found or 0)})
