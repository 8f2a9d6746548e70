"""What votes change about runs, in memory; rules, their order and names are contracts/runs/RunGovernance.sol's."""

from __future__ import annotations

from dataclasses import astuple

from node import cid as cids
from node.chain_records import spec_args
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.artifacts import ArtifactRegistry
from node.local_ledger.registries import GOVERNANCE_ROLE
from node.local_ledger.run_store import RunStore
from node.local_ledger.world import Tx, World
from node.records.artifacts import ArtifactKind
from node.records.content import Cid
from node.records.rounds import RoundData
from node.records.runs import ParamBounds, SpecParams


class RunGovernance(RunStore):
    """Specs within bounds, datasets, quorums, caps, heads."""

    def __init__(self, world: World, settings: DeploySettings, artifacts: ArtifactRegistry) -> None:
        super().__init__(world)
        self._artifacts = artifacts
        self.bounds = settings.bounds
        self.roles.hold(GOVERNANCE_ROLE, world.addresses["TimelockController"])

    def set_spec(self, tx: Tx, run_id: int, spec_cid: bytes, params: SpecParams) -> None:
        """Replace the spec for the next round; 36 bytes of CID."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._existing(run_id)
        self._change_spec(tx, run_id, spec_cid, params)

    def set_bounds(self, tx: Tx, bounds: ParamBounds) -> None:
        """Replace the bounds; specs in force stay."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        for position, (least, most) in enumerate(zip(astuple(bounds.least), astuple(bounds.most), strict=True), 1):
            if least > most:
                raise LedgerRefused("EmptyBounds", {"position": position, "least": least, "most": most})
        self.bounds = bounds
        self.announce_bounds(tx)

    def announce_bounds(self, tx: Tx) -> None:
        """Log the bounds in force."""
        bounds = {"least": spec_args(self.bounds.least), "most": spec_args(self.bounds.most)}
        tx.emit(self.NAME, "BoundsChanged", bounds=bounds)

    def set_dataset(self, tx: Tx, run_id: int, digest: bytes) -> None:
        """Replace the dataset by a registered one."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        from_round = self.run(run_id).next_round
        self._require_dataset(digest)
        self._emit(tx, "DatasetChanged", run_id, datasetDigest=digest, fromRound=from_round)

    def set_quorum(self, tx: Tx, run_id: int, quorum: int) -> None:
        """Replace K."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._existing(run_id)
        if quorum == 0:
            raise LedgerRefused("InvalidQuorum", {"quorum": quorum})
        self._emit(tx, "QuorumChanged", run_id, quorum=quorum)

    def set_reward_cap(self, tx: Tx, run_id: int, reward_cap: int) -> None:
        """Replace the most that one round may emit."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._existing(run_id)
        self._emit(tx, "RewardCapChanged", run_id, rewardCap=reward_cap)

    def roll_back(self, tx: Tx, run_id: int, number: int, data: RoundData) -> None:
        """Start the next round from an earlier, final round's checkpoint."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self.require_final(tx, run_id, number)
        self.require_data(run_id, number, data)
        self._emit(tx, "RolledBack", run_id, round=number, checkpointDigest=data.checkpoint_digest)

    def promote(self, tx: Tx, run_id: int, checkpoint_cid: bytes) -> None:
        """Start the next round from a registered checkpoint; 36 bytes of CID."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._existing(run_id)
        digest = cids.digest(_parsed(checkpoint_cid))
        if not self._is_kind(digest, ArtifactKind.CHECKPOINT):
            raise LedgerRefused("NotACheckpoint", {"digest": digest})
        self._require_usable(digest)
        self._emit(tx, "CheckpointPromoted", run_id, checkpointDigest=digest, checkpointCid=checkpoint_cid)

    def _require_dataset(self, digest: bytes) -> None:
        if not self._is_kind(digest, ArtifactKind.DATASET):
            raise LedgerRefused("NotADataset", {"digest": digest})
        self._require_usable(digest)

    def _require_usable(self, digest: bytes) -> None:
        found = self._artifacts.get(digest)
        if found is not None and not found.state.usable:
            raise LedgerRefused("ArtifactNotUsable", {"digest": digest, "state": int(found.state)})

    def _is_kind(self, digest: bytes, kind: ArtifactKind) -> bool:
        found = self._artifacts.get(digest)
        return found is not None and found.kind == kind

    def _require_within_bounds(self, params: SpecParams) -> None:
        limits = zip(astuple(params), astuple(self.bounds.least), astuple(self.bounds.most), strict=True)
        for position, (value, least, most) in enumerate(limits, start=1):
            if not least <= value <= most:
                values = {"position": position, "value": value, "least": least, "most": most}
                raise LedgerRefused("ParamOutOfBounds", values)

    def _change_spec(self, tx: Tx, run_id: int, spec_cid: bytes, params: SpecParams) -> None:
        self._require_within_bounds(params)
        text, run = _parsed(spec_cid), self._runs[run_id]
        self._emit(
            tx,
            "SpecChanged",
            run_id,
            version=run.state.spec_version + 1 if run.state else 1,
            specDigest=cids.digest(text),
            specCid=spec_cid,
            fromRound=run.state.next_round if run.state else 1,
            params=spec_args(params),
        )


def _parsed(cid: bytes) -> Cid:
    try:
        return cids.from_bytes(cid)
    except ValueError as error:
        raise LedgerRefused("InvalidCid", {"cid": cid}) from error
