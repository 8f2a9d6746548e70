"""Watching clips: MP4 files and contact sheets."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_RESAMPLING = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}


def write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: int = 8,
    height: int = 256,
    resampling: str = "bicubic",
    finish: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> None:
    """Write frames (T, H, W, 3) as H.264, scaled to `height` rows so that small clips can be seen.

    Frames may come one by one from an iterator: none is kept. `finish` changes each frame at its final size.
    """
    if resampling not in _RESAMPLING:
        raise ValueError(f"unknown resampling {resampling!r}; choose {', '.join(_RESAMPLING)}")
    if isinstance(frames, np.ndarray):
        _check(frames)
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise ValueError("expected frames to write, got none")
    size = _even(height * first.shape[1] / first.shape[0]), _even(height)
    with av.open(str(path), mode="w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "18"}
        for frame in chain([first], rest):
            _check(frame[None])
            image = np.asarray(Image.fromarray(frame).resize(size, _RESAMPLING[resampling]))
            image = finish(image) if finish else image
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def contact_sheet(clips: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], *, scale: int = 2, gap: int = 2) -> bytes:
    """Return a PNG with a row a clip and a column a frame, each pixel `scale` pixels wide."""
    for frames in clips:
        _check(frames)
    tiles = [np.concatenate([_framed(frame, gap) for frame in clip], axis=1) for clip in clips]
    if not tiles or len({tile.shape for tile in tiles}) != 1:
        raise ValueError(f"expected clips of one shape, got {[len(clip) for clip in clips]}")
    sheet = np.concatenate(tiles, axis=0).repeat(scale, axis=0).repeat(scale, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG")
    return buffer.getvalue()


def _check(frames: NDArray[np.uint8]) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(f"frames must be uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")


def _even(length: float) -> int:
    """The nearest even size: yuv420p halves the colour planes."""
    return max(2, 2 * round(length / 2))


def _framed(frame: NDArray[np.uint8], gap: int) -> NDArray[np.uint8]:
    edges = ((gap, gap), (gap, gap), (0, 0))
    return np.pad(frame, edges, constant_values=255).astype(np.uint8, copy=False)
