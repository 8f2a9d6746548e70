"""A dataset folder: shards with an index, so that any clip is one read away, and what was taken and refused.

FOLDER/dataset.json                          settings, licence, shards with SHA-256, sources, refusals
FOLDER/croissant.json                        the same for other tools (MLCommons Croissant 1.0)
FOLDER/clips.jsonl                           what is known of each clip, one a line
FOLDER/shards/clips-17x64x64-00000.tar       WebDataset samples of one shape
FOLDER/shards/clips-17x64x64-00000.npy       int64 (clips, 4): start and size of each sample's facts and frames
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.data.clips import Clips
from model.data.samples import Sample, frames_from_bytes
from model.job import VideoShape

FORMAT = "tenwings-dataset/1"
MANIFEST = "dataset.json"
LIST = "clips.jsonl"
SHARDS = "shards"
_OPEN_FILES = 64
"""Shards kept open by one reader."""


@dataclass(frozen=True, kw_only=True)
class ShardFile:
    """One tar archive of clips of one shape."""

    file: str
    """Path below the dataset folder."""
    shape: VideoShape
    """Of every clip in it."""
    num_clips: int
    """Samples."""
    num_bytes: int
    """Of the archive."""
    sha256: str
    """Of the archive."""

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""
        return Path(self.file).stem


class DatasetFolder:
    """A finished dataset folder. Raises ValueError where `dataset.json` is missing or of another format."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = _manifest(path / MANIFEST)
        self.shards = tuple(_shard_file(raw) for raw in self.manifest["shards"])
        self.encoding = str(self.manifest["settings"]["encoding"])

    @property
    def digest(self) -> str:
        """SHA-256 over the shards' names and digests: it names the clips and their order."""
        lines = "".join(f"{shard.file} {shard.sha256}\n" for shard in self.shards)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def shapes(self) -> dict[VideoShape, int]:
        """Clips of each shape, the most frequent first."""
        counts: dict[VideoShape, int] = {}
        for shard in self.shards:
            counts[shard.shape] = counts.get(shard.shape, 0) + shard.num_clips
        return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))

    def shards_of(self, shape: VideoShape | None = None) -> tuple[ShardFile, ...]:
        """The shards of one shape; without one, of the only shape, else ValueError lists the shapes."""
        shapes = self.shapes
        names = ", ".join(f"{shape_name(s)} ({n} clips)" for s, n in shapes.items())
        if shape is None and len(shapes) != 1:
            raise ValueError(f"{self.path} holds clips of several shapes, name one of them: {names}")
        wanted = shape or next(iter(shapes))
        if wanted not in shapes:
            raise ValueError(f"{self.path} holds no clips of {shape_name(wanted)}; it has {names}")
        return tuple(shard for shard in self.shards if shard.shape == wanted)


class ClipReader:
    """Random access to the clips of some shards, numbered through in their order; holds no clip itself."""

    def __init__(self, folder: DatasetFolder, shards: Sequence[ShardFile]) -> None:
        self._folder, self._shards = folder, tuple(shards)
        self._starts = np.cumsum([0, *(shard.num_clips for shard in shards)])
        self._open: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; the next read opens them again."""
        for descriptor, _ in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def place(self, index: int) -> tuple[int, int]:
        """Return (shard, clip in that shard) of a clip's number."""
        if not 0 <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return shard, index - int(self._starts[shard])

    def facts(self, index: int) -> dict[str, Any]:
        """What is known of a clip, without reading its frames."""
        facts: dict[str, Any] = json.loads(self._read(*self.place(index), 0))
        return facts

    def frame_bytes(self, index: int) -> bytes:
        """A clip's frames as they are stored."""
        return self._read(*self.place(index), 2)

    def sample(self, index: int) -> Sample:
        """Read one clip."""
        facts = self.facts(index)
        frames = frames_from_bytes(self.frame_bytes(index), self._folder.encoding)
        return Sample(key=facts["key"], frames=frames, facts=facts)

    def clips(self, indices: Sequence[int]) -> Clips:
        """Read clips in the order asked for."""
        samples = [self.sample(int(index)) for index in indices]
        return Clips(
            frames=np.stack([sample.frames for sample in samples]),
            captions=tuple(sample.facts["caption"] for sample in samples),
            attributions=tuple(f"{s.facts['attribution']}, {s.facts['licence']}" for s in samples),
        )

    def _read(self, shard: int, row: int, column: int) -> bytes:
        descriptor, index = self._opened(shard)
        start, size = (int(value) for value in index[row, column : column + 2])
        data = os.pread(descriptor, size, start)
        if len(data) != size:
            raise ValueError(f"{self._shards[shard].file} is cut short: ingest the folder again")
        return data

    def _opened(self, shard: int) -> tuple[int, NDArray[np.int64]]:
        if shard not in self._open:
            if len(self._open) >= _OPEN_FILES:
                descriptor, _ = self._open.pop(next(iter(self._open)))
                os.close(descriptor)
            path = self._folder.path / self._shards[shard].file
            index = np.load(path.with_suffix(".npy"), allow_pickle=False)
            self._open[shard] = os.open(path, os.O_RDONLY), index
        return self._open[shard]


def shape_name(shape: VideoShape) -> str:
    """`17x64x64`: frames, height, width."""
    return f"{shape.num_frames}x{shape.height}x{shape.width}"


def parse_shape(text: str) -> VideoShape:
    """Read `shape_name` back; anything else raises ValueError."""
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"a shape is written FRAMESxHEIGHTxWIDTH, as in 17x64x64, got {text!r}")
    frames, height, width = map(int, parts)
    return VideoShape(num_frames=frames, height=height, width=width)


def _manifest(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise ValueError(f"expected a dataset folder with {path.name}, found none at {path.parent}")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}; ingest the folder again") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} has format {found!r}, expected {FORMAT}; ingest the folder again")
    result: Mapping[str, Any] = manifest
    return result


def _shard_file(raw: Mapping[str, Any]) -> ShardFile:
    return ShardFile(**{**raw, "shape": parse_shape(raw["shape"])})
