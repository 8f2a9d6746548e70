"""Rotary positions over time, height and width (RoFormer, arXiv 2104.09864, axis by axis)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

Grid = tuple[int, int, int]


def axis_pairs(head_width: int) -> tuple[int, int, int]:
    """Split a head's feature pairs between (time, height, width); time takes the remainder."""
    pairs = head_width // 2
    space = pairs // 3
    return pairs - 2 * space, space, space


@lru_cache(maxsize=32)
def rotations(grid: Grid, head_width: int, base: float, device: str) -> tuple[Tensor, Tensor]:
    """Return (cos, sin), each (tokens, head_width / 2), for a grid read in (t, h, w) order."""
    with torch.inference_mode(False):  # a table made while sampling must serve training too
        return _rotations(grid, head_width, base, device)


def _rotations(grid: Grid, head_width: int, base: float, device: str) -> tuple[Tensor, Tensor]:
    axes = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in grid), indexing="ij")
    angles = torch.cat(
        [
            axis.reshape(-1, 1) * base ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
            for axis, pairs in zip(axes, axis_pairs(head_width), strict=True)
        ],
        dim=1,
    )
    return angles.cos().float().to(device), angles.sin().float().to(device)


@lru_cache(maxsize=32)
def landmarks(grid: Grid, width: int, device: str) -> Tensor:
    """Return (tokens, width) fixed sinusoids of the absolute place (arXiv 1706.03762, per axis)."""
    with torch.inference_mode(False):
        return torch.cat(rotations(grid, width, 100.0, device), dim=1)
