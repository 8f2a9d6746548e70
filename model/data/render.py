"""Anti-aliased drawing of discs and boxes on a plain background, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Canvas = NDArray[np.float64]

_SHINE = 0.45
"""How far the highlight of a body goes towards white."""


def canvas(height: int, width: int, colour: Colour) -> Canvas:
    """Return a plain canvas (height, width, 3) of levels from 0 to 255."""
    return np.broadcast_to(np.array(colour, np.float64), (height, width, 3)).copy()


def draw_disc(target: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    """Paint a disc; lengths are in canvas heights."""
    scale = target.shape[0]
    distance = _distance(target, x, y)
    cover = np.clip(0.5 + radius * scale - distance, 0.0, 1.0)
    shine = np.clip(1 - _distance(target, x - radius / 3, y - radius / 3) / (radius * scale), 0, 1)
    _blend(target, cover, colour, shine)


def draw_box(target: Canvas, x: float, y: float, half: tuple[float, float], colour: Colour) -> None:
    """Paint an upright box by its centre and half its width and height, in canvas heights."""
    scale = target.shape[0]
    across = _overlap(target.shape[1], (x - half[0]) * scale, (x + half[0]) * scale)
    down = _overlap(target.shape[0], (y - half[1]) * scale, (y + half[1]) * scale)
    _blend(target, down[:, None] * across[None, :], colour, np.zeros(target.shape[:2]))


def to_frame(target: Canvas) -> NDArray[np.uint8]:
    """Round a canvas to bytes."""
    return np.clip(np.rint(target), 0, 255).astype(np.uint8)


def _distance(target: Canvas, x: float, y: float) -> NDArray[np.float64]:
    """Pixels between each pixel's centre and a point."""
    height, width = target.shape[:2]
    across = np.arange(width) + 0.5 - x * height
    down = np.arange(height) + 0.5 - y * height
    return np.asarray(np.hypot(down[:, None], across[None, :]))


def _overlap(size: int, low: float, high: float) -> NDArray[np.float64]:
    """Share of each unit cell that lies between `low` and `high`."""
    edges = np.arange(size)
    overlap = np.minimum(edges + 1, high) - np.maximum(edges, low)
    return np.asarray(np.clip(overlap, 0.0, 1.0))


def _blend(target: Canvas, cover: NDArray[np.float64], colour: Colour, shine: NDArray[np.float64]) -> None:
    base = np.array(colour, np.float64)
    paint = base + _SHINE * shine[..., None] * (255.0 - base)
    target += cover[..., None] * (paint - target)
