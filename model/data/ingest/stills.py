"""Reads images with Pillow: a still is a film of one picture, an animated one (GIF, WebP, PNG) has times."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from model.data.ingest.picture import MAX_PIXELS, ArrayPicture, Picture, on_white
from model.data.ingest.scan import Refused

_DEFAULT_SECONDS = 0.1
"""How long browsers show a GIF's picture that states no time, or one too short to be meant."""
_BROKEN = (OSError, EOFError, SyntaxError, ValueError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow's readers raise at bytes that are not what they should be."""
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's names of 16-bit grey."""


def read_image(path: Path) -> tuple[bool, Iterator[Picture]]:
    """Return whether it is a still, and its pictures. Raises Refused with the reason, also while iterating."""
    image = _open(path)
    try:
        with _quiet():
            count = getattr(image, "n_frames", 1)
    except _BROKEN as error:
        image.close()
        raise Refused(f"damaged: {error}") from error
    return count == 1, _pictures(image, count)


def _open(path: Path) -> Image.Image:
    try:
        with _quiet():
            image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise Refused(f"too many pixels, at most {MAX_PIXELS:,} are taken") from error
    except UnidentifiedImageError as error:
        raise Refused("cannot be decoded: not an image that Pillow knows") from error
    except _BROKEN as error:
        raise Refused(f"cannot be decoded: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise Refused(f"{image.width}x{image.height} pixels, at most {MAX_PIXELS:,} are taken")
    return image


def _pictures(image: Image.Image, count: int) -> Iterator[Picture]:
    time = 0.0
    with image:
        for index in range(count):
            try:
                with _quiet():
                    image.seek(index)
                    pixels = _pixels(image)
            except _BROKEN as error:
                raise Refused(f"damaged at picture {index}: {error}") from error
            yield ArrayPicture(pixels, time)
            time += _seconds(image)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of damage that it gets around; what it does not get around raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _seconds(image: Image.Image) -> float:
    stated = float(image.info.get("duration") or 0) / 1000
    return stated if stated > 0.01 else _DEFAULT_SECONDS


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """RGB uint8, upright, what is clear laid on white."""
    if image.mode in _DEEP:
        deep = np.asarray(image).astype(np.uint32)
        grey = (deep >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("floating-point levels have no agreed range")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        return on_white(np.asarray(upright.convert("RGBA"), np.uint8))
    return np.asarray(upright.convert("RGB"), np.uint8)
