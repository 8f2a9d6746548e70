"""Writes the shards of a dataset folder: tar archives per shape with the index that makes every clip one read away."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from model.data.folder import SHARDS, ShardFile, shape_name
from model.data.samples import TarWriter
from model.job import VideoShape


class ShardWriter:
    """Takes samples one by one, in order; starts a shard when one is full. Holds no clip."""

    def __init__(self, folder: Path, *, encoding: str, clips_per_shard: int) -> None:
        if clips_per_shard < 1:
            raise ValueError(f"clips_per_shard must be at least 1, got {clips_per_shard}")
        self._folder, self._encoding, self._clips_per_shard = folder, encoding, clips_per_shard
        self._open: dict[VideoShape, _OpenShard] = {}
        self._done: list[ShardFile] = []
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)

    def add(self, key: str, shape: VideoShape, facts: bytes, frames: bytes) -> None:
        """Append a sample, already serialised."""
        if shape not in self._open:
            number = sum(shard.shape == shape for shard in self._done)
            name = f"{SHARDS}/clips-{shape_name(shape)}-{number:05d}.tar"
            self._open[shape] = _OpenShard(self._folder, name, shape)
        shard = self._open[shape]
        shard.add(key, self._encoding, facts, frames)
        if len(shard.rows) == self._clips_per_shard:
            self._done.append(self._open.pop(shape).close())

    def close(self) -> tuple[ShardFile, ...]:
        """End the last shards and return all of them, by file name."""
        self._done += [shard.close() for shard in self._open.values()]
        self._open.clear()
        return tuple(sorted(self._done, key=lambda shard: shard.file))


class _OpenShard:
    def __init__(self, folder: Path, name: str, shape: VideoShape) -> None:
        self._path, self._name, self._shape = folder / name, name, shape
        self._file = self._path.open("wb")
        self._tar = TarWriter(self._file)
        self.rows: list[tuple[int, int, int, int]] = []

    def add(self, key: str, encoding: str, facts: bytes, frames: bytes) -> None:
        first = self._tar.add(f"{key}.json", facts)
        second = self._tar.add(f"{key}.{encoding}", frames)
        self.rows.append((first, len(facts), second, len(frames)))

    def close(self) -> ShardFile:
        self._tar.close()
        self._file.close()
        np.save(self._path.with_suffix(".npy"), np.array(self.rows, np.int64))
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ShardFile(
            file=self._name,
            shape=self._shape,
            num_clips=len(self.rows),
            num_bytes=self._path.stat().st_size,
            sha256=digest,
        )
