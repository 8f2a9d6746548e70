"""The run spec: everything that makes two honest machines train, score and aggregate the same way.

A spec is written as TOML or as changes to one (`inner.num_steps=20`), lives on IPFS as canonical JSON, is named on
chain by its digest and is parsed here, once. JSON records hold no floats, so real numbers are decimal text ("0.001").
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from federation.aggregate import AGGREGATION_RULES
from federation.outer import OUTER_RULES
from model.job import parse_tasks
from model.training.lora_file import LoraConfig
from node.errors import ConfigError
from node.records.content import canonical_json
from node.records.runs import SpecParams

VERSION = 1
BPS = 10_000
BASIS_POINT, MILLIONTH = Decimal("0.0001"), Decimal("0.000001")
"""The chain bounds learning rates in millionths and the outer step in basis points."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which network is trained, on what shape of video."""

    preset: str = "nano"
    num_frames: int = 8
    height: int = 32
    """Pixels."""
    width: int = 32
    seed: int = 0
    """Of the genesis checkpoint."""
    attention: str = "joint"
    """Which tokens see each other: joint, factorised or window; joint and window share weights."""
    codec: str = ""
    """CID of the frozen codec's file; empty for pixels."""
    text: str = ""
    """CID of the frozen text encoder's file; empty for hashed words."""

    def __post_init__(self) -> None:
        _between("model.num_frames", self.num_frames, 1, 1024)
        _between("model.height", self.height, 8, 4096)
        _between("model.width", self.width, 8, 4096)


@dataclass(frozen=True, kw_only=True)
class InnerSpec:
    """What a trainer does between two rounds: AdamW steps on its own shard."""

    num_steps: int = 15
    batch_size: int = 8
    learning_rate: Decimal = Decimal("0.003")
    warmup_steps: int = 3
    """Steps over which the learning rate climbs in a trainer's first round; later rounds go on with its moments."""
    weight_decay: Decimal = Decimal("0.01")
    tasks: str = "unconditional"
    """Masks that batches are drawn with: names and weights, such as `predict:2,unconditional`."""
    lora_rank: int = 0
    """Train and hand in low-rank adapters of this rank; 0 trains the weights and hands in a sparse update."""
    lora_alpha: Decimal = Decimal(16)
    """Adapters change a matrix by alpha / rank times their product."""

    def __post_init__(self) -> None:
        self.task_weights()
        _between("inner.num_steps", self.num_steps, 1, 10_000)
        _between("inner.batch_size", self.batch_size, 1, 4096)
        _between("inner.warmup_steps", self.warmup_steps, 0, 10_000)
        _between("inner.learning_rate", self.learning_rate, MILLIONTH, Decimal(1))
        _multiple("inner.learning_rate", self.learning_rate, MILLIONTH)
        _between("inner.weight_decay", self.weight_decay, Decimal(0), Decimal(1))
        _between("inner.lora_rank", self.lora_rank, 0, 1024)
        _between("inner.lora_alpha", self.lora_alpha, Decimal("0.001"), Decimal(1024))

    @property
    def lora(self) -> LoraConfig | None:
        """The adapters that trainers train; None where they train the weights."""
        return LoraConfig(rank=self.lora_rank, alpha=float(self.lora_alpha)) if self.lora_rank else None

    def task_weights(self) -> tuple[tuple[str, float], ...]:
        """`tasks` as names with positive weights. Raises ConfigError."""
        try:
            return parse_tasks(self.tasks)
        except ValueError as error:
            raise ConfigError(f"inner.tasks: {error}") from error


@dataclass(frozen=True, kw_only=True)
class WireSpec:
    """How an update is compressed (SparseLoCo, arXiv 2508.15706)."""

    top_k: int = 1024
    """Values kept of each block of 4096: 25 %, for runs of few short rounds; 64 is the paper's 1.56 %."""
    error_decay: Decimal = Decimal("0.95")

    def __post_init__(self) -> None:
        _between("wire.top_k", self.top_k, 1, 4096)
        _between("wire.error_decay", self.error_decay, Decimal(0), Decimal(1))


@dataclass(frozen=True, kw_only=True)
class OuterSpec:
    """How admitted updates become the next checkpoint."""

    strategy: str = "sparseloco"
    aggregation: str = "clipped-mean"
    """How admitted updates become one."""
    alpha: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        _between("outer.alpha", self.alpha, Decimal("0.001"), Decimal(10))
        _multiple("outer.alpha", self.alpha, BASIS_POINT)
        if self.aggregation not in AGGREGATION_RULES:
            known = ", ".join(AGGREGATION_RULES)
            raise ConfigError(f"outer.aggregation: expected one of {known}, got {self.aggregation!r}")
        if self.strategy not in OUTER_RULES:
            raise ConfigError(f"outer.strategy: expected one of {', '.join(OUTER_RULES)}, got {self.strategy!r}")


@dataclass(frozen=True, kw_only=True)
class RoundSpec:
    """The clock and the quorum of a round."""

    min_updates: int = 2
    """Fewer admitted updates close the round as failed."""
    deadline_seconds: int = 60
    """For the train phase, from the sending of the leases."""
    grace_seconds: int = 15
    """How long stragglers are waited for once `min_updates` are in."""
    score_deadline_seconds: int = 60
    cosign_deadline_seconds: int = 60

    def __post_init__(self) -> None:
        _between("round.min_updates", self.min_updates, 1, 10_000)
        for f in ("deadline_seconds", "score_deadline_seconds", "cosign_deadline_seconds"):
            _between(f"round.{f}", getattr(self, f), 1, 86_400)
        _between("round.grace_seconds", self.grace_seconds, 0, 86_400)


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """What is refused before it is scored."""

    max_norm_ratio: Decimal = Decimal(10)
    """Largest allowed L2 norm of an update over the median of the round's updates."""

    def __post_init__(self) -> None:
        _between("gate.max_norm_ratio", self.max_norm_ratio, Decimal(1), Decimal(1000))


@dataclass(frozen=True, kw_only=True)
class ScoreSpec:
    """How evaluators measure an update."""

    num_clips: int = 16
    """Clips drawn from the score split; a standard error needs two."""
    heldout_draws: int = 4
    """Draws of (timestep, noise) per held-out clip."""
    heldout_tolerance_bps: int = 100
    """An evaluator co-signs a held-out loss this close to its own measurement."""

    def __post_init__(self) -> None:
        _between("score.num_clips", self.num_clips, 2, 4096)
        _between("score.heldout_draws", self.heldout_draws, 1, 256)
        _between("score.heldout_tolerance_bps", self.heldout_tolerance_bps, 0, BPS)


@dataclass(frozen=True, kw_only=True)
class RewardSpec:
    """Who is paid what of a round's reward."""

    per_round: int = 100 * 10**18
    """Wei of the reward token."""
    trainers_bps: int = 8_000
    evaluators_bps: int = 2_000

    def __post_init__(self) -> None:
        _between("reward.per_round", self.per_round, 0, 2**96 - 1)
        if self.trainers_bps + self.evaluators_bps != BPS or min(self.trainers_bps, self.evaluators_bps) < 0:
            raise ConfigError(
                f"reward: expected shares that sum to {BPS} bps, got {self.trainers_bps} + {self.evaluators_bps}"
            )


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run's rules. Equal specs have equal bytes, hence one CID."""

    name: str = "demo"
    model: ModelSpec = field(default_factory=ModelSpec)
    inner: InnerSpec = field(default_factory=InnerSpec)
    wire: WireSpec = field(default_factory=WireSpec)
    outer: OuterSpec = field(default_factory=OuterSpec)
    round: RoundSpec = field(default_factory=RoundSpec)
    gate: GateSpec = field(default_factory=GateSpec)
    score: ScoreSpec = field(default_factory=ScoreSpec)
    reward: RewardSpec = field(default_factory=RewardSpec)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"version": VERSION, **_jsonable(asdict(self))})

    @property
    def chain_params(self) -> SpecParams:
        """The numbers that the chain bounds."""
        return SpecParams(
            inner_steps=self.inner.num_steps,
            learning_rate_millionths=int(self.inner.learning_rate / MILLIONTH),
            batch_size=self.inner.batch_size,
            outer_alpha_bps=int(self.outer.alpha / BASIS_POINT),
            min_updates=self.round.min_updates,
            reward_per_round=self.reward.per_round,
            trainers_bps=self.reward.trainers_bps,
            aggregation_rule=AGGREGATION_RULES[self.outer.aggregation].rule_id,
        )

    def require_declared(self, declared: SpecParams) -> None:
        """Raises ConfigError unless the chain bounded the numbers that this spec holds."""
        for name, value in asdict(self.chain_params).items():
            if value != (said := getattr(declared, name)):
                raise ConfigError(
                    f"run spec: expected {name} = {said} as its proposal declared on chain, the spec says {value}; "
                    "nobody trains by it until another vote sets an honest one"
                )

    @classmethod
    def from_bytes(cls, data: bytes) -> RunSpec:
        """Raises ConfigError naming the field."""
        try:
            raw = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"run spec: expected JSON, got {data[:40]!r}") from error
        if not isinstance(raw, dict) or raw.pop("version", None) != VERSION:
            raise ConfigError(f"run spec: expected a JSON object of version {VERSION}, got {data[:60]!r}")
        return _parse(raw)

    @classmethod
    def from_toml(cls, text: str) -> RunSpec:
        """Raises ConfigError naming the line or the field."""
        try:
            return _parse(tomllib.loads(text, parse_float=str))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"run spec: not TOML: {error}") from error

    def with_changes(self, changes: Mapping[str, str]) -> RunSpec:
        """A spec with dotted settings replaced, e.g. {"inner.num_steps": "20"}."""
        by_section: dict[str, dict[str, str]] = {}
        for dotted, text in changes.items():
            section, _, name = dotted.partition(".")
            if section not in _SECTIONS or not name:
                raise ConfigError(
                    f"unknown setting {dotted!r}; expected SECTION.NAME with SECTION one of {sorted(_SECTIONS)}"
                )
            by_section.setdefault(section, {})[name] = text
        changed = {
            section: _section(_SECTIONS[section], section, {**_jsonable(asdict(getattr(self, section))), **new})
            for section, new in by_section.items()
        }
        return replace(self, **changed)


_SECTIONS: dict[str, type[Any]] = {
    "model": ModelSpec,
    "inner": InnerSpec,
    "wire": WireSpec,
    "outer": OuterSpec,
    "round": RoundSpec,
    "gate": GateSpec,
    "score": ScoreSpec,
    "reward": RewardSpec,
}


def _parse(raw: Mapping[str, Any]) -> RunSpec:
    unknown = set(raw) - set(_SECTIONS) - {"name"}
    if unknown:
        raise ConfigError(f"run spec: unknown section {sorted(unknown)}; expected of {sorted(_SECTIONS)}")
    name = raw.get("name", "demo")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise ConfigError(f"run spec: name: expected 1 to 64 characters, got {name!r}")
    return RunSpec(name=name, **{k: _section(cls, k, raw.get(k, {})) for k, cls in _SECTIONS.items()})


def _section(cls: type[Any], section: str, raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"run spec: {section}: expected a table of settings, got {raw!r}")
    known = {f.name: f.default for f in fields(cls)}
    unknown = set(raw) - set(known)
    if unknown:
        raise ConfigError(f"unknown setting {section}.{sorted(unknown)[0]}; expected one of {sorted(known)}")
    return cls(**{k: _value(f"{section}.{k}", v, known[k]) for k, v in raw.items()})


def _value(where: str, raw: Any, default: Any) -> Any:
    kind = type(default)
    try:
        if isinstance(raw, bool) or (kind is str and not isinstance(raw, str)):
            raise ValueError(f"a {type(raw).__name__}")
        value = kind(str(raw))
        if isinstance(value, Decimal):
            value = _normal(value)
    except (ValueError, ArithmeticError) as error:
        wanted = {int: "an integer", Decimal: "a decimal number"}.get(kind, "text")
        raise ConfigError(f"{where}: expected {wanted} such as {default}, got {raw!r}") from error
    return value


def _normal(value: Decimal) -> Decimal:
    """One spelling per number, so that equal specs have equal bytes."""
    if not value.is_finite():
        raise ValueError("not finite")
    return Decimal(0) if value.is_zero() else Decimal(format(value.normalize(), "f"))


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _jsonable(v) for k, v in value.items()}
    if isinstance(value, Decimal):
        return str(_normal(value))
    if isinstance(value, int) and abs(value) > 2**53:
        return str(value)
    return value


def _multiple(where: str, value: Decimal, unit: Decimal) -> None:
    if value % unit:
        raise ConfigError(f"{where}: expected a multiple of {unit}, got {value}; the chain counts in whole ones")


def _between(where: str, value: int | Decimal, low: int | Decimal, high: int | Decimal) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{where}: expected {low} to {high}, got {str(value)[:40]}")
