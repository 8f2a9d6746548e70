"""Members as data: roles, state, merit, weight and rewards."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page


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
