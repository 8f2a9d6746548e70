"""What a checkpoint makes of each task: one PNG, a row a task, given frames framed in orange.

python benchmarks/contact_sheets.py CHECKPOINT --out docs/img
python benchmarks/contact_sheets.py CHECKPOINT --out docs/img --frames 17 --height 64 --width 64 --sampler dpm++

The clips that rows are given from are drawn by a seed that no training of ours uses; their truth stands in the first
row. Where a token holds several frames, all of its frames are given. The last row is a long video, window by window.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.checkpoint import load_model
from model.data.worlds import make_clips
from model.denoiser import Denoiser
from model.extend import default_overlap, extend
from model.given import Frames, given_frames, place
from model.job import DEMO_SHAPE, VideoShape
from model.masks import TASKS, Mask
from model.sample import Recipe, sample_many

NUM_COLUMNS = 9
"""Frames shown of a clip, evenly spread."""
CELL, EDGE, GAP, LABEL, LINE = 96, 4, 8, 250, 17
"""Pixels: a frame's height, its border, what lies between rows, the column of words, a line of them."""
GIVEN, MADE, PAPER, INK = (240, 130, 0), (225, 225, 225), (255, 255, 255), (20, 20, 20)
WORDS = {
    "unconditional": "from the prompt alone",
    "predict": "continued from its first frames",
    "backward": "what came before its last frames",
    "interpolate": "between frames at an even distance",
    "first_frame": "from its first frame",
    "first_last": "between its first and last frame",
    "random_frames": "around some frames",
    "tube": "completed inside a box",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clip on the sheet."""

    title: str
    words: str
    frames: Frames
    """(T, H, W, 3)."""
    given: Mask
    """(T, H, W)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes PRESET-tasks.png."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", type=Path, help="a checkpoint's file")
    parser.add_argument("--out", type=Path, default=Path("docs/img"), help="folder")
    parser.add_argument("--seed", type=int, default=90_001, help="of the clips and of the noise")
    parser.add_argument("--frames", type=int, default=DEMO_SHAPE.num_frames)
    parser.add_argument("--height", type=int, default=DEMO_SHAPE.height)
    parser.add_argument("--width", type=int, default=DEMO_SHAPE.width)
    parser.add_argument("--steps", type=int, default=Recipe.num_steps)
    parser.add_argument("--sampler", default=Recipe.sampler)
    parser.add_argument("--guidance", type=float, default=Recipe.guidance)
    parser.add_argument("--seconds", type=int, default=10, help="of the long video; 0 leaves it out")
    options = parser.parse_args(arguments)
    denoiser = Denoiser(load_model(options.checkpoint.read_bytes()))
    shape = VideoShape(num_frames=options.frames, height=options.height, width=options.width)
    recipe = Recipe(num_steps=options.steps, sampler=options.sampler, guidance=options.guidance)
    rows = task_rows(denoiser, shape, recipe, options.seed)
    if options.seconds:
        rows.append(long_row(denoiser, shape, recipe, options.seed, options.seconds))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{denoiser.model.config.preset}-tasks.png"
    path.write_bytes(draw(rows))
    sys.stdout.write(f"{path}\n")
    return 0


def task_rows(denoiser: Denoiser, shape: VideoShape, recipe: Recipe, seed: int) -> list[Row]:
    """A held-out clip and what the model makes of it, task by task."""
    clip = make_clips(num_clips=1, seed=seed, shape=shape)
    truth, (prompt,), factor = clip.frames[0], clip.captions, denoiser.codec.time_factor
    everything = np.ones(truth.shape[:3], np.bool_)
    rows = [Row(title="truth", words=prompt, frames=truth, given=everything)]
    for task in TASKS:
        places = _whole_tokens(_places(task, shape, factor), denoiser.model.config.patch[0])
        by_place = task not in ("unconditional", "tube")  # the frames are what matters: the network is told no task
        given = place(
            "random_frames" if by_place else task,
            truth[places] if places else None,
            shape,
            time_factor=factor,
            at=places if by_place else (),
        )
        (made,) = sample_many(
            denoiser,
            [prompt],
            seed=seed,
            shape=shape,
            given=given,
            num_steps=recipe.num_steps,
            sampler=recipe.sampler,
            guidance=recipe.guidance,
        )
        mask = ~everything if given is None else given.mask
        rows.append(Row(title=task.replace("_", " "), words=WORDS[task], frames=made, given=mask))
    return rows


def long_row(denoiser: Denoiser, shape: VideoShape, recipe: Recipe, seed: int, seconds: int) -> Row:
    """Frames, evenly spread, of a video that grew window by window."""
    clip = make_clips(num_clips=1, seed=seed, shape=shape)
    pieces = extend(denoiser, clip.captions[0], seed=seed, num_frames=8 * seconds, window=shape, recipe=recipe)
    frames = np.concatenate(list(pieces))
    words = f"{seconds} s at 8 frames a second, from the prompt alone"
    return Row(title="long", words=words, frames=frames, given=np.zeros(frames.shape[:3], np.bool_))


def _places(task: str, shape: VideoShape, factor: int) -> list[int]:
    """Which frames of the truth a row is given."""
    num, few = shape.num_frames, default_overlap(shape, factor)
    if task in ("unconditional", "tube"):
        return list(range(num)) if task == "tube" else []
    if task == "random_frames":
        return sorted({num // 3, num - 2})
    counts = {
        "predict": few,
        "backward": max(1, few // factor) * factor,
        "interpolate": 1 + 2 * factor,
        "first_frame": 1,
        "first_last": 1 + factor,
    }
    return given_frames(task, counts[task], num, factor)


def _whole_tokens(places: Sequence[int], patch_frames: int) -> list[int]:
    """The frames of every token that one of the places lies in, where a token holds several frames of a pixel codec."""
    firsts = {place - place % patch_frames for place in places}
    return sorted(first + step for first in firsts for step in range(patch_frames))


def draw(rows: Sequence[Row]) -> bytes:
    """Return the sheet as a PNG."""
    tiles = [_tiles(row) for row in rows]
    width = LABEL + max(sum(tile.width for tile in line) for line in tiles)
    height = CELL + 2 * EDGE + GAP
    sheet = Image.new("RGB", (width, height * len(rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, (row, line) in enumerate(zip(rows, tiles, strict=True)):
        top, left = number * height, LABEL
        pen.text((8, top + 10), row.title, fill=INK, font=ImageFont.load_default(18))
        for index, words in enumerate(_wrapped(row.words)):
            pen.text((8, top + 36 + index * LINE), words, fill=INK, font=ImageFont.load_default(13))
        for tile in line:
            sheet.paste(tile, (left, top))
            left += tile.width
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _tiles(row: Row) -> list[Image.Image]:
    num, height, width = row.given.shape
    shown = sorted({round(t) for t in np.linspace(0, num - 1, min(num, NUM_COLUMNS))})
    size = round(CELL * width / height), CELL
    return [_tile(row.frames[t], row.given[t], size) for t in shown]


def _tile(frame: Frames, given: Mask, size: tuple[int, int]) -> Image.Image:
    """A frame in its border; a box that was made inside a given frame is outlined."""
    tile = Image.new("RGB", (size[0] + 2 * EDGE, size[1] + 2 * EDGE), GIVEN if given.any() else MADE)
    tile.paste(Image.fromarray(frame).resize(size, Image.Resampling.NEAREST), (EDGE, EDGE))
    if given.any() and not given.all():
        rows, columns = np.nonzero(~given)
        zoom = size[1] / given.shape[0]
        box = [columns.min() * zoom, rows.min() * zoom, (columns.max() + 1) * zoom, (rows.max() + 1) * zoom]
        ImageDraw.Draw(tile).rectangle([EDGE + float(v) for v in box], outline=MADE, width=2)
    return tile


def _wrapped(text: str, width: int = 34) -> list[str]:
    lines = [""]
    for word in text.split():
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < width else [*lines, word]
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
