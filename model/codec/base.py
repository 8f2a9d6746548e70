"""The interface of a video codec, frozen during a run and named by its digest; how frames map to latent frames.

A causal codec makes its first latent frame of the first frame alone and each later one of the `time_factor` frames
that follow (MAGVIT-v2, arXiv 2310.05737), so an image is a clip of one frame.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.config import CodecConfig
from model.job import VideoShape


class VideoCodec(Protocol):
    """Turns uint8 clips (B, T, H, W, 3) into float32 latents (B, C, T', H', W') and back."""

    @property
    def digest(self) -> str:
        """SHA-256 that names the codec with everything that its output depends on."""

    @property
    def config(self) -> CodecConfig:
        """What a model's configuration must say to be given this codec."""

    @property
    def time_factor(self) -> int:
        """Frames per latent frame after the first; see `latent_frame` and `frames_of`."""

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """Return latents of about unit variance; a shape that does not fit raises ValueError."""

    def decode(self, latent: Tensor) -> NDArray[np.uint8]:
        """Return frames, clipped to the range of a byte."""

    def latent_shape(self, shape: VideoShape) -> tuple[int, int, int, int]:
        """Return (C, T', H', W') of a clip of this shape."""


def latent_frame(frame: int, time_factor: int) -> int:
    """Return which latent frame holds `frame` (both count from 0); no earlier latent frame has seen it."""
    return -(-frame // time_factor)


def frames_of(latent: int, time_factor: int) -> range:
    """Return the frames that latent frame `latent` holds; `latent_frame` maps each of them back."""
    return range(max(0, (latent - 1) * time_factor + 1), latent * time_factor + 1)


def num_latent_frames(num_frames: int, time_factor: int) -> int:
    """Return the latent frames of a clip; a number that is not 1 + k time_factor raises ValueError."""
    extra = (num_frames - 1) % time_factor
    if num_frames < 1 or extra:
        below = max(num_frames - extra, 1)
        near = "1" if num_frames < 1 else f"{below} or {below + time_factor}"
        raise ValueError(
            f"expected 1 + {time_factor} k frames, got {num_frames}; the nearest that the codec takes: {near}"
        )
    return 1 + (num_frames - 1) // time_factor


def grid_shape(shape: VideoShape, *, factor: int, time_factor: int) -> tuple[int, int, int]:
    """Return (T', H', W') of a clip; a shape that does not fit raises ValueError with what would."""
    if shape.height % factor or shape.width % factor:
        raise ValueError(f"height and width must be multiples of {factor}, got {shape.height}x{shape.width}")
    return num_latent_frames(shape.num_frames, time_factor), shape.height // factor, shape.width // factor


def check_frames(frames: NDArray[np.uint8], *, factor: int, time_factor: int) -> VideoShape:
    """Return the shape of each clip; an array that is no set of clips for such a codec raises ValueError."""
    if frames.ndim != 5 or frames.shape[4] != 3 or frames.dtype != np.uint8 or not frames.size:
        want = f"uint8 (clips, T, H, W, 3) with H and W multiples of {factor}"
        raise ValueError(f"frames must be {want}, got {frames.dtype} {frames.shape}")
    shape = VideoShape(num_frames=frames.shape[1], height=frames.shape[2], width=frames.shape[3])
    grid_shape(shape, factor=factor, time_factor=time_factor)
    return shape


def check_latent(latent: Tensor, channels: int) -> None:
    """Raise ValueError unless `latent` is (clips, channels, T', H', W')."""
    if latent.ndim != 5 or latent.shape[1] != channels or not latent.numel():
        raise ValueError(f"latent must be (clips, {channels}, T, H, W), got {tuple(latent.shape)}")
