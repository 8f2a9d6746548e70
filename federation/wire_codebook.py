"""The codebook of a tensor on the wire: four bfloat16 levels, fitted to the values that are sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from federation.pseudo_gradient import Tensor
from federation.wire_error import WireError

LEVELS_BYTES = 8
"""Of one tensor's codebook."""

_BFLOAT16_MAX = float(np.array(0x7F7F0000, np.uint32).view(np.float32))


def lloyd_max(values: Tensor) -> Tensor:
    """Four ascending levels, each the mean of the values nearest to it, rounded to bfloat16 (Lloyd, 1982).

    Sums are differences of one running sum over the sorted values: a fixed order of additions.
    """
    if not values.size:
        return np.zeros(4, np.float32)
    ordered = np.sort(values).astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(ordered)])
    levels = ordered[np.arange(1, 8, 2) * len(ordered) // 8]
    edges = np.zeros(5, np.int64)
    for _ in range(64):
        middles = (levels[1:] + levels[:-1]) / 2
        previous, edges = edges, np.concatenate([[0], np.searchsorted(ordered, middles), [len(ordered)]])
        if np.array_equal(previous, edges):
            break
        counts = np.diff(edges)
        levels = np.where(counts > 0, np.diff(running[edges]) / np.maximum(counts, 1), levels)
    return _bfloat16(np.sort(levels))


def _bfloat16(levels: NDArray[np.float64]) -> Tensor:
    """Rounded to the nearest bfloat16, ties to even, never to infinity; no negative zero."""
    bits = np.clip(levels, -_BFLOAT16_MAX, _BFLOAT16_MAX).astype(np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32) + np.float32(0)


def nearest(values: Tensor, levels: Tensor) -> NDArray[np.int64]:
    """Which of the ascending levels is nearest to each value; halfway goes to the lower."""
    exact = levels.astype(np.float64)
    return np.searchsorted((exact[1:] + exact[:-1]) / 2, values.astype(np.float64))


def level_bytes(levels: Tensor) -> bytes:
    """Levels that are bfloat16 values, at 2 bytes each."""
    return (levels.view(np.uint32) >> 16).astype("<u2").tobytes()


def read_levels(data: bytes) -> Tensor:
    """The inverse of `level_bytes`: one row of 4 per tensor.

    Raises WireError "not-finite" for a level that is no number, "malformed" for levels that do not ascend.
    """
    levels = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(-1, 4)
    if not np.isfinite(levels).all():
        raise WireError("not-finite", "a level of the codebook is a NaN or an infinity")
    if (levels[:, 1:] < levels[:, :-1]).any():
        raise WireError("malformed", "expected the levels of a codebook in ascending order")
    return levels
