"""Runs: what a curator fixes, what the chain bounds, and where a run stands."""

from __future__ import annotations

from dataclasses import dataclass

from node.records.content import Cid


@dataclass(frozen=True, kw_only=True)
class SpecParams:
    """The numbers of a run spec that the chain bounds; nodes refuse a spec whose contents differ from them."""

    inner_steps: int
    learning_rate_millionths: int
    batch_size: int
    outer_alpha_bps: int
    min_updates: int
    reward_per_round: int
    """In wei."""
    trainers_bps: int
    aggregation_rule: int
    """Id of a rule of `federation.aggregate`."""


@dataclass(frozen=True, kw_only=True)
class ParamBounds:
    """Least and most of each number, both included."""

    least: SpecParams
    most: SpecParams


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """What a curator fixes when a run is created; votes change some of it later."""

    name: str
    spec_cid: Cid
    spec_params: SpecParams
    """What the chain bounds of the spec."""
    genesis_cid: Cid
    dataset_digest: bytes
    reward_cap: int
    """Largest reward of one round, in wei of the reward token."""
    quorum: int
    """How many evaluators must co-sign a round."""
    dispute_window_seconds: int
    vested_bps: int = 0
    """Part of every reward that vests over time."""
    vesting_seconds: int = 0
    """How long that part takes."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run as the chain has it now."""

    run_id: int
    params: RunParams
    """As it was created."""
    spec_version: int
    spec_cid: Cid
    spec_params: SpecParams
    dataset_digest: bytes
    """The dataset in force."""
    quorum: int
    reward_cap: int
    head_round: int
    """The newest round that counts; 0 before the first."""
    last_round: int
    """The newest number given out, voided rounds included."""
    head_cid: Cid
    """The checkpoint that the next round starts from; the genesis checkpoint before the first round."""
    head_known: bool = True
    """False between a void and `restore_head`."""
    disputed_round: int = 0
    """0 for none."""
    paused_until: int = 0
    """Unix time; in the past when not paused."""

    @property
    def next_round(self) -> int:
        """The number of the next round; no number is given out twice."""
        return self.last_round + 1
