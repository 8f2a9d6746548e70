"""Disputes, voids and pauses of runs in memory; rules, their order and names are contracts/runs/RunDisputes.sol's."""

from __future__ import annotations

from eth_utils.crypto import keccak

from node import cid as cids
from node.errors import LedgerRefused
from node.local_ledger.run_store import RunStore
from node.local_ledger.world import Tx
from node.records.rounds import RoundData, RoundStatus

INCIDENT_ROLE = keccak(text="INCIDENT_ROLE")
MAX_PAUSE_SECONDS = 7 * 86_400


class RunDisputes(RunStore):
    """What incidents do to a run."""

    def dispute(self, tx: Tx, run_id: int, round_number: int) -> None:
        """Put an open round under dispute."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        disputed = self.run(run_id).disputed_round
        if disputed:
            raise LedgerRefused("AnotherDispute", {"runId": run_id, "round": disputed})
        status = self.status(run_id, round_number, tx.timestamp)
        if status != RoundStatus.COMMITTED:
            values = {"runId": run_id, "round": round_number, "status": int(status)}
            raise LedgerRefused("RoundNotOpen", values)
        self._emit(tx, "RoundDisputed", run_id, round=round_number)

    def settle_dispute(self, tx: Tx, run_id: int, round_number: int, voided: bool) -> None:
        """End a dispute; voided: the round and all later ones count no more."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        state = self.run(run_id)
        if round_number == 0 or state.disputed_round != round_number:
            raise LedgerRefused("NotDisputed", {"runId": run_id, "round": round_number})
        until = tx.timestamp + state.params.dispute_window_seconds
        self._emit(tx, "DisputeSettled", run_id, round=round_number, voided=voided, heldUntil=until)
        if voided:
            head = self._existing(run_id).rounds[round_number].parent_round
            span = {"fromRound": round_number, "toRound": state.last_round, "headRound": head}
            self._emit(tx, "RoundsVoided", run_id, **span)

    def restore_head(self, tx: Tx, run_id: int, data: RoundData) -> None:
        """Bring the head back after a void, from the data of the first voided round."""
        run = self._existing(run_id)
        lost_at = self.lost_at(run_id)
        if lost_at == 0:
            raise LedgerRefused("HeadKnown", {"runId": run_id})
        self.require_data(run_id, lost_at, data)
        state = self.run(run_id)
        self._emit(
            tx,
            "HeadRestored",
            run_id,
            headRound=state.head_round,
            checkpointDigest=cids.digest(state.head_cid),
            cumulativeReward=run.total_reward,
        )

    def pause(self, tx: Tx, run_id: int, until: int) -> None:
        """Refuse commits until then; seven days from the pause's beginning at most, never chained, never cut short."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        earliest = self.run(run_id).paused_until
        began = self._paused_from.get(run_id, 0)
        if tx.timestamp >= earliest:
            free_until = earliest + (earliest - began)
            if tx.timestamp < free_until:
                raise LedgerRefused("PauseTooSoon", {"runId": run_id, "earliest": free_until})
            began, earliest = tx.timestamp, tx.timestamp + 1
        latest = began + MAX_PAUSE_SECONDS
        if not earliest <= until <= latest:
            values = {"runId": run_id, "until": until, "earliest": earliest, "latest": latest}
            raise LedgerRefused("PauseOutOfRange", values)
        self._paused_from[run_id] = began
        self._emit(tx, "RunPaused", run_id, until=until)

    def unpause(self, tx: Tx, run_id: int) -> None:
        """End a pause early."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        self._existing(run_id)
        self._emit(tx, "RunUnpaused", run_id)

    def _require_open(self, tx: Tx, run_id: int) -> None:
        """Neither paused nor without a head."""
        until = self.run(run_id).paused_until
        if tx.timestamp < until:
            raise LedgerRefused("RunIsPaused", {"runId": run_id, "until": until})
        lost_at = self.lost_at(run_id)
        if lost_at:
            raise LedgerRefused("HeadUnknown", {"runId": run_id, "round": lost_at})
