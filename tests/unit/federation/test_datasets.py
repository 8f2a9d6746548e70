"""The built-in dataset: every split its own shards, the same bytes for the same plan, the licences named."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from federation.datasets import FOOTAGE_SPANS, DatasetPlan, build
from model.data.shards import unpack
from node.errors import ConfigError
from node.folder_store import MemoryStore
from node.records.content import Cid
from node.records.datasets import DatasetManifest, shards_of

SMALLEST = {"num_train_shards": 2, "clips_per_shard": 4, "num_score_clips": 4, "num_heldout_clips": 8}


@pytest.fixture(scope="module")
def built() -> tuple[MemoryStore, Cid, DatasetManifest, list[str]]:
    store, told = MemoryStore(), []
    cid, manifest = build(store, DatasetPlan(**SMALLEST), told.append)
    return store, cid, manifest, told


def test_the_manifest_on_ipfs_lists_every_shard_with_its_size(built: Any) -> None:
    store, cid, manifest, told = built

    assert DatasetManifest.from_bytes(store.get(cid)) == manifest
    assert [(s.split, s.num_clips) for s in manifest.shards] == [
        ("train", 4), ("train", 4), ("score", 4), ("heldout", 8)
    ]  # fmt: skip
    assert all(len(store.get(s.cid)) == s.num_bytes for s in manifest.shards)
    assert [line.split(",")[0] for line in told] == [f"{s.split}: {s.num_clips} clips" for s in manifest.shards]


def test_the_footage_and_its_licence_are_named(built: Any) -> None:
    _, _, manifest, _ = built

    assert manifest.licence == "CC-BY-3.0"
    assert "Blender Foundation" in manifest.attribution
    assert "CC0" in manifest.attribution


def test_every_clip_has_the_manifests_shape_and_a_quarter_is_footage(built: Any) -> None:
    store, _, manifest, _ = built

    for shard in manifest.shards:
        clips = unpack(store.get(shard.cid))
        assert clips.frames.shape == (shard.num_clips, 8, 32, 32, 3)
        assert sum("bigbuckbunny" in a for a in clips.attributions) == shard.num_clips // 4


def test_no_two_shards_are_the_same(built: Any) -> None:
    _, _, manifest, _ = built

    assert len({s.cid for s in manifest.shards}) == 4
    assert [len(shards_of(manifest, split)) for split in ("train", "score", "heldout", "test")] == [2, 1, 1, 0]


def test_splits_share_no_part_of_the_film() -> None:
    spans = sorted(FOOTAGE_SPANS.values())

    assert spans[0][0] == 0.0
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("num_train_shards", 0),
        ("clips_per_shard", 3),
        ("clips_per_shard", -1),
        ("num_score_clips", 0),
        ("num_heldout_clips", 3),
        ("seed", -1),
        ("seed", 10**30),
    ],
)
def test_a_plan_that_cannot_be_built_is_refused_at_once(setting: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: expected at"):
        DatasetPlan(**{setting: value})
