"""What members sign beyond joining, and where each request goes on chain: one table for chain, twin and relay.

Every record's fields are those of its EIP-712 struct, in order; a relayer brings it with the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from node import cid as cids
from node.records.chain import Address
from node.records.content import Cid


@dataclass(frozen=True, kw_only=True)
class Supersession:
    """The owner of an artifact names a better one of the same kind."""

    owner: Address
    digest: bytes
    by: bytes
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """The owner of an artifact stands by it no more."""

    owner: Address
    digest: bytes
    deadline: int


@dataclass(frozen=True, kw_only=True)
class AccessRequest:
    """A member asks to read a restricted dataset."""

    account: Address
    digest: bytes
    encryption_key: bytes
    """X25519 public key, 32 bytes."""
    purpose: str
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class AccessGrant:
    """The owner lets a member read."""

    owner: Address
    digest: bytes
    account: Address
    wrapped_key: bytes
    """The content key, sealed to the account's encryption key."""
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class AccessRevocation:
    """The owner takes a grant away, or declines a request."""

    owner: Address
    digest: bytes
    account: Address
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class NodeKeyRotation:
    """A member's node speaks with another key from now on."""

    account: Address
    node_key_digest: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class RecoveryChoice:
    """A member names the account that may move it; zero for none."""

    account: Address
    recovery: Address
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class MoveRequest:
    """A recovery account moves a member to another account."""

    recovery: Address
    member_id: int
    to: Address
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class MoveStop:
    """A member stops its move."""

    account: Address
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class MoveAcceptance:
    """The new account takes the membership over."""

    member_id: int
    account: Address
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """A member leaves for good."""

    account: Address
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class IncidentReport:
    """A member reports an incident, or disputes a round."""

    account: Address
    kind: int
    """An IncidentKind."""
    severity: int
    """1 low, 2 medium, 3 high, 4 critical."""
    accused_id: int
    """0: nobody."""
    run_id: int
    """0: none."""
    round: int
    """Of a bad round; else 0."""
    artifact: bytes
    """32 zero bytes: none."""
    evidence_cid: Cid
    nonce: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class BondWithdrawal:
    """A member wants so much of its bond back."""

    account: Address
    amount: int
    nonce: int
    deadline: int


MemberRequest = (
    Supersession
    | Withdrawal
    | AccessRequest
    | AccessGrant
    | AccessRevocation
    | NodeKeyRotation
    | RecoveryChoice
    | MoveRequest
    | MoveStop
    | MoveAcceptance
    | Leaving
    | IncidentReport
    | BondWithdrawal
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a request goes."""

    contract: str
    function: str
    signer: str
    """The field that names who signs."""
    arguments: Callable[[Any], tuple[Any, ...]]
    """What the function takes before the signature."""
    member: bool = True
    """Whether the signer must be an active member."""


def signer_of(request: MemberRequest) -> Address:
    """Who must have signed `request`."""
    account: Address = getattr(request, route_of(request).signer)
    return account


def route_of(request: MemberRequest) -> Route:
    """The contract's function that takes `request`."""
    return ROUTES[type(request)]


def _struct(request: Any) -> tuple[Any, ...]:
    return (tuple(_binary(field.type, getattr(request, field.name)) for field in fields(request)),)


def _binary(kind: Any, value: Any) -> Any:
    return cids.to_bytes(value) if kind == "Cid" else value


def _flat(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    return lambda request: tuple(getattr(request, name) for name in names)


ROUTES: dict[type, Route] = {
    Supersession: Route(
        contract="ArtifactRegistry",
        function="supersede",
        signer="owner",
        arguments=_flat("digest", "by", "deadline"),
    ),
    Withdrawal: Route(
        contract="ArtifactRegistry", function="revoke", signer="owner", arguments=_flat("digest", "deadline")
    ),
    AccessRequest: Route(contract="ArtifactRegistry", function="requestAccess", signer="account", arguments=_struct),
    AccessGrant: Route(contract="ArtifactRegistry", function="grantAccess", signer="owner", arguments=_struct),
    AccessRevocation: Route(contract="ArtifactRegistry", function="revokeAccess", signer="owner", arguments=_struct),
    NodeKeyRotation: Route(
        contract="MemberRegistry",
        function="rotateNodeKey",
        signer="account",
        arguments=_flat("account", "node_key_digest", "deadline"),
    ),
    RecoveryChoice: Route(
        contract="MemberRegistry",
        function="setRecovery",
        signer="account",
        arguments=_flat("account", "recovery", "nonce", "deadline"),
    ),
    MoveRequest: Route(
        contract="MemberRegistry", function="startMove", signer="recovery", arguments=_struct, member=False
    ),
    MoveStop: Route(
        contract="MemberRegistry",
        function="stopMove",
        signer="account",
        arguments=_flat("account", "nonce", "deadline"),
    ),
    MoveAcceptance: Route(
        contract="MemberRegistry",
        function="acceptMove",
        signer="account",
        arguments=_flat("member_id", "deadline"),
        member=False,
    ),
    Leaving: Route(
        contract="MemberRegistry", function="resign", signer="account", arguments=_flat("account", "nonce", "deadline")
    ),
    IncidentReport: Route(contract="IncidentManager", function="report", signer="account", arguments=_struct),
    BondWithdrawal: Route(
        contract="IncidentManager",
        function="requestWithdrawal",
        signer="account",
        arguments=_flat("account", "amount", "nonce", "deadline"),
    ),
}
REQUESTS: dict[str, type] = {cls.__name__: cls for cls in ROUTES}
"""By name, as the relay and the twin's journal write them."""
