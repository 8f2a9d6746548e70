"""What one page is made from: a picture of the chain, a reader of content, and the few words shared by all pages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypedDict, TypeVar

from api.content import Reader
from api.index.entries import FailureEntry, RoundEntry, RunEntry
from api.index.follower import Outage, View
from api.schemas.page import AsOf, MissingContent, Who
from api.schemas.rounds import RoundRow
from api.schemas.runs import LossPoint, RunRow
from node.records.content import Cid
from node.records.rounds import ContributionLeaf
from node.round_record import RoundRecord, tree_from_bytes

T = TypeVar("T")

ROWS_A_PAGE = 50
STALE_AFTER_SECONDS = 15


class NotFound(Exception):
    """There is no such thing; the text is for the reader."""


class PageFields(TypedDict):
    """What every page carries."""

    as_of: AsOf
    missing: list[MissingContent]


class Desk:
    """One request's view. Builders take it and return a page's data; they decide nothing about HTTP."""

    def __init__(self, view: View, reader: Reader, outage: Outage | None = None, *, now: float | None = None) -> None:
        self.view = view
        self.history = view.history
        self.live = view.live
        self.reader = reader
        self._outage = outage
        self._now = time.time() if now is None else now

    def page(self) -> PageFields:
        """The fields that every page carries; ask last, when all content was read."""
        missing = [MissingContent(cid=m.cid, reason=m.reason) for m in self.reader.missing]
        return PageFields(as_of=self.as_of(), missing=missing)

    def run(self, run_id: int) -> RunEntry:
        """Raises NotFound."""
        if run_id not in self.history.runs:
            raise NotFound(f"There is no run {run_id}. {_have('run', sorted(self.history.runs))}")
        return self.history.runs[run_id]

    def who(self, account: str) -> Who:
        """An account with its member's name."""
        member = self.history.member_of(account)
        if member is None:
            return Who(account=account, member_id=None, name="")
        return Who(account=account, member_id=member.member_id, name=member.name)

    def record(self, entry: RoundEntry | FailureEntry) -> RoundRecord | None:
        """A round's record, when it is at hand."""
        cid = entry.commit.record_cid if isinstance(entry, RoundEntry) else entry.record_cid
        return self.reader.read(cid, RoundRecord.from_bytes)

    def leaves(self, run: RunEntry, round_number: int) -> tuple[Cid | None, list[ContributionLeaf]]:
        """CID and leaves of a committed round's contributions tree; what is missing is noted."""
        record = self.record(run.rounds[round_number])
        if record is None:
            return None, []
        return record.tree_cid, self.reader.read(record.tree_cid, tree_from_bytes) or []

    def run_row(self, run: RunEntry) -> RunRow:
        """A run's line."""
        dataset = self.history.artifacts.get(run.now.dataset_digest)
        head = run.rounds.get(run.head_round)
        spec = run.specs[-1] if run.specs else None
        return RunRow(
            run_id=run.run_id,
            name=run.params.name,
            curator=self.who(run.curator),
            created_at=run.created_at,
            spec_version=spec.version if spec else 1,
            spec_cid=spec.cid if spec else run.params.spec_cid,
            head_round=run.head_round,
            head_cid=run.head_cid,
            heldout_loss_micro=head.commit.heldout_loss_micro if head else None,
            num_failed=len(run.failures),
            funded=run.funded,
            claimed=sum(run.claimed.values()),
            reward_cap=run.now.reward_cap,
            quorum=run.now.quorum,
            dispute_window_seconds=run.params.dispute_window_seconds,
            vested_bps=run.params.vested_bps,
            vesting_seconds=run.params.vesting_seconds,
            paused_until=run.now.paused_until,
            disputed_round=run.now.disputed_round,
            dataset_digest=run.now.dataset_digest,
            dataset_cid=dataset.artifact.cid if dataset else None,
        )

    def round_row(self, run: RunEntry, entry: RoundEntry, record: RoundRecord | None = None) -> RoundRow:
        """A committed round's line; round 1 is compared with the start that its record names."""
        commit = entry.commit
        parent = run.rounds.get(entry.parent_round)
        before = parent.commit.heldout_loss_micro if parent else record.parent_heldout_loss_micro if record else 0
        return RoundRow(
            run_id=run.run_id,
            round=commit.round,
            status=self._status(run, commit.round),
            reason="",
            time=entry.committed_at,
            heldout_loss_micro=commit.heldout_loss_micro,
            change_micro=commit.heldout_loss_micro - before if before else None,
            num_clients=commit.num_clients,
            reward=commit.reward,
            checkpoint_cid=commit.checkpoint_cid,
            record_cid=commit.record_cid,
            block_number=entry.block_number,
            tx_hash=entry.tx_hash,
        )

    def _status(self, run: RunEntry, number: int) -> str:
        if number in run.voided:
            return "voided"
        if number == run.now.disputed_round:
            return "disputed"
        return "final" if (run.run_id, number) in self.live.final_rounds else "open to dispute"

    def failure_row(self, run: RunEntry, failure: FailureEntry) -> RoundRow:
        """A failed attempt's line."""
        return RoundRow(
            run_id=run.run_id,
            round=failure.round,
            status="failed",
            reason=failure.reason,
            time=failure.failed_at,
            heldout_loss_micro=None,
            change_micro=None,
            num_clients=0,
            reward=0,
            checkpoint_cid=None,
            record_cid=failure.record_cid,
            block_number=failure.block_number,
            tx_hash=failure.tx_hash,
        )

    def curve(self, run: RunEntry) -> list[LossPoint]:
        """Held-out loss by round that counts, from where the run started as far as round 1's record says it."""
        rounds = run.counted
        points = [LossPoint(round=r.commit.round, heldout_loss_micro=r.commit.heldout_loss_micro) for r in rounds]
        first = self.record(rounds[0]) if rounds else None
        if first is not None and first.parent_heldout_loss_micro > 0:
            points.insert(0, LossPoint(round=0, heldout_loss_micro=first.parent_heldout_loss_micro))
        return points

    def as_of(self) -> AsOf:
        """Of which block the data is, in words too."""
        block, age = self.view.block, max(0, int(self._now - self.view.polled_at))
        stale = self._outage is not None or age > STALE_AFTER_SECONDS
        words = f"as of block {block.number}, {duration(age)} ago"
        if stale:
            silent = self._outage.what if self._outage is not None else "chain"
            words = (
                f"Stale: the {silent} has not answered for {duration(age)}. This is the state of block {block.number}."
            )
        return AsOf(
            block=block.number,
            block_hash=block.hash,
            block_time=block.timestamp,
            polled_at=self.view.polled_at,
            age_seconds=age,
            stale=stale,
            words=words,
        )


def paged(rows: Sequence[T], page: int) -> tuple[Sequence[T], int, int]:
    """(rows of the page, page, number of pages); pages count from 1. Raises NotFound beyond the last."""
    num_pages = max(1, -(-len(rows) // ROWS_A_PAGE))
    if not 1 <= page <= num_pages:
        raise NotFound(f"There is no page {page}; the pages are 1 to {num_pages}.")
    return rows[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE], page, num_pages


def duration(seconds: float) -> str:
    """A span in the largest fitting unit: 12 s, 3 min, 5 h, 2 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _have(noun: str, numbers: Sequence[int]) -> str:
    if not numbers:
        return f"There is no {noun} yet."
    if len(numbers) == 1:
        return f"The only {noun} is {numbers[0]}."
    return f"The {noun}s are {numbers[0]} to {numbers[-1]}."
