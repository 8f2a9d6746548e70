"""A codec without weights: space-to-depth of scaled pixels, exactly invertible."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec.base import check_frames, check_latent, grid_shape
from model.config import CodecConfig
from model.job import VideoShape

_CENTRE = 127.5
_SPREAD = 64.0
"""Standard deviation, in byte levels, of natural frames: latents get about unit variance."""


class PixelCodec:
    """Each latent cell holds a factor x factor square of pixels in its 3 factor^2 channels."""

    time_factor = 1

    def __init__(self, factor: int = 4) -> None:
        if factor < 1:
            raise ValueError(f"factor must be at least 1, got {factor}")
        self._factor = factor

    @property
    def digest(self) -> str:
        name = f"tenwings pixel codec 1: factor {self._factor}, ({_CENTRE}, {_SPREAD})"
        return hashlib.sha256(name.encode()).hexdigest()

    @property
    def config(self) -> CodecConfig:
        return CodecConfig(kind="pixel", factor=self._factor)

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        cell = self._factor
        check_frames(frames, factor=cell, time_factor=1)
        x = (torch.tensor(frames).float() - _CENTRE) / _SPREAD
        clips, time, height, width, _ = x.shape
        x = x.reshape(clips, time, height // cell, cell, width // cell, cell, 3)
        return x.permute(0, 6, 3, 5, 1, 2, 4).flatten(1, 3).contiguous()

    def decode(self, latent: Tensor) -> NDArray[np.uint8]:
        cell = self._factor
        check_latent(latent, 3 * cell**2)
        clips, _, time, height, width = latent.shape
        x = latent.detach().float().cpu().reshape(clips, 3, cell, cell, time, height, width)
        x = x.permute(0, 4, 5, 2, 6, 3, 1).flatten(4, 5).flatten(2, 3)
        levels = (x * _SPREAD + _CENTRE).round().clamp(0, 255)
        result: NDArray[np.uint8] = levels.to(torch.uint8).numpy()
        return result

    def latent_shape(self, shape: VideoShape) -> tuple[int, int, int, int]:
        return 3 * self._factor**2, *grid_shape(shape, factor=self._factor, time_factor=1)
