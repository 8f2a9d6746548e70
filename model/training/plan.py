"""What a run of its own is made of: the inner loop's job with a schedule, parts, averages and the mix of tasks."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from model.job import TrainJob
from model.training.lora_file import LoraConfig

DECAYS = ("cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class FitPlan(TrainJob):
    """A TrainJob with what a run of its own needs; equal plans give equal runs."""

    parts: int = 1
    """Pieces that a step's batch is cut into; processes share them, one process goes through its own in turn."""
    decay: str = "cosine"
    """One of DECAYS: how the learning rate goes on after the warm-up."""
    final_rate: float = 0.02
    """Learning rate at the last step over the highest, under `cosine`."""
    ema_decay: float = 0.999
    """Share of the average that stays at each step, once warm."""
    bf16: bool = False
    """Compute in bfloat16 with float32 weights."""
    lora_rank: int = 0
    """Train low-rank adapters of this rank (lora.py) rather than the weights; 0 trains the weights."""
    lora_alpha: float = 16.0
    """Adapters change a matrix by alpha / rank times their product."""
    recompute: bool = False
    """Recompute the blocks in the backward pass rather than hold their activations."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parts < 1 or self.batch_size % self.parts:
            raise ValueError(f"parts must divide batch_size {self.batch_size}, got {self.parts}")
        if self.decay not in DECAYS:
            raise ValueError(f"decay must be one of {', '.join(DECAYS)}, got {self.decay!r}")
        if not 0 <= self.final_rate <= 1:
            raise ValueError(f"final_rate must be inside [0, 1], got {self.final_rate}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be inside [0, 1), got {self.ema_decay}")
        if self.lora_rank < 0:
            raise ValueError(f"lora_rank must be 0 or more, got {self.lora_rank}")

    @property
    def lora(self) -> LoraConfig | None:
        """The adapters to train; None trains the weights."""
        return LoraConfig(rank=self.lora_rank, alpha=self.lora_alpha) if self.lora_rank else None

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then constant or half a cosine (arXiv 1608.03983) down to `final_rate`."""
        rate = super().rate_at(step)
        if self.decay == "constant" or step <= self.warmup_steps:
            return rate
        done = min(1.0, (step - self.warmup_steps) / max(1, self.num_steps - self.warmup_steps))
        return rate * (self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * done)))

    def to_json(self) -> str:
        """Canonical JSON: equal plans give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> FitPlan:
        """Read `to_json` back; anything else raises ValueError."""
        try:
            raw = json.loads(text)
            raw["betas"] = tuple(raw["betas"])
            raw["tasks"] = tuple((name, weight) for name, weight in raw["tasks"])
            return FitPlan(**raw)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"not a training plan: {error}; got {text[:120]!r}") from error
