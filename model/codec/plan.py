"""How a video VAE is trained."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field

from model.codec.losses import LossWeights


@dataclass(frozen=True, kw_only=True)
class CodecPlan:
    """Knobs of a training run; with `num_steps`, equal plans on equal clips give equal files on one machine."""

    num_steps: int = 0
    """Steps to make; 0 trains for `minutes`."""
    minutes: float = 0.0
    """Time to train for; 0 makes `num_steps`."""
    batch_size: int = 16
    """Clips of a step."""
    crop: int = 32
    """Side of the square cut from each clip of a step, in pixels; smaller frames are taken whole."""
    crop_candidates: int = 3
    """Squares drawn for each clip, of which the one with the most motion is taken: plain ground teaches little."""
    image_share: float = 0.1
    """Share of the steps that see one frame of each clip."""
    learning_rate: float = 2e-3
    """Highest step size of AdamW."""
    warmup_steps: int = 50
    """Steps over which the learning rate climbs."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates of the first and second moment."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down to this 2-norm."""
    weights: LossWeights = field(default_factory=LossWeights)
    """Of the loss."""
    statistics_clips: int = 256
    """Clips of the training set that the latent statistics are computed over."""
    num_saves: int = 10
    """Times that the files are written, the end included."""
    seed: int = 0
    """Of weights, batches, crops, flips and noise."""

    def __post_init__(self) -> None:
        if (self.num_steps > 0) == (self.minutes > 0) or self.num_steps < 0 or not 0 <= self.minutes < math.inf:
            raise ValueError(f"name either a number of steps or minutes, got {self.num_steps} and {self.minutes}")
        lows = {"batch_size": 1, "crop": 1, "crop_candidates": 1, "warmup_steps": 0, "statistics_clips": 1}
        for name, low in {**lows, "num_saves": 1, "seed": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        for name in ("learning_rate", "max_grad_norm"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.image_share < 1:
            raise ValueError(f"image_share must be inside [0, 1), got {self.image_share}")

    def rate_at(self, step: int, share: float) -> float:
        """Return the learning rate of a step (from 1) when `share` of the plan is done: warm-up, then half a cosine."""
        warm = min(1.0, step / max(1, self.warmup_steps))
        return self.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))

    def to_json(self) -> str:
        """Canonical JSON: equal plans give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
