"""Which space-time tokens attend to which: a stream of clips cut into groups, equal lengths side by side.

Every kind of attention is attention inside groups of the same stream:

- `clip`: all tokens of a clip (joint attention, Sora)
- `frame`: all places of one time (space attention; 1 x H x W windows)
- `column`: all times of one place (time attention, VDT, arXiv 2305.13311)
- `window`: all times of a rectangle of places (T x h x w windows, W.A.L.T, arXiv 2312.06662)

A group at the clip's edge is shorter than the others: nothing is padded and nothing is masked. Clips of one stream
need not have equal shapes.

Shapes: S clips, N tokens of a clip, M tokens of the stream, F features of a head.
"""

# ruff: noqa: N803, N806 (tensor names carry their shape)

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import ModelConfig
from model.network.rope import Grid, rotations

Window = tuple[int, int]
Grids = tuple[Grid, ...]
"""Tokens (time, height, width) of each clip of a stream."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """One way to cut a stream into groups."""

    order: tuple[Tensor, Tensor] | None
    """(M,) the stream's places group by group, and the way back; None where they lie so already."""
    cos: Tensor
    """(M, 1, F / 2) cosine of each token's rotary angles, in `order`."""
    sin: Tensor
    """(M, 1, F / 2) the sine."""
    buckets: tuple[tuple[int, int], ...]
    """(groups, tokens of a group), shortest first; in `order` they follow each other."""
    bounds: Tensor
    """(groups + 1,) int32: where each group starts in `order`, and the end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How the clips of a stream lie and what each layer's attention sees."""

    grids: Grids
    """In the stream's order."""
    clip_of: Tensor | None
    """(1, M) each token's clip; None where all grids are equal, so that a batch axis tells."""
    clips: tuple[tuple[int, int], ...]
    """(clips, tokens of a clip) as the stream has them: text is read clip by clip."""
    cycle: tuple[tuple[Groups, ...], ...]
    """Layer i attends inside cycle[i % len(cycle)]; two entries mean space, then time."""


def layout_of(config: ModelConfig, grids: Grids, device: str) -> Layout:
    """Return the layout of clips whose token counts do not fall; the last few are remembered."""
    return _layout(grids, config.attention, config.window, config.head_width, config.rope_base, device)


@lru_cache(maxsize=8)
def _layout(grids: Grids, attention: str, window: Window, head_width: int, base: float, device: str) -> Layout:
    kinds = {"joint": (("clip",),), "window": (("frame",), ("window",)), "factorised": (("frame", "column"),)}
    sizes = np.array([t * h * w for t, h, w in grids])
    assert (np.diff(sizes) >= 0).all(), "a stream's clips are sorted by their token count"
    with torch.inference_mode(False):
        tables = [rotations(grid, head_width, base, "cpu") for grid in grids]
        cos, sin = (torch.cat(parts) for parts in zip(*tables, strict=True))
        made = {
            kind: _groups(_labels(kind, grids, window), cos, sin, device)
            for kind in {kind for entry in kinds[attention] for kind in entry}
        }
        clip_of = torch.from_numpy(np.repeat(np.arange(len(grids)), sizes))[None].to(device)
    return Layout(
        grids=grids,
        clip_of=None if len(set(grids)) == 1 else clip_of,
        clips=_runs(sizes),
        cycle=tuple(tuple(made[kind] for kind in entry) for entry in kinds[attention]),
    )


def _groups(labels_M: NDArray[np.int64], cos: Tensor, sin: Tensor, device: str) -> Groups:
    """Sort tokens by (length of their group, group), keeping their order inside a group."""
    _, dense_M, counts = np.unique(labels_M, return_inverse=True, return_counts=True)
    order_M = np.lexsort((dense_M, counts[dense_M]))
    still = bool((order_M == np.arange(len(order_M))).all())
    lengths = np.sort(counts)
    order, back = torch.from_numpy(order_M), torch.from_numpy(np.argsort(order_M))
    return Groups(
        order=None if still else (order.to(device), back.to(device)),
        cos=cos[order, None].to(device),
        sin=sin[order, None].to(device),
        buckets=_runs(lengths),
        bounds=torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)).to(device),
    )


def _labels(kind: str, grids: Grids, window: Window) -> NDArray[np.int64]:
    """Name each token's group by a number; groups of a clip come after those of the clip before."""
    labels, first = [], 0
    for grid in grids:
        t, h, w = np.indices(grid)
        rows, columns = (-(-size // step) for size, step in zip(grid[1:], window, strict=True))
        place, num = {
            "clip": (0 * t, 1),
            "frame": (t, grid[0]),
            "column": (h * grid[2] + w, grid[1] * grid[2]),
            "window": (h // window[0] * columns + w // window[1], rows * columns),
        }[kind]
        labels.append(place.ravel() + first)
        first += num
    return np.concatenate(labels)


def _runs(sorted_lengths: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    lengths, counts = np.unique(sorted_lengths, return_counts=True)
    return tuple((int(count), int(length)) for length, count in zip(lengths, counts, strict=True))
