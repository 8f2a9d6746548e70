"""Contributions as data: the lines of a round's tree."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page, Who


class ContributionRow(Model):
    """One member's line of a contributions tree."""

    who: Who
    samples: int
    steps: int
    score: int
    """Millionths of held-out gain for trainers, basis points of agreement for evaluators."""
    update_digest: Hex | None
    """None: no update this round."""
    reward: Big
    cumulative_reward: Big
    claimed: Big


class ContributionsPage(Page):
    """A round's contributions tree, largest reward first."""

    run_id: int
    run_name: str
    round: int
    head_round: int
    tree_cid: str | None
    contributions_root: Hex | None
    contributions: list[ContributionRow]
    page: int
    num_pages: int
