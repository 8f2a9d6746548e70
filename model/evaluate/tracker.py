"""Finds bodies in frames without weights: by the colours of the worlds' palette against a known backdrop.

Every pixel is explained as a mixture of the backdrop and one palette colour (with its highlight); connected pixels of
a colour are a blob; its centre is the cover-weighted mean, so it is finer than a pixel. The tracker has an error of
its own: `model.evaluate.trajectory` measures it on rendered truth and every score is printed beside that floor.

Lengths are in canvas heights, x to the right and y down, as in the worlds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SHINES = (0.0, 0.15, 0.3, 0.45)
"""Steps of a body's highlight towards white (render.py goes up to 0.45)."""
_MIN_CHANGE = 24.0
"""Euclidean distance in levels below which a pixel is backdrop: sampled clips are noisy."""
_MIN_RIM = 6.0
"""The same for the soft rim of a body that was found."""
_MAX_UNEXPLAINED = 0.3
"""Share of a pixel's squared change that its colour may leave open."""
_MIN_AREA = 0.0025
"""Blobs of fewer square canvas heights are specks: a quarter of the smallest body's area is larger."""
_MIN_SHARE = 0.03
"""A colour with less of a connected patch is no body in it."""

Colour = tuple[int, int, int]
Frames = NDArray[np.uint8]
Floats = NDArray[np.float64]
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A connected patch of one palette colour."""

    colour: str
    """Its name in the palette."""
    x: float
    """Centre, in canvas heights."""
    y: float
    """Centre, in canvas heights."""
    area: float
    """Covered area, in square canvas heights."""

    @property
    def radius(self) -> float:
        """Radius of the disc of this area."""
        return math.sqrt(self.area / math.pi)


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """Where each wanted body was found."""

    positions: Floats
    """(bodies, frames, 2); NaN where it was not found."""
    radii: Floats
    """(bodies, frames), of the disc of the same area; NaN where it was not found."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """(bodies, frames)."""
        return np.isfinite(self.radii)


def find_blobs(
    frame: Frames, backdrop: Frames, palette: Mapping[str, Colour], others: Sequence[Colour] = ()
) -> list[Blob]:
    """Return the blobs of one frame (H, W, 3), largest first.

    `backdrop` is the same frame of the scene without its bodies; `others` are colours of things that are no bodies.
    """
    if frame.shape != backdrop.shape or frame.ndim != 3:
        raise ValueError(f"expected a frame and a backdrop (H, W, 3) of one shape, got {frame.shape}, {backdrop.shape}")
    paints = np.array([*palette.values(), *others], np.float64)
    label, covers = _explain(frame.astype(np.float64), backdrop.astype(np.float64), paints)
    label = _settled(np.where(label < len(palette), label, -1))
    blobs = []
    for index, name in enumerate(palette):
        if not (label == index).any():
            continue
        blobs += _components(label == index, np.where((label == index) | (label < 0), covers[index], 0.0), name)
    return sorted(blobs, key=lambda blob: -blob.area)


def follow(blobs: Sequence[Sequence[Blob]], colours: Sequence[str], starts: Floats) -> Tracks:
    """Give each body (its colour; its start (bodies, 2)) a blob of its colour in every frame, the nearest first.

    Nearest means to where the body would be had it gone on as in the last two frames in which it was found.
    """
    positions = np.full((len(colours), len(blobs), 2), np.nan)
    radii = np.full((len(colours), len(blobs)), np.nan)
    for frame, found in enumerate(blobs):
        expected = [_expected(positions[body, :frame], starts[body]) for body in range(len(colours))]
        for body, blob in _assign(found, colours, expected):
            positions[body, frame], radii[body, frame] = (blob.x, blob.y), blob.radius
    return Tracks(positions=positions, radii=radii)


def _explain(frame: Floats, backdrop: Floats, paints: Floats) -> tuple[NDArray[np.int64], Floats]:
    """(H, W) index of the colour that explains each pixel best, -1 for backdrop; (colours, H, W) cover by each."""
    change = frame - backdrop
    changed = (change**2).sum(-1) > _MIN_RIM**2
    change, behind = change[changed], backdrop[changed]  # (pixels, 3): most pixels are backdrop
    shone = paints + np.array(_SHINES)[:, None, None] * (255.0 - paints)
    ways = shone[:, :, None] - behind  # (shines, colours, pixels, 3)
    cover = np.clip((ways * change).sum(-1) / np.maximum((ways**2).sum(-1), 1.0), 0.0, 1.0)
    error = ((cover[..., None] * ways - change) ** 2).sum(-1)
    shine = error.argmin(axis=0)[None]
    error, cover = (np.take_along_axis(values, shine, axis=0)[0] for values in (error, cover))
    moved, best = (change**2).sum(-1), error.argmin(axis=0)[None]
    left, chosen = (np.take_along_axis(values, best, axis=0)[0] for values in (error, cover))
    ours = (moved > _MIN_CHANGE**2) & (left < _MAX_UNEXPLAINED * moved) & (chosen > 0.5)
    label = np.full(changed.shape, -1, np.int64)
    label[changed] = np.where(ours, best[0], -1)
    covers = np.zeros((len(paints), *changed.shape))
    covers[:, changed] = cover
    return label, covers


def _settled(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take rare and thin colours out of a patch: a highlight belongs to its body, the seam of two bodies to neither."""
    count, patches = cv2.connectedComponents((label >= 0).astype(np.uint8), connectivity=4)
    for index in range(1, count):
        inside = patches == index
        sizes = np.bincount(label[inside])
        masks = {int(colour): inside & (label == colour) for colour in np.flatnonzero(sizes)}
        firm = {c for c, mask in masks.items() if _has_inside(mask) and sizes[c] >= _MIN_SHARE * sizes.sum()}
        firm.add(int(sizes.argmax()))
        for colour in masks.keys() - firm:
            label = np.where(masks[colour], -1 if len(firm) > 1 else sizes.argmax(), label)
    return label


def _has_inside(mask: NDArray[np.bool_]) -> bool:
    """Whether some pixel's neighbours are all in the mask."""
    return bool(cv2.erode(mask.astype(np.uint8), _CROSS).any())


def _components(mask: NDArray[np.bool_], cover: Floats, colour: str) -> list[Blob]:
    """Blobs of one colour: connected `mask` pixels with the half-covered rim around them."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    blobs = []
    for index in range(1, count):
        core = (labels == index).astype(np.uint8)
        rim = cv2.dilate(core, np.ones((3, 3), np.uint8)).astype(bool)
        weights = np.where(cv2.erode(core, _CROSS).astype(bool), 1.0, np.where(rim, cover, 0.0))
        blob = _blob(weights, colour)
        blobs += [blob] if blob.area >= _MIN_AREA else []
    return blobs


def _blob(weights: Floats, colour: str) -> Blob:
    height, width = weights.shape
    total = weights.sum()
    x = (weights.sum(axis=0) * (np.arange(width) + 0.5)).sum() / total
    y = (weights.sum(axis=1) * (np.arange(height) + 0.5)).sum() / total
    return Blob(colour=colour, x=x / height, y=y / height, area=total / height**2)


def _expected(past: Floats, start: Floats) -> Floats:
    """Where a body is looked for, from its (frames, 2) so far: constant velocity through the last two findings."""
    seen = np.flatnonzero(np.isfinite(past[:, 0]))
    if not len(seen):
        return start
    last = seen[-1]
    if len(seen) < 2:
        return np.asarray(past[last])
    before = seen[-2]
    pace = (past[last] - past[before]) / (last - before)
    return np.asarray(past[last] + pace * (len(past) - last))


def _assign(found: Sequence[Blob], colours: Sequence[str], expected: Sequence[Floats]) -> list[tuple[int, Blob]]:
    """Pairs of body and blob of one colour, the closest pair first, each used once."""
    pairs = sorted(
        (math.dist((blob.x, blob.y), expected[body]), body, index)
        for body, colour in enumerate(colours)
        for index, blob in enumerate(found)
        if blob.colour == colour
    )
    bodies: set[int] = set()
    used: set[int] = set()
    chosen = []
    for _, body, index in pairs:
        if body not in bodies and index not in used:
            bodies.add(body)
            used.add(index)
            chosen.append((body, found[index]))
    return chosen
