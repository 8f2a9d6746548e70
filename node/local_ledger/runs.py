"""TrainingRuns in memory: runs, their specs, and rounds that K evaluators co-sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.quorum import require_quorum
from node.local_ledger.registries import GOVERNANCE_ROLE, ArtifactRegistry, MemberRegistry
from node.local_ledger.world import Roles, Tx, World
from node.records import Cid, RoundCommit, RoundState, RunParams, RunState

CURATOR_ROLE = keccak(text="CURATOR_ROLE")


@dataclass
class _Run:
    state: RunState
    rounds: list[RoundCommit] = field(default_factory=list)
    final_at: list[int] = field(default_factory=list)
    granted: list[int] = field(default_factory=list)
    """Sum of the rewards up to each round, in wei."""
    event_index: list[int] = field(default_factory=list)
    """Where each round's event is in the world's events."""


class TrainingRuns:
    """Runs and their rounds."""

    NAME = "TrainingRuns"

    def __init__(
        self, world: World, settings: DeploySettings, members: MemberRegistry, artifacts: ArtifactRegistry
    ) -> None:
        self._world = world
        self._domain = world.domain(self.NAME)
        self._members = members
        self._artifacts = artifacts
        self._runs: dict[int, _Run] = {}
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self.roles.hold(CURATOR_ROLE, settings.operator)

    def create_run(self, tx: Tx, params: RunParams) -> int:
        """Returns the run id, from 1."""
        _require_widths(params)
        self.roles.require(CURATOR_ROLE, tx.sender)
        if params.quorum == 0:
            raise LedgerRefused("InvalidQuorum", {"quorum": params.quorum})
        if not self._artifacts.is_dataset(params.dataset_digest):
            raise LedgerRefused("NotADataset", {"digest": params.dataset_digest})
        run_id = len(self._runs) + 1
        state = RunState(
            run_id=run_id,
            params=params,
            spec_version=0,
            spec_cid=params.spec_cid,
            head_round=0,
            head_cid=params.genesis_cid,
        )
        self._runs[run_id] = _Run(state)
        tx.emit(
            self.NAME,
            "RunCreated",
            runId=run_id,
            curator=tx.sender,
            name=params.name,
            specCid=cids.to_bytes(params.spec_cid),
            genesisCid=cids.to_bytes(params.genesis_cid),
            datasetDigest=params.dataset_digest,
            rewardCap=params.reward_cap,
            quorum=params.quorum,
            disputeWindowSeconds=params.dispute_window_seconds,
        )
        self._change_spec(tx, run_id, cids.to_bytes(params.spec_cid))
        return run_id

    def set_spec(self, tx: Tx, run_id: int, spec_cid: bytes) -> None:
        """Replace the spec for the next round; 36 bytes of CID."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        self._existing(run_id)
        self._change_spec(tx, run_id, spec_cid)

    def commit_round(self, tx: Tx, commit: RoundCommit, signatures: Sequence[bytes]) -> None:
        """Commit the next round."""
        run = self._existing(commit.run_id)
        self._require_next(commit, run.state)
        require_quorum(self._members, self._domain, commit, signatures, run.state.params.quorum)
        checkpoint, record = cids.to_bytes(commit.checkpoint_cid), cids.to_bytes(commit.record_cid)
        run.rounds.append(commit)
        run.final_at.append(tx.timestamp + run.state.params.dispute_window_seconds)
        run.granted.append((run.granted[-1] if run.granted else 0) + commit.reward)
        run.event_index.append(len(self._world.events) + len(tx.logs))
        run.state = replace(run.state, head_round=commit.round, head_cid=commit.checkpoint_cid)
        tx.emit(
            self.NAME,
            "RoundCommitted",
            runId=commit.run_id,
            round=commit.round,
            specDigest=commit.spec_digest,
            parentDigest=commit.parent_digest,
            checkpointCid=checkpoint,
            contributionsRoot=commit.contributions_root,
            recordCid=record,
            numClients=commit.num_clients,
            reward=commit.reward,
            heldoutLossMicro=commit.heldout_loss_micro,
            committedAt=tx.timestamp,
        )

    def close_failed(self, tx: Tx, run_id: int, round_number: int, record_cid: Cid, reason: bytes) -> None:
        """Note that an attempt at the next round failed."""
        self.roles.require(CURATOR_ROLE, tx.sender)
        expected = self._existing(run_id).state.head_round + 1
        _require_round(run_id, round_number, expected)
        record = cids.to_bytes(record_cid)
        tx.emit(self.NAME, "RoundFailed", runId=run_id, round=round_number, recordCid=record, reason=reason)

    def count(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def run(self, run_id: int) -> RunState:
        """Raises LedgerRefused("UnknownRun")."""
        return self._existing(run_id).state

    def round(self, run_id: int, round_number: int) -> RoundState | None:
        """None when it is not committed."""
        run = self._runs.get(run_id)
        if run is None or not 1 <= round_number <= len(run.rounds):
            return None
        event = self._world.events[run.event_index[round_number - 1]]
        return RoundState(
            commit=run.rounds[round_number - 1],
            committed_at=event.timestamp,
            block_number=event.block_number,
            tx_hash=event.tx_hash,
            final=self.is_final(run_id, round_number, self._world.now()),
        )

    def is_final(self, run_id: int, round_number: int, timepoint: int) -> bool:
        """Committed, and its dispute window is over."""
        run = self._runs.get(run_id)
        if run is None or not 1 <= round_number <= len(run.rounds):
            return False
        return timepoint >= run.final_at[round_number - 1]

    def final_round(self, tx: Tx, run_id: int, round_number: int) -> tuple[bytes, int]:
        """Root of the contributions and sum of the rewards so far. Raises LedgerRefused("RoundNotFinal")."""
        self.require_final(tx, run_id, round_number)
        run = self._runs[run_id]
        return run.rounds[round_number - 1].contributions_root, run.granted[round_number - 1]

    def require_final(self, tx: Tx, run_id: int, round_number: int) -> None:
        """Raises LedgerRefused("RoundNotFinal")."""
        if not self.is_final(run_id, round_number, tx.timestamp):
            raise LedgerRefused("RoundNotFinal", {"runId": run_id, "round": round_number})

    def _existing(self, run_id: int) -> _Run:
        if run_id not in self._runs:
            raise LedgerRefused("UnknownRun", {"runId": run_id})
        return self._runs[run_id]

    def _change_spec(self, tx: Tx, run_id: int, spec_cid: bytes) -> None:
        try:
            text = cids.from_bytes(spec_cid)
        except ValueError as error:
            raise LedgerRefused("InvalidCid", {"cid": spec_cid}) from error
        run = self._runs[run_id]
        run.state = replace(run.state, spec_version=run.state.spec_version + 1, spec_cid=text)
        tx.emit(
            self.NAME,
            "SpecChanged",
            runId=run_id,
            version=run.state.spec_version,
            specDigest=cids.digest(text),
            specCid=spec_cid,
            fromRound=run.state.head_round + 1,
        )

    @staticmethod
    def _require_next(commit: RoundCommit, state: RunState) -> None:
        run_id = commit.run_id
        _require_round(run_id, commit.round, state.head_round + 1)
        head = cids.digest(state.head_cid)
        if commit.parent_digest != head:
            values = {"runId": run_id, "parentDigest": commit.parent_digest, "headDigest": head}
            raise LedgerRefused("WrongParent", values)
        spec = cids.digest(state.spec_cid)
        if commit.spec_digest != spec:
            values = {"runId": run_id, "specDigest": commit.spec_digest, "currentDigest": spec}
            raise LedgerRefused("WrongSpec", values)
        if commit.reward > state.params.reward_cap:
            refused = {"runId": run_id, "reward": commit.reward, "rewardCap": state.params.reward_cap}
            raise LedgerRefused("RewardAboveCap", refused)


def _require_round(run_id: int, number: int, expected: int) -> None:
    if number != expected:
        raise LedgerRefused("WrongRound", {"runId": run_id, "round": number, "expected": expected})


def _require_widths(params: RunParams) -> None:
    widths = (("reward_cap", 96), ("quorum", 8), ("dispute_window_seconds", 32))
    for name, bits in widths:
        if not 0 <= getattr(params, name) < 1 << bits:
            raise ValueError(f"{name}: expected a uint{bits}, got {getattr(params, name)}")
