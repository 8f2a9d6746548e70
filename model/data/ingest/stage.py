"""One file -> its candidate clips on disk, whole or not at all: the step that can be stopped and gone on with.

    WORK/SOURCE-SETTINGS.json    what was found in a file: clips with their scores, or why it was refused
    WORK/SOURCE-SETTINGS.bin     the clips' serialised frames, one after another

Names are digests of the file's content and of the settings; the JSON is written last, so where it lies the file is
finished; the frames go once a dataset holds them. Nothing in it depends on the file's name, on other files or on the
clock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2

from model.data.folder import parse_shape, shape_name
from model.data.ingest.films import read_film
from model.data.ingest.hashes import key_hashes
from model.data.ingest.measure import reason, scores
from model.data.ingest.picture import Picture
from model.data.ingest.scan import MediaFile, Refused
from model.data.ingest.scenes import mark_scenes
from model.data.ingest.settings import IngestSettings
from model.data.ingest.stills import read_image
from model.data.ingest.windows import Window, still_window, windows
from model.data.samples import frames_to_bytes
from model.job import VideoShape
from model.text.captioner_measured import measured_caption


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A clip that was cut, kept or not."""

    start: float
    """Seconds into the file."""
    end: float
    """Seconds."""
    shape: VideoShape
    """Frames and pixels."""
    scores: dict[str, float]
    """See measure.SCORES."""
    rejected: str | None
    """One of measure.REASONS, or None."""
    hashes: tuple[int, ...]
    """Of the key frames; empty where rejected."""
    caption: str
    """What was measured of it, in words; empty where rejected."""
    offset: int
    """Where its frames start in the file of frames."""
    num_bytes: int
    """Their length; 0 where rejected."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What one file gave."""

    refused: str | None
    """Why the file cannot be taken."""
    still: bool
    """True for an image."""
    seconds: float
    """Length of what was read."""
    candidates: tuple[Candidate, ...]
    """In order of time."""


def stage_path(work: Path, digest: str, settings: IngestSettings) -> Path:
    """Where a file's JSON lies once it is finished."""
    return work / f"{digest}-{settings.digest[:16]}.json"


def stage(
    file: MediaFile, path: Path, settings: IngestSettings, tell: Callable[[float], None] = lambda seconds: None
) -> Staged:
    """Read a file and write its candidates at `path`; `tell` hears how far it is, in seconds of film."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as out, _one_thread():
        try:
            staged = _read(file, out, settings, tell)
        except Refused as error:
            staged = Staged(refused=str(error), still=file.is_image, seconds=0.0, candidates=())
            out.truncate(0)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path.with_suffix(".bin"))
    write_whole(path, json.dumps(_to_json(staged), sort_keys=True, ensure_ascii=False).encode())
    return staged


def load(path: Path) -> Staged | None:
    """What was staged before, or None where the file is not finished."""
    return _from_json(json.loads(path.read_bytes())) if path.is_file() else None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, even when power fails."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The optical flow's search runs in stripes, one a thread: with several, its result would hang on the machine."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _read(file: MediaFile, out: BinaryIO, settings: IngestSettings, tell: Callable[[float], None]) -> Staged:
    still, pictures = read_image(file.path) if file.is_image else (False, read_film(file.path))
    timed = _Timed(pictures, tell)
    marked = mark_scenes(iter(timed), "none" if still else settings.cuts)
    found = (still_window(item, settings) for item in marked) if still else windows(marked, settings)
    candidates = tuple(_candidate(window, out, settings) for window in found)
    return Staged(refused=None, still=still, seconds=round(timed.seconds, 3), candidates=candidates)


class _Timed:
    """Passes pictures on and remembers how long the film was."""

    def __init__(self, pictures: Iterator[Picture], tell: Callable[[float], None]) -> None:
        self._pictures, self._tell = pictures, tell
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Picture]:
        for picture in self._pictures:
            self.seconds = picture.time
            self._tell(picture.time)
            yield picture


def _candidate(window: Window, out: BinaryIO, settings: IngestSettings) -> Candidate:
    found = scores(window, settings.fps)
    rejected = reason(window, found, settings)
    data = b"" if rejected else frames_to_bytes(window.frames, settings.encoding, settings.fps)
    offset = out.tell()
    out.write(data)
    frames, height, width, _ = window.frames.shape
    return Candidate(
        start=window.start,
        end=window.end,
        shape=VideoShape(num_frames=frames, height=height, width=width),
        scores=found,
        rejected=rejected,
        hashes=() if rejected else key_hashes(window.thumbs),
        caption="" if rejected else measured_caption(window.frames, settings.fps).text,
        offset=offset,
        num_bytes=len(data),
    )


def _to_json(staged: Staged) -> dict[str, Any]:
    candidates = [{**asdict(item), "shape": shape_name(item.shape)} for item in staged.candidates]
    return {**asdict(staged), "candidates": candidates}


def _from_json(raw: dict[str, Any]) -> Staged:
    candidates = tuple(
        Candidate(**{**item, "shape": parse_shape(item["shape"]), "hashes": tuple(item["hashes"])})
        for item in raw["candidates"]
    )
    return Staged(**{**raw, "candidates": candidates})
