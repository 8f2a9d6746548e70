"""A run's checkpoints, from the head back to the genesis."""

from __future__ import annotations

from api.desk import Desk, paged
from api.schemas.checkpoints import CheckpointRow, CheckpointsPage


def checkpoints_page(desk: Desk, run_id: int, page: int) -> CheckpointsPage:
    """Raises NotFound."""
    run = desk.run(run_id)
    rows = []
    for number in sorted(run.rounds, reverse=True):
        row = desk.round_row(run, run.rounds[number])
        cid = run.rounds[number].commit.checkpoint_cid
        rows.append(
            CheckpointRow(
                round=number,
                cid=cid,
                heldout_loss_micro=row.heldout_loss_micro,
                time=row.time,
                status=row.status,
                url=f"/ipfs/{cid}",
            )
        )
    genesis = run.params.genesis_cid
    rows.append(
        CheckpointRow(
            round=0, cid=genesis, heldout_loss_micro=None, time=run.created_at, status="genesis", url=f"/ipfs/{genesis}"
        )
    )
    shown, page, num_pages = paged(rows, page)
    return CheckpointsPage(
        run_id=run_id, run_name=run.params.name, checkpoints=list(shown), page=page, num_pages=num_pages, **desk.page()
    )
