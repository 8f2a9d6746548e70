"""Merit epochs on a chain."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain_ledger.link import ChainLink
from node.chain_records import epoch_commit_from, epoch_fields, record_from
from node.records.merit import EpochCommit, MeritBounds


class ChainEpochs(ChainLink):
    """Merit epochs and their bounds."""

    def commit_epoch(self, commit: EpochCommit, signatures: Sequence[bytes]) -> bytes:
        return self._send("MeritEpochs", "commitEpoch", epoch_fields(commit), list(signatures)).tx_hash

    def epoch(self, number: int) -> EpochCommit | None:
        event = self._log.refreshed().last("EpochCommitted", number)
        return None if event is None else epoch_commit_from(event.args)

    def final_epoch(self, timepoint: int | None = None) -> int:
        at = self._rpc.now() if timepoint is None else timepoint
        return int(self._call("MeritEpochs", "finalEpochAt", at))

    def merit_bounds(self) -> MeritBounds:
        return record_from(MeritBounds, self._call("MeritEpochs", "bounds"))
