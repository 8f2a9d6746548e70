"""MeritEpochs in memory: vote weights, one co-signed tree per epoch."""

from __future__ import annotations

from collections.abc import Sequence

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.quorum import require_quorum
from node.local_ledger.registries import GOVERNANCE_ROLE, MemberRegistry
from node.local_ledger.rules import struct_of
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.world import Roles, Tx, World
from node.merkle import merit_leaf_hash, verify
from node.records.merit import EpochCommit, MeritBounds, MeritLeaf

_BPS = 10_000
_MAX_GROWTH_BPS = 100_000
_MAX_TOTAL = 2**56 - 1


class MeritEpochs:
    """Vote weights: one tree per epoch."""

    NAME = "MeritEpochs"

    def __init__(self, world: World, settings: DeploySettings, members: MemberRegistry, runs: TrainingRuns) -> None:
        self._chain_id = world.chain_id
        self._address = world.addresses[self.NAME]
        self._domain = world.domain(self.NAME)
        self._finality_seconds = settings.epoch_finality_seconds
        self._members = members
        self._runs = runs
        self.bounds = settings.merit_bounds
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self._epochs: list[EpochCommit] = []
        self._final_at: list[int] = []

    def commit_epoch(self, tx: Tx, commit: EpochCommit, signatures: Sequence[bytes]) -> None:
        """Commit the next epoch."""
        self._require_next(tx, commit)
        require_quorum(self._members, self._domain, commit, signatures, self._quorum_for(commit))
        tree = cids.to_bytes(commit.tree_cid)
        final_at = tx.timestamp + self._finality_seconds
        self._epochs.append(commit)
        self._final_at.append(final_at)
        tx.emit(
            self.NAME,
            "EpochCommitted",
            epoch=commit.epoch,
            runId=commit.run_id,
            uptoRound=commit.upto_round,
            root=commit.root,
            totalWeight=commit.total_weight,
            maxWeight=commit.max_weight,
            count=commit.count,
            treeCid=tree,
            finalAt=final_at,
        )

    def _quorum_for(self, commit: EpochCommit) -> int:
        """That of its run, and no less than that of the run by which the epoch before was signed."""
        runs = {commit.run_id} | {before.run_id for before in self._epochs[-1:]}
        return max(self._runs.run(run_id).quorum for run_id in runs)

    def get(self, number: int) -> EpochCommit | None:
        """None when there is no such epoch."""
        return self._epochs[number - 1] if 1 <= number <= len(self._epochs) else None

    def final_at(self, timepoint: int) -> int:
        """The newest epoch that is final at `timepoint`; 0 when none is."""
        return sum(final_at <= timepoint for final_at in self._final_at)

    def require_final(self, timepoint: int) -> EpochCommit:
        """Raises LedgerRefused("NoFinalEpoch")."""
        number = self.final_at(timepoint)
        if number == 0:
            raise LedgerRefused("NoFinalEpoch", {"timepoint": timepoint})
        return self._epochs[number - 1]

    def proves(self, epoch: EpochCommit, leaf: MeritLeaf, proof: Sequence[bytes]) -> bool:
        """Whether the epoch's tree holds `leaf`."""
        if leaf.weight > epoch.max_weight:
            return False
        return verify(epoch.root, merit_leaf_hash(self._chain_id, self._address, leaf), proof)

    def _require_next(self, tx: Tx, commit: EpochCommit) -> None:
        expected = len(self._epochs) + 1
        if commit.epoch != expected:
            raise LedgerRefused("WrongEpoch", {"epoch": commit.epoch, "expected": expected})
        if commit.count == 0:
            raise LedgerRefused("EmptyEpoch", {"epoch": commit.epoch})
        self._require_bounded(commit)
        self._runs.require_final(tx, commit.run_id, commit.upto_round)

    def set_bounds(self, tx: Tx, bounds: MeritBounds) -> None:
        """For later epochs."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        share, growth = bounds.max_share_bps, bounds.max_growth_bps
        if not (1 <= share <= _BPS <= growth <= _MAX_GROWTH_BPS):
            raise LedgerRefused("InvalidBounds", {"maxShareBps": share, "maxGrowthBps": growth})
        self.bounds = bounds
        tx.emit(self.NAME, "MeritBoundsSet", bounds=struct_of(bounds))

    def _require_bounded(self, commit: EpochCommit) -> None:
        most, total, count = commit.max_weight, commit.total_weight, commit.count
        weights = {"maxWeight": most, "totalWeight": total}
        if total == 0 or most > total or total > _MAX_TOTAL:
            raise LedgerRefused("InvalidWeights", weights)
        if most * _BPS > total * self.bounds.max_share_bps and most * count > total * 2:
            raise LedgerRefused("ShareAboveCap", {**weights, "count": count})
        if count > (num_members := len(self._members.all())):
            raise LedgerRefused("MoreLeavesThanMembers", {"count": count, "numMembers": num_members})
        if self._epochs and total > (limit := self._epochs[-1].total_weight * self.bounds.max_growth_bps // _BPS):
            raise LedgerRefused("GrowthAboveCap", {"totalWeight": total, "limit": limit})
