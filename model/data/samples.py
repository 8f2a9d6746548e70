"""One clip of a dataset folder <-> the members of its WebDataset sample: `KEY.json` and `KEY.npy` or `KEY.mp4`.

A shard is a tar archive whose members of one key belong together (github.com/webdataset/webdataset). Headers carry
no time, owner or machine, so equal clips make equal bytes and an equal CID.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

ENCODINGS = ("npy", "mp4")
"""`npy` keeps every pixel; `mp4` (H.264, 4:2:0) is many times smaller and not exact."""
_BLOCK = 512
_H264 = {"crf": "17", "preset": "medium", "threads": "1", "flags": "+bitexact"}
"""One thread: slices of several would change the bytes with the machine."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A clip with what is known of it."""

    key: str
    """Unique in its dataset; no dot and no slash."""
    frames: NDArray[np.uint8]
    """(T, H, W, 3), RGB."""
    facts: Mapping[str, Any]
    """JSON values; at least `caption` and `attribution`, both texts, and `fps`."""


def frames_to_bytes(frames: NDArray[np.uint8], encoding: str, fps: float) -> bytes:
    """Serialise a clip's frames; `mp4` needs even sizes."""
    if encoding == "npy":
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(frames), allow_pickle=False)
        return buffer.getvalue()
    if encoding != "mp4":
        raise ValueError(f"encoding must be one of {', '.join(ENCODINGS)}, got {encoding!r}")
    return _to_mp4(frames, fps)


def frames_from_bytes(data: bytes, encoding: str) -> NDArray[np.uint8]:
    """Read `frames_to_bytes` back as uint8 (T, H, W, 3); damaged bytes raise ValueError."""
    if encoding == "npy":
        exact: NDArray[np.uint8] = np.load(io.BytesIO(data), allow_pickle=False)
        return exact
    try:
        with av.open(io.BytesIO(data), mode="r", format="mp4") as container:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    except av.FFmpegError as error:
        raise ValueError(f"a sample's mp4 cannot be decoded: {error}") from error
    return frames.astype(np.uint8, copy=False)


def _to_mp4(frames: NDArray[np.uint8], fps: float) -> bytes:
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"mp4 needs an even height and width, got {height}x{width}; choose other sizes or npy")
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt, stream.options = width, height, "yuv420p", dict(_H264)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


class TarWriter:
    """Writes members with nothing in their headers but name and size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, name: str, data: bytes) -> int:
        """Append a member; returns the byte at which its content starts."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        start = self._file.tell() + _BLOCK
        self._tar.addfile(info, io.BytesIO(data))
        return start

    def close(self) -> None:
        """End the archive; the file stays open."""
        self._tar.close()


def facts_to_bytes(facts: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a sample's facts."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
