"""How films become clips: every knob of ingestion, frozen, with a digest of those that decide what a file gives."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

from model.data.samples import ENCODINGS
from model.job import VideoShape

CUTS = ("adaptive", "content", "none")
ASPECTS = ((1, 1), (4, 3), (3, 4), (16, 9), (9, 16))
"""Width to height of the buckets that `buckets` makes."""
_VERSION = 1
"""Counts up when the same file and settings would give other clips."""
_MERGED = ("clips_per_shard", "max_hash_distance")
"""Settings that come in only after all files are read."""


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """What clips are cut, at which size and rate, and which are turned away."""

    num_frames: int = 17
    """Frames of a clip; images become clips of one frame."""
    sizes: tuple[tuple[int, int], ...] = ((64, 64),)
    """(height, width) of the clips; a film goes to the size of the nearest aspect, scaled to cover it and centred."""
    fps: float = 8.0
    """Frames a second of the clips."""
    cuts: str = "adaptive"
    """One of CUTS: which of scenedetect's detectors ends a scene."""
    encoding: str = "npy"
    """One of ENCODINGS: exact frames or H.264."""
    min_motion: float = 0.03
    """Slower clips are static: picture heights a second that the fastest twentieth of the picture moves."""
    max_motion: float = 2.0
    """Faster clips are a blur: picture heights a second, mean over the picture."""
    min_sharpness: float = 30.0
    """Blurrier clips go: variance of the Laplacian of the grey frames at the clip's size, median over frames."""
    min_contrast: float = 6.0
    """Black and flat clips go: standard deviation of grey levels, lowest over frames."""
    max_hash_distance: int = 4
    """Clips whose perceptual hashes differ by at most this many of 64 bits a key frame are one clip; -1 keeps all."""
    clips_per_shard: int = 256
    """Clips of a full shard."""

    def __post_init__(self) -> None:
        for name, low in (("num_frames", 1), ("clips_per_shard", 1), ("max_hash_distance", -1)):
            _require(getattr(self, name) >= low, name, f"at least {low}", getattr(self, name))
        _require(self.max_hash_distance <= 32, "max_hash_distance", "at most 32", self.max_hash_distance)
        ok = all(len(size) == 2 and all(2 <= side <= 8192 for side in size) for size in self.sizes)
        _require(bool(self.sizes) and ok, "sizes", "pairs (height, width) from 2 to 8192", self.sizes)
        _require(math.isfinite(self.fps) and 0 < self.fps <= 240, "fps", "above 0 and at most 240", self.fps)
        _require(self.cuts in CUTS, "cuts", f"one of {', '.join(CUTS)}", self.cuts)
        _require(self.encoding in ENCODINGS, "encoding", f"one of {', '.join(ENCODINGS)}", self.encoding)
        for name in ("min_motion", "max_motion", "min_sharpness", "min_contrast"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value >= 0, name, "a number of at least 0", value)
        odd = [size for size in self.sizes if size[0] % 2 or size[1] % 2]
        _require(self.encoding != "mp4" or not odd, "sizes of mp4 clips", "even", odd)

    @property
    def digest(self) -> str:
        """SHA-256 of what decides which candidates a file gives."""
        fields = {name: value for name, value in asdict(self).items() if name not in _MERGED}
        text = json.dumps({**fields, "version": _VERSION}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def size_for(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) whose aspect is nearest to a picture's."""
        aspect = math.log(width / height)
        return min(self.sizes, key=lambda size: (abs(math.log(size[1] / size[0]) - aspect), size))

    def shape_for(self, height: int, width: int, *, still: bool) -> VideoShape:
        """The clip shape that a picture of this size gives."""
        rows, columns = self.size_for(height, width)
        return VideoShape(num_frames=1 if still else self.num_frames, height=rows, width=columns)


def buckets(height: int, width: int, multiple: int = 16) -> tuple[tuple[int, int], ...]:
    """Return sizes of about the area of height x width in the usual aspects, each side a multiple of `multiple`."""
    area = height * width
    found = {(height, width)}
    for wide, high in ASPECTS:
        rows = math.sqrt(area * high / wide)
        found.add((_nearest(rows, multiple), _nearest(rows * wide / high, multiple)))
    return tuple(sorted(found))


def _nearest(length: float, multiple: int) -> int:
    return max(multiple, round(length / multiple) * multiple)


def _require(ok: bool, name: str, want: str, got: object) -> None:
    if not ok:
        raise ValueError(f"{name} must be {want}, got {got!r}")
