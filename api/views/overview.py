"""The first screen: head, last round, open votes, top contributions, the loss so far."""

from __future__ import annotations

from api.desk import Desk
from api.index.entries import RunEntry
from api.schemas.contributions import ContributionRow
from api.schemas.overview import OverviewPage
from api.views.contributions import by_reward
from api.views.proposals import proposal_rows
from node.records.proposals import ProposalState

NUM_TOP = 5
OPEN_STATES = {state.name.lower() for state in (ProposalState.PENDING, ProposalState.ACTIVE)}


def overview(desk: Desk) -> OverviewPage:
    """The run with the newest event stands in front; the others are named below it."""
    runs = sorted(desk.history.runs.values(), key=_last_activity, reverse=True)
    run = runs[0] if runs else None
    last = run.rounds.get(run.head_round) if run else None
    record = desk.record(last) if last else None
    proposals = proposal_rows(desk)
    return OverviewPage(
        run=desk.run_row(run) if run else None,
        last_round=desk.round_row(run, last, record) if run and last else None,
        num_refused=len(record.refusals) if record else None,
        open_votes=[row for row in proposals if row.state in OPEN_STATES],
        last_vote=next((row for row in proposals if row.state not in OPEN_STATES), None),
        top_contributions=_top_contributions(desk, run),
        curve=desk.curve(run) if run else [],
        other_runs=[desk.run_row(other) for other in runs[1:]],
        num_members=len(desk.history.members),
        **desk.page(),
    )


def _top_contributions(desk: Desk, run: RunEntry | None) -> list[ContributionRow]:
    if run is None or not run.head_round:
        return []
    _, leaves = desk.leaves(run, run.head_round)
    return by_reward(desk, run, leaves)[:NUM_TOP]


def _last_activity(run: RunEntry) -> tuple[int, int]:
    times = [run.created_at, *(r.committed_at for r in run.rounds.values()), *(f.failed_at for f in run.failures)]
    return max(times), run.run_id
