"""Dataset manifests: licence, attribution, and the shards by CID."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from node.records.content import Cid, canonical_json


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """One shard of a dataset manifest."""

    cid: Cid
    split: str
    """"train" or "heldout" or "score"."""
    num_clips: int
    num_bytes: int

    def __post_init__(self) -> None:
        for text in (self.cid, self.split):
            _text(text)
        for number in (self.num_clips, self.num_bytes):
            _count(number)


@dataclass(frozen=True, kw_only=True)
class DatasetManifest:
    """A dataset: its licence, its attribution and its shards by CID."""

    name: str
    licence: str
    attribution: str
    clip_shape: tuple[int, int, int]
    """Frames, height, width."""
    shards: tuple[ShardEntry, ...] = field(default=())
    encryption: str = ""
    """How the shards of a restricted dataset are sealed; empty for an open one."""

    def to_bytes(self) -> bytes:
        """Canonical JSON; its CID names the dataset."""
        fields = {**vars(self), "clip_shape": list(self.clip_shape), "shards": [vars(s) for s in self.shards]}
        if not self.encryption:
            del fields["encryption"]
        return canonical_json({**fields, "version": 1})

    @classmethod
    def from_bytes(cls, data: bytes) -> DatasetManifest:
        """Raises ValueError naming the field when `data` is no manifest."""
        try:
            raw = json.loads(data)
            shards = tuple(ShardEntry(**s) for s in raw["shards"])
            fields = {k: _text(raw[k]) for k in ("name", "licence", "attribution")}
            frames, height, width = map(_count, raw["clip_shape"])
            encryption = _text(raw.get("encryption", ""))
            if raw["version"] != 1:
                raise ValueError(f"expected version 1, got {raw['version']!r}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"expected a dataset manifest, got {data[:60]!r}...: {error!r}") from error
        return cls(**fields, clip_shape=(frames, height, width), shards=shards, encryption=encryption)


def shards_of(manifest: DatasetManifest, split: str) -> Sequence[ShardEntry]:
    """The shards of one split, in the manifest's order."""
    return [s for s in manifest.shards if s.split == split]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a number of at least 0, got {value!r}")
    return value
