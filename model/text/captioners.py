"""Opens captioners by name, and the video files that they describe."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.data.ingest.films import read_film
from model.data.ingest.scan import Refused
from model.text.caption import Captioner
from model.text.captioner_measured import MeasuredCaptioner

CAPTIONERS: Final = ("measured", "learned", "vlm")
_ROWS = 256
"""Rows that a video is read at; no captioner here looks closer."""
_STILL_FPS = 24.0
"""Said of an image, in which nothing moves."""


def build_captioner(kind: str, path: Path | None = None, *, fps: float = 24.0) -> Captioner:
    """Open `measured` (no file), `learned` (a file of `captioner train`) or `vlm` (a folder of transformers' files).

    Raises ValueError for another kind, or where the path is missing or too much.
    """
    if kind not in CAPTIONERS:
        raise ValueError(f"unknown captioner {kind!r}; choose from {', '.join(CAPTIONERS)}")
    if kind == "measured":
        if path is not None:
            raise ValueError(f"the measured captioner has no weights, got the path {path}")
        return MeasuredCaptioner(fps=fps)
    if path is None:
        raise ValueError(f"the captioner {kind} needs the path of its {'file' if kind == 'learned' else 'folder'}")
    if kind == "learned":
        from model.text.captioner_learned import load_captioner

        return load_captioner(path.read_bytes())
    from model.text.captioner_hub import HubCaptioner

    return HubCaptioner(path)


def read_frames(path: Path, *, seconds: float = 10.0) -> tuple[NDArray[np.uint8], float]:
    """Return the first `seconds` of a video at 256 rows or fewer, (T, H, W, 3), and its frames a second.

    Raises ValueError with the reason where the file cannot be read.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    pictures = takewhile(lambda picture: picture.time < seconds, read_film(path))
    frames, last = [], 0.0
    try:
        for picture in pictures:
            height, width = picture.size
            rows = min(_ROWS, height)
            frames.append(picture.scaled(rows, max(1, round(width * rows / height))))
            last = picture.time
    except Refused as refused:
        raise ValueError(f"expected a video that can be read, got {path}: {refused}") from refused
    if not frames:
        raise ValueError(f"{path} holds no pictures")
    return np.stack(frames), (len(frames) - 1) / last if last > 0 else _STILL_FPS
