"""Anti-aliased drawing of scenes in NumPy: all frames of a body at once, and only the pixels around it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from model.data.worlds.scene import BACKGROUNDS, COLOURS, Colour, Container, Pillar, Scene, SceneBody

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_SHINE = 0.45
"""How far the highlight of a ball goes towards white."""
_PILLAR: Colour = (95, 85, 80)
_BOX: Colour = (150, 110, 65)
_BOX_RIM: Colour = (110, 78, 42)
_STRING: Colour = (120, 120, 125)
_STRING_HALF_WIDTH = 0.007
PROP_COLOURS = (_PILLAR, _BOX, _BOX_RIM, _STRING)
"""Of all that is drawn beside background and bodies."""


def render(scene: Scene) -> NDArray[np.uint8]:
    """Draw a scene as uint8 (frames, height, width, 3), from `positions`, `exists`, `bodies`, `background`, `props`."""
    canvas = _Canvas(scene)
    if scene.props.pivot is not None and scene.exists[0].any():
        canvas.string(scene.props.pivot, scene.positions[0], scene.exists[0])
    for body, places, exists in zip(scene.bodies, scene.positions, scene.exists, strict=True):
        canvas.body(body, places, exists)
    if scene.props.pillar is not None:
        canvas.pillar(scene.props.pillar)
    if scene.props.container is not None:
        canvas.container(scene.props.container)
    return canvas.frames()


class _Canvas:
    """Frames with a border wide enough that a body half outside needs no case of its own."""

    def __init__(self, scene: Scene) -> None:
        shape = scene.shape
        container = scene.props.container
        longest = max([body.radius for body in scene.bodies] + [container.half if container else 0.0])
        self._scale, self._pad = shape.height, _side(longest * shape.height)
        self._inner = (shape.height, shape.width)
        padded = (shape.num_frames, shape.height + 2 * self._pad, shape.width + 2 * self._pad, 3)
        self._pixels = np.empty(padded, np.uint8)
        self._pixels[:] = BACKGROUNDS[scene.background]

    def frames(self) -> NDArray[np.uint8]:
        """The picture without its border."""
        (height, width), pad = self._inner, self._pad
        return self._pixels[:, pad : pad + height, pad : pad + width].copy()

    def body(self, body: SceneBody, places: NDArray[np.float64], exists: NDArray[np.bool_]) -> None:
        """Paint a body where it exists."""
        frames = np.flatnonzero(exists)
        if not len(frames):
            return
        radius = body.radius * self._scale
        rows, columns, down, across = self._patch(places[frames], _side(radius))
        cover = _cover(body.shape, down, across, radius)
        colour = np.array(COLOURS[body.colour], np.float32)
        paint: Floats = colour
        if body.shape == "ball":
            lit = np.hypot(down + radius / 3, across + radius / 3) / np.float32(radius)
            shine = np.float32(_SHINE) * np.clip(1 - lit, 0, 1)
            paint = colour + shine[..., None] * (255 - colour)
        self._blend(frames, rows, columns, cover, paint)

    def container(self, container: Container) -> None:
        """Paint a box with a darker rim."""
        frames = np.arange(len(container.positions))
        half = container.half * self._scale
        rows, columns, down, across = self._patch(container.positions, _side(half))
        rim = max(1.0, 0.02 * self._scale)
        for size, colour in ((half, _BOX_RIM), (half - rim, _BOX)):
            self._blend(frames, rows, columns, _cover("square", down, across, size), np.array(colour, np.float32))

    def pillar(self, pillar: Pillar) -> None:
        """Paint a strip from top to bottom."""
        (height, width), pad = self._inner, self._pad
        low, high = ((pillar.centre + side * pillar.half_width) * self._scale for side in (-1, 1))
        edges = np.arange(width)
        cover = np.clip(np.minimum(edges + 1, high) - np.maximum(edges, low), 0, 1).astype(np.float32)
        columns = np.flatnonzero(cover)
        patch = self._pixels[:, pad : pad + height, pad + columns].astype(np.float32)
        patch += cover[columns][:, None] * (np.array(_PILLAR, np.float32) - patch)
        self._pixels[:, pad : pad + height, pad + columns] = np.rint(patch)

    def string(self, pivot: tuple[float, float], places: NDArray[np.float64], exists: NDArray[np.bool_]) -> None:
        """Paint a line from `pivot` to where the body is."""
        frames = np.flatnonzero(exists)
        scale, (height, width) = self._scale, self._inner
        start, end = np.array(pivot) * scale, places[frames] * scale
        low = np.clip(np.floor(np.minimum(end.min(0), start)) - 1, 0, (width, height)).astype(int)
        high = np.clip(np.ceil(np.maximum(end.max(0), start)) + 1, 0, (width, height)).astype(int)
        across = (np.arange(low[0], high[0]) + 0.5 - start[0]).astype(np.float32)[None, None, :]
        down = (np.arange(low[1], high[1]) + 0.5 - start[1]).astype(np.float32)[None, :, None]
        ray = (end - start).astype(np.float32)[:, :, None, None]
        length = np.maximum((ray**2).sum(axis=1), 1e-6)
        along = np.clip((across * ray[:, 0] + down * ray[:, 1]) / length, 0, 1)
        away = np.hypot(across - along * ray[:, 0], down - along * ray[:, 1])
        cover = np.clip(0.5 + max(0.5, _STRING_HALF_WIDTH * scale) - away, 0, 1)
        rows, columns = np.arange(low[1], high[1]) + self._pad, np.arange(low[0], high[0]) + self._pad
        shape = len(frames), len(rows), len(columns)
        self._blend(
            frames,
            np.broadcast_to(rows[None, :, None], shape),
            np.broadcast_to(columns[None, None, :], shape),
            cover.astype(np.float32),
            np.array(_STRING, np.float32),
        )

    def _patch(self, places: NDArray[np.float64], side: int) -> tuple[Indices, Indices, Floats, Floats]:
        """Rows and columns (frames, side, side) around `places` and the way to each pixel's centre from there."""
        centres = places * self._scale
        highest = np.array(self._inner[::-1]) + 2 * self._pad - side
        corner = np.clip(np.floor(centres).astype(np.intp) - side // 2 + self._pad, 0, highest)
        steps = np.arange(side)
        columns, rows = corner[:, :1] + steps, corner[:, 1:] + steps
        across = (columns - self._pad + 0.5 - centres[:, :1]).astype(np.float32)
        down = (rows - self._pad + 0.5 - centres[:, 1:]).astype(np.float32)
        return rows[:, :, None], columns[:, None, :], down[:, :, None], across[:, None, :]

    def _blend(self, frames: Indices, rows: Indices, columns: Indices, cover: Floats, paint: Floats) -> None:
        where = frames[:, None, None], rows, columns
        patch = self._pixels[where].astype(np.float32)
        patch += cover[..., None] * (paint - patch)
        self._pixels[where] = np.rint(patch)


def _side(radius: float) -> int:
    """Pixels that hold a body of a radius in pixels with its soft edge, wherever its centre lies in a pixel."""
    return 2 * math.ceil(radius + 0.5) + 2


def _cover(shape: str, down: Floats, across: Floats, radius: float) -> Floats:
    """Share of each pixel that the body covers; the way across an edge is one pixel."""
    if shape == "ball":
        share = 0.5 + radius - np.hypot(down, across)
    elif shape == "square":
        share = np.clip(0.5 + radius - np.abs(down), 0, 1) * np.clip(0.5 + radius - np.abs(across), 0, 1)
    elif shape == "diamond":
        share = 0.5 + (radius - np.abs(down) - np.abs(across)) / math.sqrt(2)
    else:
        raise ValueError(f"unknown shape {shape!r}; choose from ball, square, diamond")
    return np.clip(share, 0, 1).astype(np.float32)
