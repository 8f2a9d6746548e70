"""The built-in dataset: clips of Big Buck Bunny and of the procedural world, as shards on IPFS with a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from model.data import footage, worlds
from model.data.clips import Clips
from model.data.mixture import mixed_clips
from model.data.shards import pack
from model.job import DEMO_SHAPE, VideoShape
from node.errors import ConfigError
from node.ports import ContentStore
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry
from node.sealed import Sealer

LICENCE = "CC-BY-3.0"
"""Of the footage; the procedural clips are CC0."""
MIN_CLIPS = 4
"""With fewer a shard would hold no footage."""
FOOTAGE_SPANS = {"train": (0.0, 0.6), "score": (0.6, 0.8), "heldout": (0.8, 1.0)}
"""Which part of the film each split may show."""

OPEN = Sealer()
"""Leaves shards readable."""
MAX_SEED = 10**15
"""Every shard's own seed, a thousand times it, still fits 64 bits."""


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """How many clips go where."""

    num_train_shards: int = 3
    clips_per_shard: int = 96
    num_score_clips: int = 48
    num_heldout_clips: int = 32
    shape: VideoShape = DEMO_SHAPE
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = {"num_train_shards": 1, "clips_per_shard": MIN_CLIPS, "seed": 0}
        for name, low in {**lowest, "num_score_clips": MIN_CLIPS, "num_heldout_clips": MIN_CLIPS}.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name}: expected at least {low}, got {getattr(self, name)}")
        if self.seed > MAX_SEED:
            raise ConfigError(f"seed: expected at most {MAX_SEED}, got {str(self.seed)[:40]}")


def build(
    store: ContentStore, plan: DatasetPlan, tell: Callable[[str], None], sealer: Sealer = OPEN
) -> tuple[Cid, DatasetManifest]:
    """Render, decode, pack, seal and put all shards and the manifest. Returns the manifest's CID."""
    entries = []
    for split, clips in _splits(plan):
        data = sealer.shard(split, pack(clips))
        entries.append(ShardEntry(cid=store.put(data), split=split, num_clips=len(clips), num_bytes=len(data)))
        tell(f"{split}: {len(clips)} clips, {len(data) / 1e6:.1f} MB")
    manifest = DatasetManifest(
        name="big-buck-bunny-and-worlds",
        licence=LICENCE,
        attribution=f"{footage.ATTRIBUTION}; {worlds.ATTRIBUTION}",
        clip_shape=(plan.shape.num_frames, plan.shape.height, plan.shape.width),
        shards=tuple(entries),
        encryption=sealer.encryption,
    )
    return store.put(manifest.to_bytes()), manifest


def _splits(plan: DatasetPlan) -> Iterator[tuple[str, Clips]]:
    """No two splits share a frame of footage; every shard has worlds of its own."""
    sizes = [("train", plan.clips_per_shard)] * plan.num_train_shards
    sizes += [("score", plan.num_score_clips), ("heldout", plan.num_heldout_clips)]
    for index, (split, size) in enumerate(sizes):
        seed = plan.seed * 1000 + index
        yield split, mixed_clips(num_clips=size, seed=seed, shape=plan.shape, span=FOOTAGE_SPANS[split])
