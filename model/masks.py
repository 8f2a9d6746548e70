"""The unified space-time mask: a task says which part of a clip is given, one model does all (VDT, arXiv 2305.13311).

A mask is a bool array over latent cells, (T, H, W), True = given. It is drawn token by token, so that no token is
half given. Every draw hides a token, and every task but `unconditional` gives one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from model.codec.base import frames_of
from model.job import TASKS

__all__ = [
    "PREFIX_TASKS",
    "TASKS",
    "choose",
    "draw",
    "latent_given",
    "pixel_given",
    "possible",
    "require_hidden",
    "require_seen",
]

Mask = NDArray[np.bool_]
Grid = tuple[int, int, int]
"""Tokens, or latent cells, along (time, height, width)."""

PREFIX_TASKS = ("unconditional", "predict", "first_frame")
"""Tasks that give nothing later than what they hide, so that a causal codec's latents tell nothing of it."""

_MIN_FRAMES = {"unconditional": 1, "tube": 1, "interpolate": 3, "first_last": 3}
"""Token frames that a task needs; the others need 2."""


def draw(task: str, shape: Grid, rng: np.random.Generator, *, patch: Grid = (1, 1, 1)) -> Mask:
    """Draw a mask of `shape` latent cells in patches of `patch`; a task that does not fit raises ValueError."""
    grid = _tokens(shape, patch)
    if not _fits(task, grid):
        raise ValueError(f"task {task!r} needs {_need(task)}, got latent {shape} in patches of {patch}")
    given = np.zeros(grid, np.bool_)
    if task == "tube":
        given[:] = ~_box(grid[1:], rng)
    elif task != "unconditional":
        given[_FRAMES[task](grid[0], rng)] = True
    for axis, size in enumerate(patch):
        given = given.repeat(size, axis=axis)
    require_hidden(given)
    return given


def possible(tasks: Collection[str], shape: Grid, *, patch: Grid = (1, 1, 1)) -> list[str]:
    """Return those of `tasks` that fit a clip: an image, for one, has no frames to predict."""
    grid = _tokens(shape, patch)
    return [task for task in tasks if _fits(task, grid)]


def choose(tasks: Mapping[str, float] | Collection[str], shape: Grid, *, patch: Grid = (1, 1, 1)) -> dict[str, float]:
    """Return the probability of each task that fits a clip; no weights mean equal ones.

    Raises ValueError for an unknown task, a weight that is not a positive number, or where no task fits.
    """
    weights = dict(tasks) if isinstance(tasks, Mapping) else dict.fromkeys(tasks, 1.0)
    if bad := {name: weight for name, weight in weights.items() if not 0 < weight < float("inf")}:
        raise ValueError(f"expected positive weights of tasks, got {bad}")
    fitting = possible(weights, shape, patch=patch)
    if not fitting:
        raise ValueError(f"none of the tasks {', '.join(weights) or '(none)'} fits latent {shape}")
    total = sum(weights[task] for task in fitting)
    return {task: weights[task] / total for task in fitting}


def require_hidden(given: Mask) -> None:
    """Raise ValueError where nothing is left to be made."""
    if given.all():
        raise ValueError(f"expected a mask that hides something, got one of {given.shape} that gives everything")


def require_seen(given: Mask, cells: Mask, time_factor: int, patch_frames: int) -> None:
    """Raise ValueError where given frames fill no token, so that the network would make a clip without looking at them.

    `given` is over pixels and `cells` what `latent_given` made of it. Of consecutive given frames one token is enough.
    """
    seen = {frame for latent in np.flatnonzero(cells.all(axis=(1, 2))) for frame in frames_of(int(latent), time_factor)}
    whole = np.flatnonzero(given.all(axis=(1, 2)))
    runs = np.split(whole, np.flatnonzero(np.diff(whole) > 1) + 1)
    lost = [[int(frame) for frame in run] for run in runs if len(run) and seen.isdisjoint(run.tolist())]
    if lost or not cells.any():
        raise ValueError(
            f"a token of this model holds {patch_frames} latent frames of {time_factor} frames each, so the network "
            f"would not see the given frames {lost or 'at all'}; give all frames of a token, or use another task"
        )


def latent_given(given: Mask, cells: Grid, time_factor: int, *, patch: Grid = (1, 1, 1)) -> Mask:
    """Map a mask over pixels, (T, H, W), to latent cells: a token is given when all of its pixels are.

    In time a causal codec holds frame 0 in its first latent frame and `time_factor` frames in each later one.
    """
    rows, columns = given.shape[1] // cells[1], given.shape[2] // cells[2]
    spatial: Mask = np.all(given.reshape(len(given), cells[1], rows, cells[2], columns), axis=(2, 4))
    latent = np.stack([spatial[list(frames_of(t, time_factor))].all(axis=0) for t in range(cells[0])])
    grid = _tokens(cells, patch)
    blocks = latent.reshape(grid[0], patch[0], grid[1], patch[1], grid[2], patch[2])
    tokens: Mask = np.all(blocks, axis=(1, 3, 5))
    for axis, size in enumerate(patch):
        tokens = tokens.repeat(size, axis=axis)
    return tokens


def pixel_given(given: Mask, frame_shape: Grid, time_factor: int) -> Mask:
    """Map a mask over latent cells to pixels, (T, H, W) = `frame_shape`; `latent_given` maps it back."""
    frames = [t for t in range(len(given)) for _ in frames_of(t, time_factor)]
    rows, columns = frame_shape[1] // given.shape[1], frame_shape[2] // given.shape[2]
    return given[frames].repeat(rows, axis=1).repeat(columns, axis=2)


def _first(num: int, rng: np.random.Generator) -> list[int]:
    return list(range(rng.integers(1, num)))


def _last(num: int, rng: np.random.Generator) -> list[int]:
    return list(range(rng.integers(1, num), num))


def _every(num: int, rng: np.random.Generator) -> list[int]:
    """Frames at an even distance, from the first on."""
    return list(range(0, num, rng.integers(2, num)))


def _some(num: int, rng: np.random.Generator) -> list[int]:
    return [int(t) for t in rng.permutation(num)[: rng.integers(1, num)]]


_FRAMES: dict[str, Callable[[int, np.random.Generator], list[int]]] = {
    "predict": _first,
    "backward": _last,
    "interpolate": _every,
    "first_frame": lambda num, rng: [0],
    "first_last": lambda num, rng: [0, num - 1],
    "random_frames": _some,
}
"""task -> which of `num` token frames are given."""


def _box(plane: tuple[int, int], rng: np.random.Generator) -> Mask:
    """A random box of tokens, True inside; neither empty nor everything.

    Both ends are drawn from what is left, where VDT draws the end alone and hides nothing when it is 0.
    """
    while True:
        box = np.zeros(plane, np.bool_)
        sizes = [int(rng.integers(1, size + 1)) for size in plane]
        corner = [int(rng.integers(size - side + 1)) for size, side in zip(plane, sizes, strict=True)]
        box[corner[0] : corner[0] + sizes[0], corner[1] : corner[1] + sizes[1]] = True
        if not box.all():
            return box


def _fits(task: str, grid: Grid) -> bool:
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    return grid[0] >= _MIN_FRAMES.get(task, 2) and (task != "tube" or grid[1] * grid[2] >= 2)


def _need(task: str) -> str:
    return "2 tokens a frame" if task == "tube" else f"{_MIN_FRAMES.get(task, 2)} token frames"


def _tokens(shape: Grid, patch: Grid) -> Grid:
    if min(shape) < 1 or any(size % step for size, step in zip(shape, patch, strict=True)):
        raise ValueError(f"latent cells must be positive multiples of the patch {patch}, got {shape}")
    time, height, width = (size // step for size, step in zip(shape, patch, strict=True))
    return time, height, width
