"""From a checkpoint, prompts and files to video files and contact sheets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from federation.checkpoints import find_checkpoint
from federation.config import RunSpec
from federation.frozen_parts import fetch_parts
from federation.provenance import provenance_of, signer_of
from federation.runs import require_run
from node.cid import of as cid_of
from node.config import Home
from node.errors import ConfigError
from node.wiring import COORDINATOR, open_ledger, open_store

if TYPE_CHECKING:
    from federation.given_files import GivenFiles
    from model.denoiser import Denoiser
    from model.given import Frames
    from model.job import VideoShape

FPS = 8
"""Of every video that we write."""
MAX_SECONDS = 600
_SHEET_FRAMES = 16
"""Frames of a long video on its contact sheet, evenly spread."""
_LONG_TASKS = ("unconditional", "predict", "first_frame")


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """What is asked of the sampler: one clip a prompt."""

    prompts: Sequence[str]
    seed: int = 0
    num_steps: int = 24
    guidance: float = 1.5
    interval: tuple[float, float] = (0.0, 1.0)
    """Times between which guidance acts; 1 is noise."""
    negative: str = ""
    """What guidance leads away from."""
    sampler: str = "euler"
    task: str = ""
    """One of model.masks.TASKS; empty means what the given files are most likely meant for."""
    given: GivenFiles | None = None
    at: tuple[int, ...] = ()
    """Places of the given frames, for `random_frames`."""
    box: tuple[int, int, int, int] | None = None
    """(top, left, height, width) of what `tube` makes anew, in pixels."""
    size: tuple[int, int, int] = field(default=(0, 0, 0))
    """(frames, height, width) of a clip; 0 means the run's, or the demonstration's for a checkpoint file."""
    num_seconds: float = 0
    """Length of a video that grows window by window; 0 makes one clip."""
    watermark: bool = True
    """Whether the video carries an invisible mark of its checkpoint."""

    def __post_init__(self) -> None:
        if not self.prompts or not all(p.strip() for p in self.prompts):
            raise ConfigError(f"expected a prompt in words, got {self.prompts!r}")
        if not 1 <= self.num_steps <= 1000:
            raise ConfigError(f"expected 1 to 1000 solver steps, got {self.num_steps}")
        if not 0 <= self.num_seconds <= MAX_SECONDS:
            raise ConfigError(f"expected 0 to {MAX_SECONDS} seconds, got {self.num_seconds}")
        if self.num_seconds and len(self.prompts) > 1:
            raise ConfigError(f"expected one prompt for a long video, got {len(self.prompts)}")
        if min(self.size) < 0:
            raise ConfigError(f"expected a size of (frames, height, width), got {self.size}")


def sample_videos(
    home: Home, run_id: int, checkpoint: str | None, request: SampleRequest, out: Path
) -> tuple[Path, str]:
    """Write the first prompt's clip to `out` (MP4, signed) and all clips, a row each, to a PNG contact sheet beside it.

    The checkpoint is a file or a CID, or the run's head when not named; a file needs no network. Returns the sheet's
    path and what the checkpoint is called.
    """
    from model.checkpoint import load_model
    from model.data.video import contact_sheet
    from model.denoiser import Denoiser
    from model.provenance import sign_video

    data, name, shape = _open(home, run_id, checkpoint or "", request.size)
    origin, signer = cid_of(data), signer_of(home)
    denoiser = Denoiser(load_model(data))
    out.parent.mkdir(parents=True, exist_ok=True)
    if request.num_seconds:
        kept: list[Frames] = []
        _write(out, _long(denoiser, request, shape, kept), shape, origin if request.watermark else "")
        clips = np.stack(kept)[None]
    else:
        clips = _short(denoiser, request, shape)
        _write(out, clips[0], shape, origin if request.watermark else "")
    size = shape.num_frames, shape.height, shape.width
    sign_video(out, provenance_of(request, origin, _task(request), size), signer)
    sheet = out.with_suffix(".png")
    sheet.write_bytes(contact_sheet(clips, scale=3))
    return sheet, name


def _write(out: Path, frames: Iterable[Frames], shape: VideoShape, marked_with: str) -> None:
    """Write an MP4 of 256 pixels or more a side, with the mark of a checkpoint unless that is empty."""
    from model.data.video import write_mp4
    from model.provenance import add_watermark, payload_of
    from model.provenance.watermark import SIDE

    finish = partial(add_watermark, payload=payload_of(marked_with)) if marked_with else None
    height = max(SIDE, shape.height, math.ceil(SIDE * shape.height / shape.width))
    write_mp4(out, frames, fps=FPS, height=height, finish=finish)


def _open(home: Home, run_id: int, name: str, size: tuple[int, int, int]) -> tuple[bytes, str, VideoShape]:
    """A checkpoint's bytes, its name and the shape of its clips."""
    from model.checkpoint import read
    from model.job import DEMO_SHAPE, VideoShape

    usual = DEMO_SHAPE.num_frames, DEMO_SHAPE.height, DEMO_SHAPE.width
    is_file = bool(name) and Path(name).is_file()
    data, name = find_checkpoint(home, name, run_id)
    if not is_file:
        run, store = require_run(open_ledger(home), run_id), open_store(home, COORDINATOR)
        spec = RunSpec.from_bytes(store.get(run.spec_cid)).model
        fetch_parts(store, spec)
        if (found := read(data).config.preset) != spec.preset:
            raise ConfigError(f"expected a checkpoint of run {run_id}'s preset {spec.preset}, got one of {found}")
        usual = spec.num_frames, spec.height, spec.width
    num_frames, height, width = (asked or own for asked, own in zip(size, usual, strict=True))
    return data, name, VideoShape(num_frames=num_frames, height=height, width=width)


def _short(denoiser: Denoiser, request: SampleRequest, shape: VideoShape) -> Frames:
    from model.given import place
    from model.sample import sample_many

    task, factor = _task(request), denoiser.codec.time_factor
    frames = request.given.for_task(task, shape, factor) if request.given else None
    return sample_many(
        denoiser,
        list(request.prompts),
        shape=shape,
        given=place(task, frames, shape, time_factor=factor, at=request.at, box=request.box),
        seed=request.seed,
        num_steps=request.num_steps,
        sampler=request.sampler,
        guidance=request.guidance,
        interval=request.interval,
        negative=request.negative,
    )


def _long(denoiser: Denoiser, request: SampleRequest, window: VideoShape, kept: list[Frames]) -> Iterator[Frames]:
    """Frames one by one as they are made; a few, evenly spread, are kept for the contact sheet."""
    from model.extend import extend
    from model.sample import Recipe

    if (task := _task(request)) not in _LONG_TASKS:
        raise ConfigError(f"expected task {', '.join(_LONG_TASKS)} for a long video, got {task}")
    num_frames = max(1, round(request.num_seconds * FPS))
    given = request.given.read(window) if request.given else None
    if given is not None and task == "first_frame":
        given = given[:1]
    if (given is None) != (task == "unconditional"):
        raise ConfigError(f"task {task} needs {'given frames' if given is None else 'no given frames'}")
    pieces = extend(
        denoiser,
        request.prompts[0],
        seed=request.seed,
        num_frames=num_frames,
        window=window,
        given=given,
        recipe=Recipe(
            num_steps=request.num_steps,
            sampler=request.sampler,
            guidance=request.guidance,
            interval=request.interval,
            negative=request.negative,
        ),
    )
    places = set(np.linspace(0, num_frames - 1, _SHEET_FRAMES).round().astype(int).tolist())
    for index, frame in enumerate(frame for piece in pieces for frame in piece):
        if index in places:
            kept.append(frame.copy())
        yield frame


def _task(request: SampleRequest) -> str:
    return request.task or (request.given.natural_task if request.given else "unconditional")
