"""Rounds: the list of a run's, and one with its receipts, refusals, score sheets and times."""

from __future__ import annotations

from collections.abc import Iterable

from api.desk import Desk, NotFound, paged
from api.index.entries import FailureEntry, RoundEntry, RunEntry
from api.schemas.rounds import ReceiptRow, RecordView, RefusalRow, RoundPage, RoundsPage, ScoreRow, SheetRow, Timing
from node.round_record import RoundRecord, ScoreSheet

PARTS = (
    "train",
    "train_wait",
    "score",
    "score_wait",
    "aggregate",
    "heldout",
    "cosign",
    "cosign_wait",
    "ipfs",
    "flower",
)
"""Parts of a round that the coordinator times, in the order in which they happen."""


def rounds_page(desk: Desk, run_id: int, page: int) -> RoundsPage:
    """Raises NotFound."""
    run = desk.run(run_id)
    rows = [desk.round_row(run, entry) for entry in run.rounds.values()]
    rows += [desk.failure_row(run, failure) for failure in run.failures]
    rows.sort(key=lambda row: (row.round, row.block_number), reverse=True)
    shown, page, num_pages = paged(rows, page)
    return RoundsPage(
        run_id=run_id, run_name=run.params.name, rounds=list(shown), page=page, num_pages=num_pages, **desk.page()
    )


def round_page(desk: Desk, run_id: int, number: int) -> RoundPage:
    """Raises NotFound."""
    run = desk.run(run_id)
    failures = [failure for failure in reversed(run.failures) if failure.round == number]
    committed = run.rounds.get(number)
    if committed is None and not failures:
        raise NotFound(f"Run {run_id} has no round {number}. Its head is round {run.head_round}.")
    entry = committed or failures[0]
    record = desk.record(entry)
    commit = entry.commit if isinstance(entry, RoundEntry) else None
    attempts = failures if committed else failures[1:]
    return RoundPage(
        round=desk.round_row(run, entry, record) if isinstance(entry, RoundEntry) else desk.failure_row(run, entry),
        run_name=run.params.name,
        quorum=run.now.quorum,
        spec_digest=commit.spec_digest if commit else None,
        dataset_digest=commit.dataset_digest if commit else None,
        parent_round=committed.parent_round if committed else None,
        parent_digest=commit.parent_digest if commit else None,
        contributions_root=commit.contributions_root if commit else None,
        record=_record_view(desk, record) if record else None,
        attempts=[desk.failure_row(run, failure) for failure in attempts],
        previous_round=number - 1 if _exists(run, number - 1) else None,
        next_round=number + 1 if _exists(run, number + 1) else None,
        **desk.page(),
    )


def content_of_round(desk: Desk, run_id: int, number: int) -> set[str]:
    """Every CID that the round's records name. Raises NotFound."""
    run = desk.run(run_id)
    failures = [failure for failure in run.failures if failure.round == number]
    entries: list[RoundEntry | FailureEntry] = [*failures]
    if number in run.rounds:
        entries.append(run.rounds[number])
    records = [desk.record(entry) for entry in entries]
    return {cid for record in records if record for cid in _cids(record)}


def _cids(record: RoundRecord) -> list[str]:
    named: list[str] = [record.spec_cid, record.base_cid, record.checkpoint_cid, record.tree_cid]
    named += [signed.update_cid for signed in record.receipts]
    named += [refusal.update_cid for refusal in record.refusals if refusal.update_cid]
    named += [sheet.cid for sheet in record.sheets]
    return named


def _exists(run: RunEntry, number: int) -> bool:
    return number in run.rounds or any(failure.round == number for failure in run.failures)


def _record_view(desk: Desk, record: RoundRecord) -> RecordView:
    return RecordView(
        spec_version=record.spec_version,
        spec_cid=record.spec_cid,
        base_cid=record.base_cid,
        deadline=record.deadline,
        tree_cid=record.tree_cid,
        seed_block_number=record.seed_block_number,
        seed_block_hash=record.seed_block_hash,
        receipts=_receipts(desk, record),
        refusals=[
            RefusalRow(
                who=desk.who(refusal.account),
                phase=refusal.phase,
                reason=refusal.reason,
                detail=refusal.detail,
                update_cid=refusal.update_cid,
            )
            for refusal in record.refusals
        ],
        sheets=_sheets(desk, record),
        timings=[Timing(part=part, milliseconds=record.timings_ms[part]) for part in _in_time(record.timings_ms)],
        failure=record.failure,
    )


def _in_time(parts: Iterable[str]) -> list[str]:
    """In the order in which a round does them; parts without a place come last."""
    return sorted(parts, key=lambda part: (PARTS.index(part) if part in PARTS else len(PARTS), part))


def _receipts(desk: Desk, record: RoundRecord) -> list[ReceiptRow]:
    medians = {score.account: score for score in record.scores}
    rows = []
    for signed in record.receipts:
        receipt, median = signed.receipt, medians.get(signed.receipt.account)
        rows.append(
            ReceiptRow(
                who=desk.who(receipt.account),
                update_cid=signed.update_cid,
                num_samples=receipt.num_samples,
                num_steps=receipt.num_steps,
                start_loss_micro=receipt.start_loss_micro,
                end_loss_micro=receipt.end_loss_micro,
                gain_micro=median.gain_micro if median else None,
                error_micro=median.error_micro if median else None,
            )
        )
    return rows


def _sheets(desk: Desk, record: RoundRecord) -> list[SheetRow]:
    sheets = desk.reader.read_all([signed.cid for signed in record.sheets], ScoreSheet.from_bytes)
    rows = []
    for signed in record.sheets:
        sheet = sheets.get(signed.cid)
        rows.append(
            SheetRow(
                evaluator=desk.who(signed.account),
                cid=signed.cid,
                base_loss_micro=sheet.base_loss_micro if sheet else None,
                num_draws=sheet.num_draws if sheet else None,
                seed=sheet.seed if sheet else None,
                scores=[
                    ScoreRow(who=desk.who(s.account), gain_micro=s.gain_micro, error_micro=s.error_micro)
                    for s in (sheet.scores if sheet else ())
                ],
            )
        )
    return rows
