"""Video VAEs of the diffusers library from a local folder: Wan, HunyuanVideo, CogVideoX.

The folder's digest names the codec. Normalisation is the folder's own: Wan's latents_mean and latents_std, the
others' scaling_factor. Clips go through one by one; these classes bound the memory of a long clip themselves.
CogVideoX normalises over the frames of a pass, so its first latent does depend on later frames, and decodes latent
frames in pairs, so it takes 1 + 8 k frames.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec.base import check_frames, check_latent, grid_shape
from model.codec.learned import to_frames, to_tensor
from model.config import CodecConfig
from model.job import VideoShape
from model.parts import folder_digest

CLASSES = ("AutoencoderKLWan", "AutoencoderKLHunyuanVideo", "AutoencoderKLCogVideoX")
_HINT = 'pip install "ten-wings[hub]"'


class DiffusersCodec:
    """Latents are the modes of the encoder's Gaussians, normalised."""

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Load a folder with config.json and safetensors weights; anything else raises ValueError or PartMissing."""
        self.config = folder_config(folder)
        raw = _read(folder)
        self._vae = _load(folder, raw["_class_name"]).to(device).requires_grad_(False)
        mean, std = _statistics(raw, self.config.latent_channels)
        self._mean = torch.tensor(mean, device=device)[:, None, None, None]
        self._std = torch.tensor(std, device=device)[:, None, None, None]
        self._device = device

    @property
    def digest(self) -> str:
        return self.config.digest

    @property
    def time_factor(self) -> int:
        return self.config.time_factor

    def latent_shape(self, shape: VideoShape) -> tuple[int, int, int, int]:
        grid = grid_shape(shape, factor=self.config.factor, time_factor=self.time_factor)
        self._check_time(grid[0])
        return self.config.latent_channels, *grid

    @torch.inference_mode()
    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        self.latent_shape(check_frames(frames, factor=self.config.factor, time_factor=self.time_factor))
        clips = [self._vae.encode(to_tensor(clip[None], self._device)).latent_dist.mode() for clip in frames]
        return ((torch.cat(clips) - self._mean) / self._std).clone()

    @torch.inference_mode()
    def decode(self, latent: Tensor) -> NDArray[np.uint8]:
        check_latent(latent, self.config.latent_channels)
        self._check_time(latent.shape[2])
        z = latent.to(self._device, torch.float32) * self._std + self._mean
        return np.concatenate([to_frames(self._vae.decode(clip[None]).sample) for clip in z])

    def _check_time(self, num_latents: int) -> None:
        if type(self._vae).__name__ == "AutoencoderKLCogVideoX" and num_latents % 2 == 0:
            near = [1 + (n - 1) * self.time_factor for n in (num_latents - 1, num_latents + 1)]
            raise ValueError(
                f"CogVideoX takes an odd number of latent frames, got {num_latents}; the nearest clips that it takes "
                f"have {near[0]} or {near[1]} frames"
            )


def folder_config(folder: Path) -> CodecConfig:
    """Return what a model's configuration must say to be given this folder's VAE, without loading its weights."""
    raw = _read(folder)
    digest = folder_digest(folder)
    try:
        factor, time_factor, channels = _sizes(raw)
        return CodecConfig(
            kind="diffusers", factor=factor, time_factor=time_factor, latent_channels=channels, digest=digest
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / 'config.json'} does not describe a {raw['_class_name']}: {error!r}") from error


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"expected a folder of a diffusers VAE with config.json at {folder}")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("_class_name") not in CLASSES:
        found = raw.get("_class_name") if isinstance(raw, dict) else raw
        raise ValueError(f"expected a VAE of class {', '.join(CLASSES)} in {folder}, got {found!r}")
    return raw


def _sizes(raw: Mapping[str, Any]) -> tuple[int, int, int]:
    """(factor, time factor, latent channels) of a config.json."""
    if raw["_class_name"] == "AutoencoderKLWan":
        halvings = len(raw["dim_mult"]) - 1
        return 2**halvings * (raw.get("patch_size") or 1), 2 ** sum(raw["temperal_downsample"]), raw["z_dim"]
    time_factor, channels = int(raw["temporal_compression_ratio"]), raw["latent_channels"]
    if raw["_class_name"] == "AutoencoderKLHunyuanVideo":
        return raw["spatial_compression_ratio"], time_factor, channels
    return 2 ** (len(raw["block_out_channels"]) - 1), time_factor, channels


def _statistics(raw: Mapping[str, Any], channels: int) -> tuple[list[float], list[float]]:
    mean, std = raw.get("latents_mean"), raw.get("latents_std")
    if mean and std:
        if not len(mean) == len(std) == channels:
            raise ValueError(
                f"expected latents_mean and latents_std of {channels} channels, got {len(mean)}, {len(std)}"
            )
        return list(mean), list(std)
    return [float(raw.get("shift_factor") or 0.0)] * channels, [1 / float(raw["scaling_factor"])] * channels


def _load(folder: Path, name: str) -> Any:
    try:
        library = import_module("diffusers")
    except ImportError as error:
        raise ValueError(f"expected the library diffusers for the VAE in {folder}; install it: {_HINT}") from error
    options = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
    try:
        vae, found = getattr(library, name).from_pretrained(folder, output_loading_info=True, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be opened as {name} with safetensors weights: {error}") from error
    if found["missing_keys"]:
        raise ValueError(f"{folder} lacks tensors of {name}: {', '.join(sorted(found['missing_keys'])[:3])}")
    return vae.eval()
