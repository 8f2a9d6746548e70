"""Colours in words: every pixel takes the nearest of a table of named colours in CIE L*a*b*."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

NAMES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((10, 10, 12), (30, 30, 32)),
    "dark grey": ((70, 70, 72), (55, 58, 62)),
    "grey": ((125, 125, 125), (120, 125, 132), (138, 132, 125), (150, 152, 155)),
    "light grey": ((190, 190, 190), (205, 205, 205)),
    "white": ((245, 245, 245), (228, 228, 230)),
    "red": ((220, 45, 45), (180, 30, 35)),
    "dark red": ((110, 20, 25),),
    "orange": ((240, 135, 20), (225, 110, 30)),
    "brown": ((110, 70, 40), (85, 55, 30), (140, 95, 60), (60, 40, 25)),
    "beige": ((215, 190, 150), (195, 170, 135), (240, 225, 195)),
    "yellow": ((235, 205, 30), (245, 230, 90)),
    "yellow-green": ((175, 200, 60), (150, 170, 50)),
    "olive": ((110, 110, 40), (130, 125, 60)),
    "green": ((50, 150, 60), (90, 160, 70), (35, 150, 70)),
    "dark green": ((25, 60, 30), (45, 75, 30), (55, 80, 45)),
    "light green": ((160, 215, 150), (185, 230, 205)),
    "teal": ((20, 125, 125), (50, 150, 150)),
    "light blue": ((165, 210, 240), (130, 185, 230), (190, 215, 235)),
    "blue": ((35, 90, 215), (60, 120, 190), (50, 80, 160)),
    "dark blue": ((25, 30, 70), (20, 35, 90), (40, 55, 85)),
    "purple": ((135, 50, 170), (90, 50, 130), (150, 100, 180)),
    "pink": ((240, 160, 185), (225, 100, 150), (235, 190, 200)),
}
"""Each name's typical sRGB colours."""


def shares(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Return each name's share of an image's pixels (H, W, 3), largest first, names without pixels left out."""
    counts = np.bincount(_table()[_codes(pixels)].ravel(), minlength=len(NAMES))
    order = np.argsort(-counts, kind="stable")
    names = list(NAMES)
    return {names[i]: float(counts[i] / counts.sum()) for i in order if counts[i]}


def colourfulness(pixels: NDArray[np.uint8]) -> float:
    """Mean chroma of an image (H, W, 3): about 0 without colour, 30 and more when vivid."""
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB).astype(np.float32)
    return float(np.hypot(lab[..., 1] - 128, lab[..., 2] - 128).mean())


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Five bits a channel: the table below stays small and a pixel moves by less than the eye sees."""
    coarse = pixels.astype(np.int64) >> 3
    result: NDArray[np.int64] = coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2]
    return result


@lru_cache(maxsize=1)
def _table() -> NDArray[np.intp]:
    """Index into NAMES of every colour code, (32768,)."""
    axis = np.arange(32, dtype=np.float32) * 8 + 4
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    examples = np.array([colour for colours in NAMES.values() for colour in colours], np.float32)
    owner = np.repeat(np.arange(len(NAMES)), [len(colours) for colours in NAMES.values()])
    distance = ((_lab(cube)[:, None] - _lab(examples)[None]) ** 2).sum(2)
    return np.asarray(owner[distance.argmin(1)])


def _lab(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 3) sRGB of 0 to 255 -> L*a*b*."""
    return np.asarray(cv2.cvtColor(colours[None] / np.float32(255), cv2.COLOR_RGB2LAB)[0], np.float32)
