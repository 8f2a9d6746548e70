"""Cuts scenes into clips of equal length and rate; holds one clip at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.data.ingest.picture import cover
from model.data.ingest.scan import Refused
from model.data.ingest.scenes import Marked
from model.data.ingest.settings import IngestSettings
from model.job import VideoShape

_EARLY = 1e-6
"""Seconds by which a picture may be late for its place on the grid: time stamps are rounded."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A candidate clip."""

    start: float
    """Seconds into the film."""
    end: float
    """Seconds; the time at which the clip's last frame has been shown."""
    frames: NDArray[np.uint8]
    """(T, H, W, 3) at the clip's size."""
    thumbs: NDArray[np.uint8]
    """(T, h, w, 3), the whole pictures, small."""
    num_distinct: int
    """Different pictures of the film among the frames; fewer than T where the film is slower than the clip."""


def windows(marked: Iterator[Marked], settings: IngestSettings) -> Iterator[Window]:
    """Yield the clips of each scene, one after another; what is left of a scene at its end is dropped.

    Frame k of a clip is the picture shown k / fps after the scene's first. Raises Refused where the pictures are
    smaller than the clips.
    """
    cutter: _Cutter | None = None
    for item in marked:
        if cutter is None:
            shape = settings.shape_for(*item.picture.size, still=False)
            cutter = _Cutter(shape, settings.fps)
        yield from cutter.feed(item)
    if cutter:
        yield from cutter.finish()


def still_window(marked: Marked, settings: IngestSettings) -> Window:
    """An image as a clip of one frame."""
    shape = settings.shape_for(*marked.picture.size, still=True)
    _check_size(marked.picture.size, shape)
    frame = cover(marked.picture, shape.height, shape.width)
    return Window(start=0.0, end=0.0, frames=frame[None], thumbs=marked.thumb[None], num_distinct=1)


class _Cutter:
    def __init__(self, shape: VideoShape, fps: float) -> None:
        self._shape, self._fps = shape, fps
        self._last: Marked | None = None
        self._interval = 1 / fps
        self._begin(0.0)

    def feed(self, item: Marked) -> Iterator[Window]:
        """The picture before this one was shown until now."""
        if self._last is not None:
            self._interval = item.picture.time - self._last.picture.time
            yield from self._fill(item.picture.time)
        if item.opens_scene:
            self._begin(item.picture.time)
        self._last = item

    def finish(self) -> Iterator[Window]:
        """The last picture is shown for as long as the one before it."""
        if self._last is not None:
            yield from self._fill(self._last.picture.time + self._interval)

    def _begin(self, time: float) -> None:
        self._scene_start, self._place = time, 0
        self._clear()

    def _clear(self) -> None:
        self._frames: list[NDArray[np.uint8]] = []
        self._thumbs: list[NDArray[np.uint8]] = []
        self._times: set[float] = set()

    def _fill(self, until: float) -> Iterator[Window]:
        """Put the last picture in every place of the grid before `until`."""
        assert self._last is not None
        while self._scene_start + self._place / self._fps < until - _EARLY:
            self._put(self._last)
            self._place += 1
            if len(self._frames) == self._shape.num_frames:
                yield self._window()
                self._clear()

    def _put(self, item: Marked) -> None:
        if item.picture.time in self._times:
            self._frames.append(self._frames[-1])
            self._thumbs.append(self._thumbs[-1])
            return
        _check_size(item.picture.size, self._shape)
        self._times.add(item.picture.time)
        self._frames.append(cover(item.picture, self._shape.height, self._shape.width))
        self._thumbs.append(item.thumb)

    def _window(self) -> Window:
        first = self._place - len(self._frames)
        start = self._scene_start + first / self._fps
        return Window(
            start=round(start, 3),
            end=round(start + len(self._frames) / self._fps, 3),
            frames=np.stack(self._frames),
            thumbs=np.stack(self._thumbs),
            num_distinct=len(self._times),
        )


def _check_size(size: tuple[int, int], shape: VideoShape) -> None:
    height, width = size
    if height < shape.height or width < shape.width:
        raise Refused(f"{width}x{height} pixels, smaller than clips of {shape.width}x{shape.height}")
