"""What TrainingRuns in memory keeps: each run's history, folded from the events that it logs itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.chain_records import data_of
from node.errors import LedgerRefused
from node.local_ledger.world import Roles, Tx, World
from node.records.chain import Event
from node.records.rounds import RoundData, RoundState, RoundStatus
from node.records.runs import RunState
from node.run_history import RunHistory


class RunStore:
    """Runs by id, and where their rounds stand."""

    NAME = "TrainingRuns"

    def __init__(self, world: World) -> None:
        self._world = world
        self._runs: dict[int, RunHistory] = {}
        self._logged_at: dict[tuple[int, int], int] = {}
        """Where each round's event is in the world's events."""
        self._paused_from: dict[int, int] = {}
        self.roles = Roles(self.NAME, world.addresses["TimelockController"])

    def count(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def run(self, run_id: int) -> RunState:
        """Raises LedgerRefused("UnknownRun")."""
        state = self._existing(run_id).state
        assert state is not None
        return state

    def round(self, run_id: int, round_number: int) -> RoundState | None:
        """None when it is not committed."""
        run = self._runs.get(run_id)
        found = run.round(round_number, self._world.now()) if run else None
        if found is None:
            return None
        event = self._world.events[self._logged_at[run_id, round_number]]
        return replace(found, block_number=event.block_number, tx_hash=event.tx_hash)

    def rounds(self, run_id: int) -> Sequence[RoundState]:
        """All committed rounds in order of number, voided ones included."""
        numbers = sorted(self._existing(run_id).rounds)
        return tuple(state for n in numbers if (state := self.round(run_id, n)) is not None)

    def status(self, run_id: int, round_number: int, timepoint: int) -> RoundStatus:
        """Where a round stands at Unix time `timepoint`."""
        run = self._runs.get(run_id)
        return RoundStatus.NONE if run is None else run.status(round_number, timepoint)

    def lost_at(self, run_id: int) -> int:
        """The first voided round of a run whose head is unknown; 0 when it is known."""
        return self._existing(run_id).lost_at

    def require_final(self, tx: Tx, run_id: int, round_number: int) -> None:
        """Raises LedgerRefused("RoundNotFinal")."""
        if self.status(run_id, round_number, tx.timestamp) != RoundStatus.FINAL:
            raise LedgerRefused("RoundNotFinal", {"runId": run_id, "round": round_number})

    def require_data(self, run_id: int, round_number: int, data: RoundData) -> None:
        """Raises LedgerRefused("WrongRoundData") unless the round was committed with `data`."""
        found = self._existing(run_id).rounds.get(round_number)
        if found is None or data_of(found) != data:
            raise LedgerRefused("WrongRoundData", {"runId": run_id, "round": round_number})

    def _existing(self, run_id: int) -> RunHistory:
        if run_id not in self._runs:
            raise LedgerRefused("UnknownRun", {"runId": run_id})
        return self._runs[run_id]

    def _emit(self, tx: Tx, name: str, run_id: int, /, **args: Any) -> None:
        """Log an event and take it into the run's history."""
        if name == "RoundCommitted":
            self._logged_at[run_id, args["round"]] = len(self._world.events) + len(tx.logs)
        tx.emit(self.NAME, name, runId=run_id, **args)
        event = Event(
            contract=self.NAME,
            name=name,
            block_number=0,
            block_hash=b"",
            log_index=0,
            tx_hash=b"",
            timestamp=tx.timestamp,
            args=tx.logs[-1][2],
        )
        self._runs[run_id].take(event)
