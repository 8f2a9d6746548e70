"""Artifacts: what is registered by digest, its state, and access to restricted datasets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from node.records.chain import Address
from node.records.content import Cid


class ArtifactKind(IntEnum):
    """What a registered digest is; the numbers are the contract's."""

    DATASET = 1
    CHECKPOINT = 2
    CODEC = 3
    ENCODER = 4
    RELEASE = 5
    VIDEO = 6
    REPORT = 7


class ArtifactState(IntEnum):
    """What an artifact may be used for; the numbers are the contract's."""

    ACTIVE = 1
    SUPERSEDED = 2
    REVOKED = 3
    FROZEN = 4
    TAKEN_DOWN = 5

    @property
    def usable(self) -> bool:
        """Whether something new may be made from it."""
        return self not in (ArtifactState.FROZEN, ArtifactState.TAKEN_DOWN)


class Access(IntEnum):
    """How far a member's access to a restricted dataset got; the numbers are the contract's."""

    NONE = 0
    REQUESTED = 1
    GRANTED = 2


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a member signs to register an artifact."""

    account: Address
    kind: ArtifactKind
    cid: Cid
    licence: str
    """SPDX identifier."""
    parents: tuple[bytes, ...] = ()
    """Digests of registered artifacts this one descends from; a release names its checkpoint first."""
    restricted: bool = False
    """A dataset that only those can read whom its owner grants access."""
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A registered artifact."""

    digest: bytes
    kind: ArtifactKind
    account: Address
    cid: Cid
    licence: str
    registered_at: int
    parents: tuple[bytes, ...] = ()
    restricted: bool = False
    state: ArtifactState = ArtifactState.ACTIVE
    superseded_by: bytes | None = None
    certified: bool = False
    """A vote stands behind this release."""


@dataclass(frozen=True, kw_only=True)
class AccessEntry:
    """One member's access to a restricted dataset."""

    account: Address
    access: Access
    encryption_key: bytes
    purpose: str
    wrapped_key: bytes
    """The content key, sealed; empty before a grant."""
    changed_at: int
