"""An ingested dataset folder as a run's dataset: shards on IPFS, in splits that share no source file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from model.data.folder import ClipReader, DatasetFolder, shape_name
from model.data.shards import pack
from node.errors import ConfigError
from node.ports import ContentStore
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry
from node.sealed import Sealer

SPLITS = ("train", "score", "heldout")
MIN_CLIPS = 4
"""Of the score and the heldout split: fewer say nothing."""
_MAX_CLIPS = 256
OPEN = Sealer()
"""Leaves shards readable."""
_SHARE = 10
"""One clip in so many scores, and as many are held out."""


@dataclass(frozen=True, kw_only=True)
class FolderPlan:
    """How a folder's clips become a run's shards."""

    num_train_shards: int = 3
    """At least so many; more where they would get too large."""
    clips_per_shard: int = 256
    """At most, of a train shard."""
    seed: int = 0
    """Of the draw that puts sources of equal size into splits, and of the clips' order."""

    def __post_init__(self) -> None:
        for name, low in (("num_train_shards", 1), ("clips_per_shard", 1), ("seed", 0)):
            if getattr(self, name) < low:
                raise ConfigError(f"{name}: expected at least {low}, got {getattr(self, name)}")


def publish(
    store: ContentStore, dataset: DatasetFolder, plan: FolderPlan, tell: Callable[[str], None], sealer: Sealer = OPEN
) -> tuple[Cid, DatasetManifest]:
    """Pack and seal the clips of the folder's most frequent shape and put shards and manifest on IPFS.

    Returns the manifest's CID. Raises ConfigError where there are too few sources or clips for three splits.
    """
    shape = next(iter(dataset.shapes))
    reader = ClipReader(dataset, dataset.shards_of(shape))
    splits = split_by_source(_sources(reader), plan.seed)
    entries = []
    for split, rows in _shards(splits, plan):
        data = sealer.shard(split, pack(reader.clips(rows)))
        entries.append(ShardEntry(cid=store.put(data), split=split, num_clips=len(rows), num_bytes=len(data)))
        tell(f"{split}: {len(rows)} clips, {len(data) / 1e6:.1f} MB")
    manifest = DatasetManifest(
        name=str(dataset.manifest["name"]),
        licence=str(dataset.manifest["licence"]),
        attribution=_attribution(reader, splits),
        clip_shape=(shape.num_frames, shape.height, shape.width),
        shards=tuple(entries),
        encryption=sealer.encryption,
    )
    others = sum(count for other, count in dataset.shapes.items() if other != shape)
    if others:
        tell(f"a run takes clips of one shape, {shape_name(shape)}; {others} clips of other shapes stay in the folder")
    return store.put(manifest.to_bytes()), manifest


def split_by_source(sources: Mapping[str, list[int]], seed: int) -> dict[str, list[int]]:
    """Draw whole sources for the heldout and the score split until each has its share; the rest trains.

    Where the draw leaves a split short, the smallest sources are taken instead. Raises ConfigError where they do not
    do either.
    """
    total = sum(map(len, sources.values()))
    share = min(max(MIN_CLIPS, total // _SHARE), _MAX_CLIPS)
    names = sorted(sources)
    drawn = [names[i] for i in np.random.Generator(np.random.Philox(seed)).permutation(len(names))]
    by_size = sorted(drawn, key=lambda name: len(sources[name]))
    not_too_large = sorted(drawn, key=lambda name: len(sources[name]) > 2 * share)
    splits: dict[str, list[int]] = {}
    for order in (not_too_large, by_size):
        splits = _deal([sources[name] for name in order], share)
        if all(len(clips) >= MIN_CLIPS for clips in splits.values()):
            return splits
    counts = ", ".join(f"{len(clips)} for {split}" for split, clips in splits.items())
    raise ConfigError(
        f"expected at least {MIN_CLIPS} clips for each of {', '.join(SPLITS)}, from files of their own, got {counts} "
        f"({len(sources)} files); add files, or take shorter clips"
    )


def _deal(groups: list[list[int]], share: int) -> dict[str, list[int]]:
    splits: dict[str, list[int]] = {split: [] for split in SPLITS}
    for clips in groups:
        wanting = [split for split in ("heldout", "score") if len(splits[split]) < share]
        splits[wanting[0] if wanting else "train"] += clips
    return splits


def _sources(reader: ClipReader) -> dict[str, list[int]]:
    sources: dict[str, list[int]] = {}
    for index in range(len(reader)):
        sources.setdefault(reader.facts(index)["source"], []).append(index)
    return sources


def _shards(splits: Mapping[str, list[int]], plan: FolderPlan) -> Iterator[tuple[str, list[int]]]:
    """Shuffled, so that the clips of a shard come from all sources of its split."""
    for number, (split, rows) in enumerate(splits.items()):
        mixed = np.random.Generator(np.random.Philox(key=[plan.seed, number])).permutation(rows)
        count = 1
        if split == "train":
            count = min(len(rows), max(plan.num_train_shards, -(-len(rows) // plan.clips_per_shard)))
        for part in np.array_split(mixed, count):
            yield split, [int(row) for row in part]


def _attribution(reader: ClipReader, splits: Mapping[str, list[int]]) -> str:
    everything = (reader.facts(row) for rows in splits.values() for row in rows)
    names = {f"{facts['attribution']}, {facts['licence']}" for facts in everything}
    return "; ".join(sorted(names))
