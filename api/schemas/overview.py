"""The first screen as data."""

from __future__ import annotations

from api.schemas.contributions import ContributionRow
from api.schemas.page import Page
from api.schemas.proposals import ProposalRow
from api.schemas.rounds import RoundRow
from api.schemas.runs import LossPoint, RunRow


class OverviewPage(Page):
    """The first screen."""

    run: RunRow | None
    last_round: RoundRow | None
    num_refused: int | None
    """None: the round record is not at hand."""
    open_votes: list[ProposalRow]
    last_vote: ProposalRow | None
    """The newest proposal whose vote is over."""
    top_contributions: list[ContributionRow]
    curve: list[LossPoint]
    other_runs: list[RunRow]
    num_members: int
