"""A run as its events tell it: rounds, votes, disputes, voids. One pure fold, for the chain's adapter and whoever asks.

Where a round stands depends on the time too; the fold keeps what that follows from and answers for any time, by the
rules of contracts/runs/RunStore.sol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from node import cid as cids
from node.chain_records import round_commit_from, run_params_from, spec_params_from
from node.records.chain import Event
from node.records.content import Cid
from node.records.rounds import RoundState, RoundStatus
from node.records.runs import RunParams, RunState


@dataclass(kw_only=True)
class RunHistory:
    """Takes a run's events in the chain's order."""

    state: RunState | None = None
    """None before RunCreated."""
    rounds: dict[int, RoundState] = field(default_factory=dict)
    """All committed rounds by number, voided ones included; their status is that of an undisturbed open round."""
    final_at: dict[int, int] = field(default_factory=dict)
    voided: set[int] = field(default_factory=set)
    frozen_from: int = 0
    held_until: int = 0
    total_reward: int = 0
    """Of all rounds that count, in wei."""
    lost_at: int = 0
    """The first voided round while the head is unknown; 0 when it is known."""
    moved_after: int = 0
    moved: list[Cid] = field(default_factory=list)
    """Checkpoints that votes chose, oldest first."""
    _created: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event], run_id: int) -> RunHistory:
        """What the events of run `run_id` add up to; events of other runs and contracts are passed over."""
        history = cls()
        for event in events:
            if event.contract == "TrainingRuns" and event.args.get("runId") == run_id:
                history.take(event)
        return history

    def take(self, event: Event) -> None:
        """Add one event of this run."""
        step = _STEPS.get(event.name)
        if step is not None:
            step(self, event)

    def status(self, number: int, now: int) -> RoundStatus:
        """Where the round stands at Unix time `now`."""
        if number not in self.rounds:
            return RoundStatus.NONE
        if number in self.voided:
            return RoundStatus.VOIDED
        if number == self._run.disputed_round:
            return RoundStatus.DISPUTED
        due = self.final_at[number] <= now
        held = self.final_at[number] > self.frozen_from and (self._run.disputed_round or now < self.held_until)
        return RoundStatus.FINAL if due and not held else RoundStatus.COMMITTED

    def all_rounds(self, now: int) -> tuple[RoundState, ...]:
        """In order of number, voided ones included, as they stand at Unix time `now`."""
        return tuple(replace(self.rounds[n], status=self.status(n, now)) for n in sorted(self.rounds))

    def round(self, number: int, now: int) -> RoundState | None:
        """None when no such round was committed."""
        found = self.rounds.get(number)
        return None if found is None else replace(found, status=self.status(number, now))

    @property
    def _run(self) -> RunState:
        assert self.state is not None, "a run's events begin with RunCreated"
        return self.state

    def _change(self, **changes: Any) -> None:
        self.state = replace(self._run, **changes)

    def _run_created(self, event: Event) -> None:
        self._created = event.args

    def _spec_changed(self, event: Event) -> None:
        params, cid = spec_params_from(event.args["params"]), cids.from_bytes(event.args["specCid"])
        if self.state is None:
            self.state = _opened(event.args["runId"], run_params_from(self._created, params))
        self._change(spec_version=event.args["version"], spec_cid=cid, spec_params=params)

    def _round_committed(self, event: Event) -> None:
        commit = round_commit_from(event.args)
        self.total_reward += commit.reward
        self.final_at[commit.round] = event.timestamp + self._run.params.dispute_window_seconds
        self.rounds[commit.round] = RoundState(
            commit=commit,
            parent_round=event.args["parentRound"],
            cumulative_reward=self.total_reward,
            committed_at=event.timestamp,
            block_number=event.block_number,
            tx_hash=event.tx_hash,
            status=RoundStatus.COMMITTED,
        )
        self._change(head_round=commit.round, last_round=commit.round, head_cid=commit.checkpoint_cid)

    def _dataset_changed(self, event: Event) -> None:
        self._change(dataset_digest=event.args["datasetDigest"])

    def _quorum_changed(self, event: Event) -> None:
        self._change(quorum=event.args["quorum"])

    def _reward_cap_changed(self, event: Event) -> None:
        self._change(reward_cap=event.args["rewardCap"])

    def _rolled_back(self, event: Event) -> None:
        self._move_head(self.rounds[event.args["round"]].commit.checkpoint_cid)

    def _promoted(self, event: Event) -> None:
        self._move_head(cids.from_bytes(event.args["checkpointCid"]))

    def _move_head(self, cid: Cid) -> None:
        self.moved_after = self._run.last_round
        self.moved.append(cid)
        self._change(head_cid=cid)

    def _disputed(self, event: Event) -> None:
        if event.timestamp >= self.held_until:
            self.frozen_from = event.timestamp
        self._change(disputed_round=event.args["round"])

    def _settled(self, event: Event) -> None:
        self.held_until = event.args["heldUntil"]
        self._change(disputed_round=0)

    def _rounds_voided(self, event: Event) -> None:
        first = self.rounds[event.args["fromRound"]]
        self.lost_at = first.commit.round
        self.voided |= {n for n in self.rounds if event.args["fromRound"] <= n <= event.args["toRound"]}
        self.total_reward = first.cumulative_reward - first.commit.reward
        head = self._parent_cid(first)
        self._change(head_round=event.args["headRound"], head_cid=head, head_known=False)

    def _parent_cid(self, first: RoundState) -> Cid:
        """What the first voided round started from, or what a vote chose after it was committed."""
        if self.moved_after >= first.commit.round:
            return self.moved[-1]
        known = [self._run.params.genesis_cid, *self.moved]
        known += [state.commit.checkpoint_cid for state in self.rounds.values()]
        return next(cid for cid in known if cids.digest(cid) == first.commit.parent_digest)

    def _head_restored(self, event: Event) -> None:
        self.lost_at = 0
        self._change(head_known=True)

    def _paused(self, event: Event) -> None:
        self._change(paused_until=event.args["until"])

    def _unpaused(self, event: Event) -> None:
        self._change(paused_until=min(self._run.paused_until, event.timestamp))


def _opened(run_id: int, params: RunParams) -> RunState:
    return RunState(
        run_id=run_id,
        params=params,
        spec_version=0,
        spec_cid=params.spec_cid,
        spec_params=params.spec_params,
        dataset_digest=params.dataset_digest,
        quorum=params.quorum,
        reward_cap=params.reward_cap,
        head_round=0,
        last_round=0,
        head_cid=params.genesis_cid,
    )


_STEPS: Mapping[str, Callable[[RunHistory, Event], None]] = {
    "RunCreated": RunHistory._run_created,
    "SpecChanged": RunHistory._spec_changed,
    "RoundCommitted": RunHistory._round_committed,
    "DatasetChanged": RunHistory._dataset_changed,
    "QuorumChanged": RunHistory._quorum_changed,
    "RewardCapChanged": RunHistory._reward_cap_changed,
    "RolledBack": RunHistory._rolled_back,
    "CheckpointPromoted": RunHistory._promoted,
    "RoundDisputed": RunHistory._disputed,
    "DisputeSettled": RunHistory._settled,
    "RoundsVoided": RunHistory._rounds_voided,
    "HeadRestored": RunHistory._head_restored,
    "RunPaused": RunHistory._paused,
    "RunUnpaused": RunHistory._unpaused,
}
