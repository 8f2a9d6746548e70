"""The blocks of a tensor on the wire: its tiles, the entries that each sends, and their way back to the tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.pseudo_gradient import Tensor
from federation.wire_error import WireError

DEFAULT_BLOCK = 4096
BLOCKS = (64, 256, 1024, 4096)
"""Entries of a full tile: squares, so that 2-D tiles are square, and at most 12 bits of local index."""


def check_settings(top_k: int, block: int) -> None:
    """Raise ValueError for a top_k or a block out of range."""
    if not 1 <= top_k <= 4096:
        raise ValueError(f"expected top_k of 1 to 4096 entries per 4096, got {top_k}")
    if block not in BLOCKS:
        raise ValueError(f"expected a block of {', '.join(map(str, BLOCKS))} entries, got {block}")


@dataclass(frozen=True, kw_only=True)
class Region:
    """A rectangle of a tensor's matrix that equal tiles cover without remainder."""

    columns: int
    """Of the whole matrix."""
    top: int
    left: int
    tiles_down: int
    tiles_across: int
    height: int
    """Of one tile."""
    width: int
    """Of one tile."""
    k: int
    """Entries sent per tile."""

    @property
    def num_tiles(self) -> int:
        return self.tiles_down * self.tiles_across

    @property
    def num_entries(self) -> int:
        return self.num_tiles * self.k

    def tiles(self, matrix: Tensor) -> Tensor:
        """The tiles as rows, (num_tiles, height * width)."""
        bottom, right = self.top + self.tiles_down * self.height, self.left + self.tiles_across * self.width
        window = matrix[self.top : bottom, self.left : right]
        split = window.reshape(self.tiles_down, self.height, self.tiles_across, self.width)
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(self.num_tiles, self.height * self.width)

    def flat(self, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Local indices (num_tiles, k) as flat positions in the tensor."""
        down, across = np.divmod(np.arange(self.num_tiles, dtype=np.int64)[:, None], self.tiles_across)
        row, column = np.divmod(local, self.width)
        row += self.top + down * self.height
        column += self.left + across * self.width
        return (row * self.columns + column).reshape(-1)


def regions_of(shape: tuple[int, ...], top_k: int, block: int) -> Iterator[Region]:
    """At most four: full tiles, right edge, bottom edge, corner."""
    side = math.isqrt(block)
    rows, columns = (shape[0], math.prod(shape[1:])) if len(shape) >= 2 else (1, math.prod(shape))
    high, wide = (side, side) if len(shape) >= 2 else (1, block)
    for top, down, height in _segments(rows, high):
        for left, across, width in _segments(columns, wide):
            yield Region(
                columns=columns,
                top=top,
                left=left,
                tiles_down=down,
                tiles_across=across,
                height=height,
                width=width,
                k=max(1, (top_k * height * width + 2048) // 4096),
            )


def _segments(length: int, step: int) -> Iterator[tuple[int, int, int]]:
    """(start, number of steps, step) of the full steps and of the remainder, where there are any."""
    whole, rest = divmod(length, step)
    if whole:
        yield 0, whole, step
    if rest:
        yield whole * step, 1, rest


def tiles_of(tensor: Tensor, name: str, top_k: int, block: int) -> Iterator[tuple[Tensor, int]]:
    """The tiles of each region and how many entries each sends; WireError "not-finite" for a NaN or infinity."""
    if not np.isfinite(tensor).all():
        raise WireError("not-finite", f"{name} holds a NaN or an infinity; the update cannot be sent")
    rows = tensor.shape[0] if tensor.ndim >= 2 else 1
    matrix = tensor.reshape(rows, -1) if tensor.size else tensor.reshape(0, 0)
    for region in regions_of(tensor.shape, top_k, block):
        yield region.tiles(matrix), region.k


def select(tiles: Tensor, k: int) -> tuple[NDArray[np.int64], Tensor]:
    """Gaps and values of the k largest magnitudes of each row, in order of their local indices."""
    magnitudes = tiles.view(np.uint32) & np.uint32(0x7FFFFFFF)
    size = tiles.shape[1]
    threshold = np.partition(magnitudes, size - k, axis=1)[:, size - k, None]
    chosen = magnitudes >= threshold
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > k):
        ties = np.flatnonzero(magnitudes[row] == threshold[row])
        chosen[row, ties[k - np.count_nonzero(magnitudes[row] > threshold[row]) :]] = False
    local = np.nonzero(chosen)[1].reshape(-1, k)
    gaps = np.diff(local, axis=1, prepend=-1) - 1
    return gaps.reshape(-1), tiles[chosen]


def flat_indices(gaps: NDArray[np.int64], regions: list[Region], name: str) -> NDArray[np.int64]:
    """Gaps as flat positions in the tensor; WireError "malformed" where one leads out of its tile."""
    flats = []
    start = 0
    for region in regions:
        stop = start + region.num_entries
        local = np.cumsum(gaps[start:stop].reshape(region.num_tiles, region.k) + 1, axis=1) - 1
        if (local[:, -1] >= region.height * region.width).any():
            raise WireError("malformed", f"{name}: an index lies outside of its tile")
        flats.append(region.flat(local))
        start = stop
    return joined(flats)


def joined(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    """One array of all; of none, an empty one."""
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
