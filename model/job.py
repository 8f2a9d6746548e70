"""What one trainer does in one round, and the video shape of the demonstration run."""

from __future__ import annotations

import math
from dataclasses import dataclass

TASKS = (
    "unconditional",
    "predict",
    "backward",
    "interpolate",
    "first_frame",
    "first_last",
    "random_frames",
    "tube",
)
"""The ways in which a part of a clip can be given (masks.py)."""


@dataclass(frozen=True, kw_only=True)
class VideoShape:
    """Frames of a clip and their size in pixels."""

    num_frames: int
    """Frames of a clip."""
    height: int
    """Rows of a frame."""
    width: int
    """Columns of a frame."""

    def __post_init__(self) -> None:
        for name in ("num_frames", "height", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


DEMO_SHAPE = VideoShape(num_frames=8, height=32, width=32)
"""Small enough that a laptop core makes several nano steps a second: 128 tokens a clip."""


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """The inner loop's knobs, all of them fixed by the run spec except the seed."""

    num_steps: int
    """AdamW steps to make (H)."""
    seed: int
    """Fixes batches, noise, timesteps and dropped captions."""
    batch_size: int = 8
    """Clips per step, drawn without replacement until the shard is used up."""
    learning_rate: float = 3e-3
    """Step size after the warm-up."""
    warmup_steps: int = 0
    """Steps over which the learning rate climbs linearly."""
    weight_decay: float = 0.0
    """Decoupled decay, on matrices only."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down to this 2-norm."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the first and second moment."""
    tasks: tuple[tuple[str, float], ...] = (("unconditional", 1.0),)
    """(name, weight) of the masks that batches are drawn with (masks.py)."""

    def __post_init__(self) -> None:
        for name, low in (("num_steps", 1), ("batch_size", 1), ("warmup_steps", 0), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        for name in ("learning_rate", "max_grad_norm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be inside [0, 1), got {self.betas}")
        if not self.tasks or any(not math.isfinite(w) or w <= 0 for _, w in self.tasks):
            raise ValueError(f"tasks must be names with positive weights, got {self.tasks}")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 1."""
        return self.learning_rate * min(1.0, step / max(1, self.warmup_steps))


def parse_tasks(text: str) -> tuple[tuple[str, float], ...]:
    """Read `predict:2,unconditional` as (task, weight) pairs; a weight left out is 1. Raises ValueError."""
    pairs = []
    for item in text.split(","):
        name, _, weight = item.strip().partition(":")
        if name not in TASKS:
            raise ValueError(f"expected tasks of {', '.join(TASKS)}, got {name!r} in {text!r}")
        try:
            pairs.append((name, float(weight or 1)))
        except ValueError as error:
            raise ValueError(f"expected tasks as name:weight,name:weight, got {text!r}") from error
    if len(dict(pairs)) < len(pairs) or any(not (math.isfinite(w) and w > 0) for _, w in pairs):
        raise ValueError(f"expected tasks, each once and with a positive weight, got {text!r}")
    return tuple(pairs)
