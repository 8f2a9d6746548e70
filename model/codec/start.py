"""Where a video VAE's training starts: its linear path holds the principal components of the clips' pixel blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.codec.layers import fold
from model.codec.vae import VideoVae

_FLOOR = 1e-4
"""Least standard deviation of a component, in units of half the byte range: flat clips have components without any."""


@torch.no_grad()
def start_at_principal_components(vae: VideoVae, x: Tensor) -> None:
    """Set the linear path by clips `x`, (B, 3, T, H, W) in [-1, 1]: their latents get unit variance, uncorrelated."""
    channels = vae.config.latent_channels
    blocks = fold(x, vae.config.block, first=True).movedim(1, -1).reshape(-1, vae.config.block_values)
    mean = blocks.mean(0)
    centred = (blocks - mean).double()
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    kept = directions.flip(1)[:, :channels].float()
    std = variances.flip(0)[:channels].clamp_min(0).sqrt().float().clamp_min(_FLOOR)
    _fill(vae.encoder.linear, (kept / std).T, -(mean @ kept) / std)
    _fill(vae.decoder.linear, kept * std, mean)


def freeze_linear_path(vae: VideoVae) -> list[nn.Parameter]:
    """Take the linear path out of training and return the parameters that stay in.

    Its gradient is two orders larger than all others' together and drowns them; it is at its optimum already.
    """
    for path in (vae.encoder.linear, vae.decoder.linear):
        path.requires_grad_(False)
    return [parameter for parameter in vae.parameters() if parameter.requires_grad]


def _fill(conv: nn.Conv3d, weight: Tensor, bias: Tensor) -> None:
    conv.weight.copy_(weight[:, :, None, None, None])
    assert conv.bias is not None
    conv.bias.copy_(bias)
