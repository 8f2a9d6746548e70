"""How good a codec is: PSNR and SSIM (Wang et al., IEEE TIP 2004) of what it makes of clips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.codec.base import VideoCodec

_SSIM = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_WINDOW, _SIGMA = (11, 11), 1.5


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Scores over a set of clips."""

    psnr: float
    """Of the mean squared error over all clips, in dB; infinite where they come back exactly."""
    mean_psnr: float
    """Mean over clips of each clip's PSNR: what most papers print, never below `psnr`."""
    ssim: float
    """Mean structural similarity of the frames' luma, at most 1."""


def quality_of(codec: VideoCodec, frames: NDArray[np.uint8]) -> Quality:
    """Encode and decode uint8 clips (B, T, H, W, 3) and compare."""
    return compare(frames, codec.decode(codec.encode(frames)))


def compare(frames: NDArray[np.uint8], made: NDArray[np.uint8]) -> Quality:
    """Return the scores of `made` against `frames`; both (B, T, H, W, 3)."""
    if frames.shape != made.shape:
        raise ValueError(f"expected clips of equal shape, got {frames.shape} and {made.shape}")
    errors = np.array([squared_error(a, b) for a, b in zip(frames, made, strict=True)])
    return Quality(
        psnr=decibels(float(errors.mean())),
        mean_psnr=float(np.mean([decibels(float(error)) for error in errors])),
        ssim=float(np.mean([ssim(a, b) for x, y in zip(frames, made, strict=True) for a, b in zip(x, y, strict=True)])),
    )


def squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean squared error in byte levels."""
    return float(np.square(a.astype(np.float32) - b.astype(np.float32)).mean(dtype=np.float64))


def decibels(squared_error: float) -> float:
    """PSNR of a mean squared error in byte levels."""
    return float(10 * np.log10(255**2 / squared_error)) if squared_error else float("inf")


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean SSIM of two frames' luma (BT.601), Gaussian window of 11 with sigma 1.5."""
    x, y = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (a, b))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + _SSIM[0]) / (mean_x**2 + mean_y**2 + _SSIM[0])
    structure = (2 * covariance + _SSIM[1]) / (var_x + var_y + _SSIM[1])
    return float((light * structure).mean())


def _blur(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(x, _WINDOW, _SIGMA), np.float32)
