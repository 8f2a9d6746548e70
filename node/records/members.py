"""Members: roles, requests to join, recovery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from node.records.chain import Address


class Role(IntFlag):
    """What a member may do; a member can hold several."""

    TRAINER = 1
    EVALUATOR = 2
    CURATOR = 4


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member as the registry knows it."""

    member_id: int
    account: Address
    name: str
    roles: Role
    active: bool
    """Neither suspended nor barred, and has not left."""
    joined_at: int
    node_key_digest: bytes
    """sha256 of the member's Flower node public key in SubjectPublicKeyInfo DER."""
    barred_until: int = 0
    """Unix time at which a bar ends by itself; 0 without one."""
    left: bool = False


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Who may move a member, and the move under way."""

    recovery: Address | None
    moving_to: Address | None
    acceptable_from: int
    """Unix time from which the new account can accept; 0 without a move."""


@dataclass(frozen=True, kw_only=True)
class JoinRequest:
    """What a member signs to join; an admitter signs the matching voucher."""

    account: Address
    roles: Role
    node_key_digest: bytes
    name: str
    deadline: int
    """Unix time in seconds after which the chain refuses it."""


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """What an admitter signs to let an account in: the join request's values."""

    account: Address
    roles: Role
    deadline: int
    """Unix time in seconds; the same as the request's."""
