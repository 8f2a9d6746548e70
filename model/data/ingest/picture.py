"""One decoded picture, which gives itself at any size: what every later stage sees of a film."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: one of them would take hundreds of megabytes."""
_THUMB_PIXELS = 14_400
"""160 x 90: enough for cuts, flow and hashes, and little beside the decoding."""


class Picture(Protocol):
    """A picture at a time, upright and with square pixels."""

    @property
    def time(self) -> float:
        """Seconds after the first picture."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as it is to be shown."""

    def scaled(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return RGB (height, width, 3)."""


class ArrayPicture:
    """A picture that lies in memory."""

    def __init__(self, pixels: NDArray[np.uint8], time: float = 0.0) -> None:
        self.time = time
        self._pixels = pixels

    @property
    def size(self) -> tuple[int, int]:
        return self._pixels.shape[0], self._pixels.shape[1]

    def scaled(self, height: int, width: int) -> NDArray[np.uint8]:
        return resized(self._pixels, height, width)


def thumb_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of a thumbnail of about 14,400 pixels; no side is longer than the picture's."""
    scale = min(1.0, (_THUMB_PIXELS / (height * width)) ** 0.5)
    return max(2, round(height * scale)), max(2, round(width * scale))


def cover(picture: Picture, height: int, width: int) -> NDArray[np.uint8]:
    """Scale a picture until it covers height x width and cut out its middle."""
    rows, columns = picture.size
    scale = max(height / rows, width / columns)
    high, wide = max(height, round(rows * scale)), max(width, round(columns * scale))
    top, left = (high - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(picture.scaled(high, wide)[top : top + height, left : left + width])


def resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize by area down and bicubically up."""
    if pixels.shape[:2] == (height, width):
        return pixels
    smaller = height <= pixels.shape[0] and width <= pixels.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)


def on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay an RGBA picture on white, as browsers do."""
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = (rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)
