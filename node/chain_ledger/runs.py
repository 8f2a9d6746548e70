"""Runs and rounds on a chain, carried on from event to event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from node import cid as cids
from node import governance
from node.chain_ledger.link import ChainLink
from node.chain_records import data_fields, data_of, round_fields, run_fields
from node.deployment import Deployment
from node.errors import LedgerRefused
from node.identity import Identity
from node.records.content import Cid
from node.records.rounds import RoundCommit, RoundState
from node.records.runs import RunParams, RunState
from node.run_history import RunHistory

T = TypeVar("T")


class ChainRuns(ChainLink):
    """Runs and their rounds."""

    def __init__(self, deployment: Deployment, *, key: Identity | None = None) -> None:
        super().__init__(deployment, key=key)
        self._histories: dict[int, tuple[int, int, RunHistory]] = {}
        """By run: the log's generation, how many events were taken, what they add up to."""
        self._histories_lock = threading.RLock()

    def create_run(self, params: RunParams) -> int:
        receipt = self._send("TrainingRuns", "createRun", run_fields(params))
        return int(self._logged(receipt, "RunCreated").args["runId"])

    def num_runs(self) -> int:
        return len(self._log.refreshed().named("RunCreated"))

    def run(self, run_id: int) -> RunState:
        state = self._of_run(run_id, lambda history: history.state)
        if state is None:
            raise LedgerRefused("UnknownRun", {"runId": run_id})
        return state

    def commit_round(self, commit: RoundCommit, signatures: Sequence[bytes]) -> bytes:
        return self._send("TrainingRuns", "commitRound", round_fields(commit), list(signatures)).tx_hash

    def close_failed(self, run_id: int, round_number: int, record_cid: Cid, reason: str) -> bytes:
        word = governance.reason_word(reason)
        receipt = self._send("TrainingRuns", "closeFailed", run_id, round_number, cids.to_bytes(record_cid), word)
        return receipt.tx_hash

    def round(self, run_id: int, round_number: int) -> RoundState | None:
        now = self._rpc.now()
        return self._of_run(run_id, lambda history: history.round(round_number, now))

    def rounds(self, run_id: int) -> Sequence[RoundState]:
        self.run(run_id)
        now = self._rpc.now()
        return self._of_run(run_id, lambda history: history.all_rounds(now))

    def restore_head(self, run_id: int) -> bytes:
        first = self._of_run(run_id, lambda history: history.rounds.get(history.lost_at))
        if first is None:
            raise LedgerRefused("HeadKnown", {"runId": run_id})
        return self._send("TrainingRuns", "restoreHead", run_id, data_fields(data_of(first))).tx_hash

    def _of_run(self, run_id: int, read: Callable[[RunHistory], T]) -> T:
        """What `read` finds in the run's history, which is carried on from where the last call left it."""
        with self._histories_lock:
            log = self._log.refreshed()
            generation, taken, history = self._histories.get(run_id, (log.generation, 0, RunHistory()))
            if generation != log.generation:
                generation, taken, history = log.generation, 0, RunHistory()
            events = log.of_run(run_id, taken)
            for event in events:
                history.take(event)
            self._histories[run_id] = (generation, taken + len(events), history)
            return read(history)
