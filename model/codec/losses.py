"""What a video VAE is trained on: L1 of pixels, L1 of their gradients at several scales, and a little KL.

L1 and KL as in latent diffusion (arXiv 2112.10752, without its adversary); the gradient term asks for edges in place
(multi-scale, after arXiv 1511.05440).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch.nn.functional as F  # noqa: N812
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weights of the terms; each term is a mean, so that clips and latents of any size weigh the same."""

    pixels: float = 0.3
    """Of the mean absolute error of values in [-1, 1]."""
    squares: float = 10.0
    """Of the mean squared error of the same, what PSNR counts: L1 alone gives up the few pixels at moving edges."""
    gradients: float = 0.1
    """Of the mean absolute error of differences between neighbours, averaged over scales and both axes."""
    scales: int = 3
    """Scales of the gradient term: frames as they are, halved, quartered, ..."""
    kl: float = 1e-4
    """Of the mean divergence of a latent value from a standard normal, in nats: keeps latents smooth and bounded."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"loss weight {field.name} must be 0 or more, got {value}")


def loss_of(frames: Tensor, target: Tensor, mean: Tensor, log_variance: Tensor, weights: LossWeights) -> Tensor:
    """Return the weighted sum for frames (B, 3, T, H, W) and the Gaussian that they were decoded from."""
    error = frames - target
    pixels = weights.pixels * error.abs().mean() + weights.squares * error.square().mean()
    return (
        pixels + weights.gradients * gradient_error(error, weights.scales) + weights.kl * divergence(mean, log_variance)
    )


def gradient_error(error: Tensor, scales: int) -> Tensor:
    """Return the mean |difference of neighbours| of (B, 3, T, H, W), averaged over axes and halved scales."""
    level = error.transpose(1, 2).flatten(0, 1)
    total = error.new_zeros(())
    for scale in range(scales):
        level = F.avg_pool2d(level, 2) if scale else level
        for axis in (-1, -2):
            if level.shape[axis] > 1:
                total = total + level.diff(dim=axis).abs().mean() / (2 * scales)
    return total


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean KL of N(mean, exp(log_variance)) from N(0, 1), in nats a latent value."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
