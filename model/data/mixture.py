"""Real footage and procedural worlds, mixed: what a small run is trained, scored and tested on."""

from __future__ import annotations

from collections.abc import Sequence

from model.data import footage, worlds
from model.data.clips import Clips, concatenate, shuffled
from model.job import DEMO_SHAPE, VideoShape

EASY_LAWS = ("bounce", "gravity", "occluder")
"""One body each: what a nano model begins to learn within a few steps."""


def mixed_clips(
    *,
    num_clips: int,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    footage_share: float = 0.25,
    span: tuple[float, float] = (0.0, 1.0),
    laws: Sequence[str] = EASY_LAWS,
) -> Clips:
    """Return shuffled clips, `footage_share` of them from the part `span` of the footage, the others of `laws`."""
    num_footage = round(num_clips * footage_share)
    parts = []
    if num_footage:
        part = footage.make_clips(num_clips=num_footage, seed=seed, shape=shape, span=span)
        parts.append(part)
    if num_clips > num_footage:
        parts.append(worlds.make_clips(num_clips=num_clips - num_footage, seed=seed, shape=shape, laws=laws))
    return shuffled(concatenate(parts), seed)
