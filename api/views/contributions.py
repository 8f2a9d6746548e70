"""Who contributed what in a round, and what it earned so far."""

from __future__ import annotations

from collections.abc import Sequence

from api.desk import Desk, NotFound, paged
from api.index.entries import RunEntry
from api.schemas.contributions import ContributionRow, ContributionsPage
from node.records.rounds import ContributionLeaf

NO_UPDATE = bytes(32)


def contributions_page(desk: Desk, run_id: int, round_number: int | None, page: int) -> ContributionsPage:
    """`round_number` None: the head. Raises NotFound."""
    run = desk.run(run_id)
    number = run.head_round if round_number is None else round_number
    entry = run.rounds.get(number)
    if entry is None and round_number is not None:
        raise NotFound(f"Run {run_id} has no committed round {number}. Its head is round {run.head_round}.")
    tree_cid, leaves = desk.leaves(run, number) if entry else (None, [])
    shown, page, num_pages = paged(by_reward(desk, run, leaves), page)
    return ContributionsPage(
        run_id=run_id,
        run_name=run.params.name,
        round=number,
        head_round=run.head_round,
        tree_cid=tree_cid,
        contributions_root=entry.commit.contributions_root if entry else None,
        contributions=list(shown),
        page=page,
        num_pages=num_pages,
        **desk.page(),
    )


def by_reward(desk: Desk, run: RunEntry, leaves: Sequence[ContributionLeaf]) -> list[ContributionRow]:
    """Largest cumulative reward first."""
    ordered = sorted(leaves, key=lambda leaf: (-leaf.cumulative_reward, leaf.member_id))
    return [
        ContributionRow(
            who=desk.who(leaf.account),
            samples=leaf.samples,
            steps=leaf.steps,
            score=leaf.score,
            update_digest=None if leaf.update_digest == NO_UPDATE else leaf.update_digest,
            reward=leaf.reward,
            cumulative_reward=leaf.cumulative_reward,
            claimed=run.claimed.get(leaf.member_id, 0),
        )
        for leaf in ordered
    ]
