"""The demonstration's data: real footage and procedural worlds, mixed, one shard a trainer."""

from __future__ import annotations

from model.data import footage, worlds
from model.data.clips import Clips, concatenate, shuffled
from model.job import DEMO_SHAPE, VideoShape

_TRAIN_SPAN, _HELDOUT_SPAN = (0.0, 0.75), (0.75, 1.0)


def mixed_clips(
    *,
    num_clips: int,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    footage_share: float = 0.25,
    span: tuple[float, float] = (0.0, 1.0),
) -> Clips:
    """Return shuffled clips, `footage_share` of them from the part `span` of the footage."""
    num_footage = round(num_clips * footage_share)
    parts = []
    if num_footage:
        part = footage.make_clips(num_clips=num_footage, seed=seed, shape=shape, span=span)
        parts.append(part)
    if num_clips > num_footage:
        parts.append(worlds.make_clips(num_clips=num_clips - num_footage, seed=seed, shape=shape))
    return shuffled(concatenate(parts), seed)


def demo_shards(
    *, num_trainers: int = 3, clips_per_shard: int = 96, num_heldout: int = 32, seed: int = 0
) -> tuple[list[Clips], Clips]:
    """Return one set of clips a trainer and a held-out set that shares no frame with them."""
    base = 1_000 * seed
    shards = [mixed_clips(num_clips=clips_per_shard, seed=base + i + 1, span=_TRAIN_SPAN) for i in range(num_trainers)]
    return shards, mixed_clips(num_clips=num_heldout, seed=base, span=_HELDOUT_SPAN)
