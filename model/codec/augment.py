"""A training step's frames and noise, each a pure function of seed and step: crops with motion, flips, single frames.

A flip, a reversal in time or an image is as good a video as any to a codec.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec.plan import CodecPlan
from model.training.feed import generator
from model.training.sources import FrameSource

_Clip = NDArray[np.uint8]


def batch_of(source: FrameSource, plan: CodecPlan, step: int) -> _Clip:
    """Return the frames of a step (from 1): uint8 (B, T, H, W, 3), T = 1 for the share of steps on images."""
    rng = generator(plan.seed, step, 0)
    clips = source.take((step - 1) * plan.batch_size, plan.batch_size).frames
    if rng.random() < plan.image_share:
        frame = int(rng.integers(clips.shape[1]))
        clips = clips[:, frame : frame + 1]
    return np.stack([_flipped(_crop(clip, plan, rng), rng) for clip in clips])


def noise_of(mean: Tensor, seed: int, step: int) -> Tensor:
    """Return a step's standard normal noise, shaped like `mean`."""
    noise = generator(seed, step, 1).standard_normal(tuple(mean.shape), dtype=np.float32)
    return torch.tensor(noise, device=mean.device)


def _crop(clip: _Clip, plan: CodecPlan, rng: np.random.Generator) -> _Clip:
    height, width = min(plan.crop, clip.shape[1]), min(plan.crop, clip.shape[2])
    squares = []
    for _ in range(plan.crop_candidates):
        top = int(rng.integers(clip.shape[1] - height + 1))
        left = int(rng.integers(clip.shape[2] - width + 1))
        squares.append(clip[:, top : top + height, left : left + width])
    return max(squares, key=_motion)


def _motion(clip: _Clip) -> int:
    """Sum of differences between the ends and the middle, on every other pixel."""
    few = clip[[0, len(clip) // 2, -1], ::2, ::2].astype(np.int16)
    return int(np.abs(np.diff(few, axis=0)).sum())


def _flipped(clip: _Clip, rng: np.random.Generator) -> _Clip:
    in_time, up, aside = rng.random(3) < 0.5
    clip = clip[::-1] if in_time else clip
    clip = clip[:, ::-1] if up else clip
    return clip[:, :, ::-1] if aside else clip
