"""A causal video VAE with random weights, none of them zero: its pictures are nonsense, its leaks are real."""

from __future__ import annotations

import numpy as np
import torch

from model.codec.vae import VideoVae
from model.codec.vae_config import vae_preset
from model.codec.vae_file import Statistics, pack


def random_vae_file(seed: int = 0) -> bytes:
    """Return the codec file of a `nano` VAE."""
    vae = VideoVae(vae_preset("nano"), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in vae.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    channels = vae.config.latent_channels
    return pack(vae, Statistics(mean=np.zeros(channels, np.float32), std=np.ones(channels, np.float32)))
