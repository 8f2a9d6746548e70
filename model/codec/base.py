"""The interface of a video codec, frozen during a run and named by its digest."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.job import VideoShape


class VideoCodec(Protocol):
    """Turns uint8 clips (B, T, H, W, 3) into float32 latents (B, C, T', H', W') and back."""

    @property
    def digest(self) -> str:
        """SHA-256 that names the codec with everything that its output depends on."""

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return latents of about unit variance; a shape that does not fit raises ValueError."""

    def decode(self, latent: Tensor) -> NDArray[np.uint8]:
        """Return frames, clipped to the range of a byte."""

    def latent_shape(self, shape: VideoShape) -> tuple[int, int, int, int]:
        """Return (C, T', H', W') of a clip of this shape."""
