"""TrainingRuns in memory: runs, and rounds that K evaluators co-sign."""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

from node import cid as cids
from node.chain_records import codecs_of
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.artifacts import ArtifactRegistry
from node.local_ledger.quorum import require_quorum
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.run_disputes import RunDisputes
from node.local_ledger.run_governance import RunGovernance
from node.local_ledger.world import Tx, World
from node.records.content import Cid
from node.records.rounds import RoundCommit
from node.records.runs import RunParams, RunState
from node.run_history import RunHistory

CURATOR_ROLE = keccak(text="CURATOR_ROLE")
_BPS = 10_000


class TrainingRuns(RunDisputes, RunGovernance):
    """Runs and their rounds."""

    def __init__(
        self, world: World, settings: DeploySettings, members: MemberRegistry, artifacts: ArtifactRegistry
    ) -> None:
        super().__init__(world, settings, artifacts)
        self._domain = world.domain(self.NAME)
        self._members = members
        self.roles.hold(CURATOR_ROLE, settings.operator)

    def create_run(self, tx: Tx, params: RunParams) -> int:
        """Returns the run id, from 1."""
        _require_widths(params)
        self.roles.require(CURATOR_ROLE, tx.sender)
        if params.quorum == 0:
            raise LedgerRefused("InvalidQuorum", {"quorum": params.quorum})
        if params.vested_bps > _BPS or (params.vested_bps > 0) != (params.vesting_seconds > 0):
            values = {"vestedBps": params.vested_bps, "vestingSeconds": params.vesting_seconds}
            raise LedgerRefused("InvalidVesting", values)
        self._require_dataset(params.dataset_digest)
        self._require_within_bounds(params.spec_params)
        run_id = len(self._runs) + 1
        self._runs[run_id] = RunHistory()
        self._emit(
            tx,
            "RunCreated",
            run_id,
            curator=tx.sender,
            name=params.name,
            specCid=cids.to_bytes(params.spec_cid),
            genesisCid=cids.to_bytes(params.genesis_cid),
            datasetDigest=params.dataset_digest,
            rewardCap=params.reward_cap,
            quorum=params.quorum,
            disputeWindowSeconds=params.dispute_window_seconds,
            vestedBps=params.vested_bps,
            vestingSeconds=params.vesting_seconds,
        )
        self._change_spec(tx, run_id, cids.to_bytes(params.spec_cid), params.spec_params)
        return run_id

    def commit_round(self, tx: Tx, commit: RoundCommit, signatures: Sequence[bytes]) -> None:
        """Commit the next round."""
        state = self.run(commit.run_id)
        self._require_open(tx, commit.run_id)
        _require_next(commit, state)
        require_quorum(self._members, self._domain, commit, signatures, state.quorum)
        self._emit(
            tx,
            "RoundCommitted",
            commit.run_id,
            round=commit.round,
            specDigest=commit.spec_digest,
            datasetDigest=commit.dataset_digest,
            parentDigest=commit.parent_digest,
            checkpointDigest=cids.digest(commit.checkpoint_cid),
            contributionsRoot=commit.contributions_root,
            recordDigest=cids.digest(commit.record_cid),
            codecs=codecs_of(commit),
            numClients=commit.num_clients,
            reward=commit.reward,
            heldoutLossMicro=commit.heldout_loss_micro,
            parentRound=state.head_round,
        )

    def close_failed(self, tx: Tx, run_id: int, round_number: int, record_cid: Cid, reason: bytes) -> None:
        """Note that an attempt at the next round failed."""
        self.roles.require(CURATOR_ROLE, tx.sender)
        _require_round(run_id, round_number, self.run(run_id).next_round)
        record = cids.to_bytes(record_cid)
        tx.emit(self.NAME, "RoundFailed", runId=run_id, round=round_number, recordCid=record, reason=reason)


def _require_next(commit: RoundCommit, state: RunState) -> None:
    run_id = commit.run_id
    _require_round(run_id, commit.round, state.next_round)
    head = cids.digest(state.head_cid)
    if commit.parent_digest != head:
        values = {"runId": run_id, "parentDigest": commit.parent_digest, "headDigest": head}
        raise LedgerRefused("WrongParent", values)
    spec = cids.digest(state.spec_cid)
    if commit.spec_digest != spec:
        values = {"runId": run_id, "specDigest": commit.spec_digest, "currentDigest": spec}
        raise LedgerRefused("WrongSpec", values)
    if commit.dataset_digest != state.dataset_digest:
        wrong = {"runId": run_id, "datasetDigest": commit.dataset_digest, "currentDigest": state.dataset_digest}
        raise LedgerRefused("WrongDataset", wrong)
    if commit.reward > state.reward_cap:
        refused = {"runId": run_id, "reward": commit.reward, "rewardCap": state.reward_cap}
        raise LedgerRefused("RewardAboveCap", refused)


def _require_round(run_id: int, number: int, expected: int) -> None:
    if number != expected:
        raise LedgerRefused("WrongRound", {"runId": run_id, "round": number, "expected": expected})


def _require_widths(params: RunParams) -> None:
    widths = (("reward_cap", 96), ("quorum", 8), ("dispute_window_seconds", 32), ("vested_bps", 16))
    for name, bits in (*widths, ("vesting_seconds", 32)):
        if not 0 <= getattr(params, name) < 1 << bits:
            raise ValueError(f"{name}: expected a uint{bits}, got {getattr(params, name)}")
