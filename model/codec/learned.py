"""The codec over a trained video VAE: uint8 clips <-> normalised latents, chunk by chunk in bounded memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec.base import check_frames, check_latent, grid_shape
from model.codec.chunks import DEFAULT_PIXELS, chunks, clips_a_pass, frames_of_chunk
from model.codec.layers import Past
from model.codec.vae import VideoVae
from model.codec.vae_file import Statistics, pack, unpack
from model.config import CodecConfig
from model.job import VideoShape


class VaeCodec:
    """Latents are the encoder's means, shifted and scaled to mean 0 and variance 1 per channel."""

    def __init__(
        self, vae: VideoVae, statistics: Statistics, *, device: str = "cpu", max_pixels: int = DEFAULT_PIXELS
    ) -> None:
        """`max_pixels` bounds the pixels (frames counted) of one pass; see model.codec.chunks."""
        self.digest = hashlib.sha256(pack(vae, statistics)).hexdigest()
        self.statistics = statistics
        self.vae = vae.to(device).eval().requires_grad_(False)
        self._mean = torch.tensor(statistics.mean, device=device)[:, None, None, None]
        self._std = torch.tensor(statistics.std, device=device)[:, None, None, None]
        self._device = device
        self._max_pixels = max_pixels

    @staticmethod
    def from_bytes(data: bytes, *, device: str = "cpu", max_pixels: int = DEFAULT_PIXELS) -> VaeCodec:
        """Read a codec file; anything else raises ValueError."""
        return VaeCodec(*unpack(data), device=device, max_pixels=max_pixels)

    @staticmethod
    def from_file(path: Path, *, device: str = "cpu") -> VaeCodec:
        """Read a codec file."""
        return VaeCodec.from_bytes(path.read_bytes(), device=device)

    @property
    def config(self) -> CodecConfig:
        sizes = self.vae.config
        return CodecConfig(
            kind="vae",
            factor=sizes.factor,
            time_factor=sizes.time_factor,
            latent_channels=sizes.latent_channels,
            digest=self.digest,
        )

    @property
    def time_factor(self) -> int:
        return self.vae.config.time_factor

    def latent_shape(self, shape: VideoShape) -> tuple[int, int, int, int]:
        sizes = self.vae.config
        return sizes.latent_channels, *grid_shape(shape, factor=sizes.factor, time_factor=sizes.time_factor)

    @torch.inference_mode()
    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        shape = check_frames(frames, factor=self.vae.config.factor, time_factor=self.time_factor)
        size = clips_a_pass(shape.num_frames, shape.height * shape.width, self._max_pixels)
        parts = [self._encode(frames[start : start + size]) for start in range(0, len(frames), size)]
        return ((torch.cat(parts) - self._mean) / self._std).clone(memory_format=torch.contiguous_format)

    @torch.inference_mode()
    def decode(self, latent: Tensor) -> NDArray[np.uint8]:
        check_latent(latent, self.vae.config.latent_channels)
        time, height, width = latent.shape[2:]
        pixels = height * width * self.vae.config.factor**2
        size = clips_a_pass(1 + (time - 1) * self.time_factor, pixels, self._max_pixels)
        return np.concatenate([self._decode(latent[start : start + size]) for start in range(0, len(latent), size)])

    def _encode(self, frames: NDArray[np.uint8]) -> Tensor:
        past, parts = Past(), []
        num_latents, pixels = 1 + (frames.shape[1] - 1) // self.time_factor, frames[0, 0, :, :, 0].size
        for chunk in chunks(num_latents, pixels * len(frames), self.time_factor, self._max_pixels):
            part = frames[:, frames_of_chunk(chunk, self.time_factor)]
            parts.append(self.vae.encode(to_tensor(part, self._device), past)[0])
            past.first = False
        return torch.cat(parts, dim=2)

    def _decode(self, latent: Tensor) -> NDArray[np.uint8]:
        past, parts = Past(), []
        z = latent.to(self._device, torch.float32) * self._std + self._mean
        pixels = latent.shape[3] * latent.shape[4] * self.vae.config.factor**2
        for chunk in chunks(latent.shape[2], pixels * len(latent), self.time_factor, self._max_pixels):
            parts.append(to_frames(self.vae.decode(z[:, :, chunk], past)))
            past.first = False
        return np.concatenate(parts, axis=1)


def to_tensor(frames: NDArray[np.uint8], device: str = "cpu") -> Tensor:
    """Bytes (B, T, H, W, 3) to [-1, 1], (B, 3, T, H, W)."""
    return torch.tensor(frames, device=device).movedim(-1, 1).float() / 127.5 - 1


def to_frames(x: Tensor) -> NDArray[np.uint8]:
    """Undo `to_tensor`, rounded and clipped to the range of a byte."""
    levels = ((x.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    frames: NDArray[np.uint8] = levels.movedim(1, -1).cpu().numpy()
    return np.ascontiguousarray(frames)
