"""Plain data that crosses walls: canonical JSON and dataset manifests."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from node.records.artifacts import ArtifactKind
from node.records.content import canonical_json
from node.records.datasets import DatasetManifest, ShardEntry, shards_of
from node.records.members import Role
from node.records.proposals import ProposalState, Support

CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"


def manifest(**changes: Any) -> DatasetManifest:
    shards = (
        ShardEntry(cid=CID, split="train", num_clips=96, num_bytes=1234),
        ShardEntry(cid=CID, split="score", num_clips=48, num_bytes=99),
        ShardEntry(cid=CID, split="train", num_clips=90, num_bytes=1200),
    )
    values: dict[str, Any] = {"name": "worlds", "licence": "CC0-1.0", "attribution": "made here é"}
    return DatasetManifest(**{**values, "clip_shape": (8, 32, 32), "shards": shards, **changes})


def test_canonical_json_is_sorted_dense_ascii() -> None:
    assert canonical_json({"b": [1, None, True], "a": {"z": "é", "y": ""}}) == (
        b'{"a":{"y":"","z":"\\u00e9"},"b":[1,null,true]}'
    )


@pytest.mark.parametrize("seed", range(3))
def test_canonical_json_does_not_depend_on_the_order_of_keys(seed: int) -> None:
    items = [(f"k{i}", {"x": i, "a": [i]}) for i in range(20)]
    mixed = random.Random(seed).sample(items, len(items))

    assert canonical_json(dict(mixed)) == canonical_json(dict(items))


def test_integers_beyond_64_bits_keep_every_digit() -> None:
    assert canonical_json([2**96 - 1]) == b"[79228162514264337593543950335]"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (1.0, r"\$"),
        ({"a": 0.5}, r"\$\.a"),
        ({"a": [1, {"b": float("nan")}]}, r"\$\.a\[1\]\.b"),
        ((1, 2.5), r"\$\[1\]"),
    ],
)
def test_a_float_anywhere_is_refused_with_its_place(value: object, where: str) -> None:
    with pytest.raises(ValueError, match=f"^{where}: expected an integer or a string, got the float"):
        canonical_json(value)


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\$\.a: expected text keys, got 1"):
        canonical_json({"a": {1: 2}})


def test_a_manifest_survives_its_bytes_exactly() -> None:
    assert DatasetManifest.from_bytes(manifest().to_bytes()) == manifest()
    assert DatasetManifest.from_bytes(manifest(shards=()).to_bytes()).shards == ()


def test_a_manifests_bytes_are_these() -> None:
    one = manifest(attribution="", shards=manifest().shards[1:2])

    assert one.to_bytes().decode() == (
        '{"attribution":"","clip_shape":[8,32,32],"licence":"CC0-1.0","name":"worlds","shards":['
        f'{{"cid":"{CID}","num_bytes":99,"num_clips":48,"split":"score"}}],"version":1}}'
    )


def test_shards_of_a_split_keep_the_manifests_order() -> None:
    assert [s.num_clips for s in shards_of(manifest(), "train")] == [96, 90]
    assert shards_of(manifest(), "heldout") == []


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(manifest().to_bytes()), **changes}).encode()


BAD_SHARD = {"cid": CID, "split": "train", "num_clips": 1, "num_bytes": 1}
BROKEN = [
    b"",
    b"\xff",
    b"{}",
    b"[]",
    b"5",
    b"null",
    b"[" * 50_000,
    changed(shards=None),
    changed(shards=[5]),
    changed(shards=[{}]),
    changed(shards=[{**BAD_SHARD, "extra": 1}]),
    changed(shards=[{**BAD_SHARD, "cid": 5}]),
    changed(shards=[{**BAD_SHARD, "split": None}]),
    changed(shards=[{**BAD_SHARD, "num_clips": "many"}]),
    changed(shards=[{**BAD_SHARD, "num_bytes": 1.5}]),
    changed(shards=[{**BAD_SHARD, "num_bytes": True}]),
    changed(clip_shape=[8, 32]),
    changed(clip_shape=[8, 32, "32"]),
    changed(clip_shape=8),
    changed(name=5),
    changed(licence=None),
    changed(version=2),
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="expected a dataset manifest, got"):
        DatasetManifest.from_bytes(data)


def test_numbers_of_the_contracts_do_not_move() -> None:
    assert [int(r) for r in (Role.TRAINER, Role.EVALUATOR, Role.CURATOR)] == [1, 2, 4]
    assert [int(s) for s in (Support.AGAINST, Support.FOR, Support.ABSTAIN)] == [0, 1, 2]
    assert [k.name for k in sorted(ArtifactKind)] == [
        "DATASET", "CHECKPOINT", "CODEC", "ENCODER", "RELEASE", "VIDEO", "REPORT"
    ]  # fmt: skip
    assert [s.name for s in sorted(ProposalState)] == [
        "PENDING", "ACTIVE", "CANCELED", "DEFEATED", "SUCCEEDED", "QUEUED", "EXPIRED", "EXECUTED"
    ]  # fmt: skip
