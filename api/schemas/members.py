"""Members as data: roles, state, merit, weight and rewards."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page


class RecoveryRow(Model):
    """Who may move a member that lost its keys, and the move under way."""

    account: str | None
    """In force now; None where nobody can move the member yet."""
    next_account: str | None
    """Takes its place at `next_from`; None beside a `next_from`: nobody does."""
    next_from: int
    """Unix time; 0 without a change under way."""
    moving_to: str | None
    acceptable_from: int
    """Unix time from which `moving_to` can take the membership over; until it does the member can stop the move."""


class MemberRow(Model):
    """A member: roles, merit, voting weight, rewards over all runs."""

    member_id: int
    name: str
    account: str
    roles: list[str]
    active: bool
    state: str
    """"active", "suspended", "barred" or "left"."""
    barred_until: int
    """Unix time at which a bar ends by itself; 0 without one."""
    recovery: RecoveryRow | None
    """None where no recovery account is named."""
    joined_at: int
    node_key_digest: Hex
    merit: Big | None
    weight: Big | None
    weight_bps: int | None
    """Share of all voting weight, in basis points."""
    earned: Big
    claimed: Big


class MembersPage(Page):
    """All members by id."""

    epoch: int
    """The merit epoch shown; 0 when none is final."""
    epoch_tree_cid: str | None
    members: list[MemberRow]
    page: int
    num_pages: int
