"""Decodes films picture by picture with PyAV: never more than a few pictures in memory.

Times come from the file's own time stamps, so variable frame rates need no case of their own. A file in which the
decoder meets damage is refused whole: what it shows around the damage is invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from model.data.ingest.picture import MAX_PIXELS, Picture, on_white
from model.data.ingest.scan import Refused

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,ogg,asf,image2,png_pipe,jpeg_pipe"
"""A playlist named .mp4 would have FFmpeg open other files and addresses; these containers hold their own data."""
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""Transfer functions (ITU-T H.273) whose levels are not those of an ordinary screen."""
_OPTIONS = {"format_whitelist": _CONTAINERS}
_MISSING_SECONDS = 1.0
"""What a film may lack of its stated length: sound and pictures seldom end together."""


def read_film(path: Path, threads: int = 1) -> Iterator[Picture]:
    """Yield the pictures of the first video stream in order of time. Raises Refused with the reason."""
    try:
        with av.open(str(path), options=dict(_OPTIONS), metadata_errors="replace") as container:
            stream = _video_stream(container)
            stream.codec_context.thread_count = threads
            yield from _pictures(container, stream)
    except av.FFmpegError as error:
        raise Refused(f"cannot be decoded: {error.strerror}") from error
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error


def _video_stream(container: av.container.InputContainer) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        kinds = sorted({s.type for s in container.streams})
        raise Refused(f"holds no video, only {', '.join(kinds)}" if kinds else "holds no streams")
    stream = streams[0]
    if stream.codec_context is None:
        raise Refused("is in a codec that this FFmpeg does not know")
    if stream.width * stream.height > MAX_PIXELS:
        raise Refused(f"{stream.width}x{stream.height} pixels a picture, at most {MAX_PIXELS:,} are taken")
    return stream


def _pictures(container: av.container.InputContainer, stream: VideoStream) -> Iterator[Picture]:
    clock, sizes = _Clock(stream), set()
    reformatters: dict[tuple[int, int, str], VideoReformatter] = {}
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise Refused(f"damaged after {clock.last:.2f} s")
        if frame.color_trc in _HDR_TRANSFERS:
            raise Refused(f"high dynamic range ({_HDR_TRANSFERS[frame.color_trc]}): convert it to BT.709 first")
        sizes.add((frame.width, frame.height))
        if len(sizes) > 1:
            raise Refused(f"its pictures change their size after {clock.last:.2f} s")
        if clock.tick(frame):
            yield _FilmPicture(frame, stream, clock.last, reformatters)
    clock.check_length(container, stream)


class _Clock:
    """Turns time stamps into seconds after the first picture; pictures that go back in time are passed by."""

    def __init__(self, stream: VideoStream) -> None:
        self._rate = float(stream.average_rate or stream.guessed_rate or 0)
        self._first: float | None = None
        self._count = 0
        self.last = -1.0

    def tick(self, frame: av.VideoFrame) -> bool:
        if frame.pts is None and self._rate <= 0:
            raise Refused("has neither time stamps nor a frame rate")
        time = self._count / self._rate if frame.pts is None else frame.time
        self._first = time if self._first is None else self._first
        self._count += 1
        if time - self._first <= self.last:
            return False
        self.last = time - self._first
        return True

    def check_length(self, container: av.container.InputContainer, stream: VideoStream) -> None:
        if self._first is None:
            raise Refused("holds no pictures")
        stated = 0.0
        if stream.duration and stream.time_base:
            stated = float(stream.duration * stream.time_base)
        elif container.duration and not container.streams.audio:
            stated = container.duration / av.time_base
        if stated - self.last > max(_MISSING_SECONDS, 0.1 * stated):
            raise Refused(f"cut short: {self.last:.1f} of {stated:.1f} s can be decoded")


class _FilmPicture:
    """A decoded frame; sizes, rotation and pixel aspect as a player would show them."""

    def __init__(
        self,
        frame: av.VideoFrame,
        stream: VideoStream,
        time: float,
        reformatters: dict[tuple[int, int, str], VideoReformatter],
    ) -> None:
        self.time = time
        self._frame, self._reformatters = frame, reformatters
        self._turns = round(frame.rotation / 90) % 4
        aspect = stream.sample_aspect_ratio
        self._stretch = float(aspect) if aspect else 1.0

    @property
    def size(self) -> tuple[int, int]:
        height, width = self._frame.height, max(1, round(self._frame.width * self._stretch))
        return (width, height) if self._turns % 2 else (height, width)

    def scaled(self, height: int, width: int) -> NDArray[np.uint8]:
        turned = self._turns % 2
        pixels = self._reformat(*((width, height) if turned else (height, width)))
        return np.rot90(pixels, self._turns) if self._turns else pixels

    def _reformat(self, height: int, width: int) -> NDArray[np.uint8]:
        clear = any(component.is_alpha for component in self._frame.format.components)
        layout = "rgba" if clear else "rgb24"
        reformatter = self._reformatters.setdefault((height, width, layout), VideoReformatter())
        smaller = height <= self._frame.height and width <= self._frame.width
        method = Interpolation.AREA if smaller else Interpolation.BICUBIC
        shown = reformatter.reformat(self._frame, width=width, height=height, format=layout, interpolation=method)
        pixels = shown.to_ndarray().astype(np.uint8, copy=False)
        return on_white(pixels) if clear else pixels
