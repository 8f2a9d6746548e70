"""The causal video VAE: space-time blocks, then causal residual stages; convolutions alone, so any frame size fits.

After Wan-VAE (arXiv 2503.20314), MAGVIT-v2 (arXiv 2310.05737) and CogVideoX (arXiv 2408.06072). Pixels are scaled to
[-1, 1]. The encoder gives mean and log-variance of a Gaussian per latent value; a codec uses the mean.
"""

# ruff: noqa: N803 (tensor names carry their shape: B clips, C channels, T frames, H and W cells)

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from model.codec.layers import ChannelNorm, Down, Past, ResidualBlock, Up, fold, start_at_zero, unfold
from model.codec.vae_config import VaeConfig

LOG_VARIANCE = (-20.0, 10.0)
"""The encoder's log-variance is kept inside, so that no exponential overflows."""
LOG_VARIANCE_START = -6.0
"""Where the log-variance starts: noise of a twentieth of a unit latent, so that the first steps see the picture."""


class VideoVae(nn.Module):
    """Frames in [-1, 1], (B, 3, T, H, W) <-> latents (B, C, T', H', W')."""

    def __init__(self, config: VaeConfig, seed: int = 0) -> None:
        """Draw the first weights from `seed`; torch's global generator is left as it was."""
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = Encoder(config)
            self.decoder = Decoder(config)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def encode(self, x_BCTHW: Tensor, past: Past | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, log-variance). With `past`, `x_BCTHW` is a chunk of whole latent frames."""
        coded: tuple[Tensor, Tensor] = self.encoder(x_BCTHW, past)
        return coded

    def decode(self, z_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        """Return frames, not clipped."""
        frames: Tensor = self.decoder(z_BCTHW, past)
        return frames

    def forward(self, x_BCTHW: Tensor, noise_BCTHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (frames decoded from a sampled latent, mean, log-variance); `noise` is a standard normal."""
        mean, log_variance = self.encode(x_BCTHW)
        return self.decode(mean + noise_BCTHW * (0.5 * log_variance).exp()), mean, log_variance


class Encoder(nn.Module):
    """Stem, stages from fine to coarse, head; beside them one linear map of each latent cell's own block of pixels.

    The linear path carries what a linear code can (training sets it to the principal components and leaves it); the
    stages start at zero and add what it misses.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.block, widths = config.block, config.widths
        layers: list[nn.Module] = [Down(3, widths[0], config.patch)]
        for i, (width, blocks) in enumerate(zip(widths, config.encoder_blocks, strict=True)):
            layers += [ResidualBlock(width) for _ in range(blocks)]
            layers += [Down(width, widths[i + 1], config.steps[i])] if i + 1 < len(widths) else []
        self.layers = nn.ModuleList(layers)
        self.norm = ChannelNorm(widths[-1])
        self.out = start_at_zero(nn.Conv3d(widths[-1], 2 * config.latent_channels, kernel_size=1))
        self.linear = nn.Conv3d(config.block_values, config.latent_channels, kernel_size=1)

    def forward(self, x_BCTHW: Tensor, past: Past | None = None) -> tuple[Tensor, Tensor]:
        blocks = fold(x_BCTHW, self.block, first=past is None or past.first)
        mean, log_variance = self.out(F.silu(self.norm(_through(self.layers, x_BCTHW, past)))).chunk(2, dim=1)
        return mean + self.linear(blocks), (log_variance + LOG_VARIANCE_START).clamp(*LOG_VARIANCE)


class Decoder(nn.Module):
    """The encoder's mirror."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.block, self.patch, widths = config.block, config.patch, config.widths
        self.stem = nn.Conv3d(config.latent_channels, widths[-1], kernel_size=1)
        layers: list[nn.Module] = []
        for i in reversed(range(len(widths))):
            layers += [ResidualBlock(widths[i]) for _ in range(config.decoder_blocks[i])]
            layers += [Up(widths[i], widths[i - 1], config.steps[i - 1])] if i else []
        self.layers = nn.ModuleList(layers)
        self.norm = ChannelNorm(widths[0])
        self.out = start_at_zero(nn.Conv3d(widths[0], 3 * config.patch[0] * config.patch[1] ** 2, kernel_size=1))
        self.linear = nn.Conv3d(config.latent_channels, config.block_values, kernel_size=1)

    def forward(self, z_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        first = past is None or past.first
        h = self.norm(_through(self.layers, self.stem(z_BCTHW), past))
        detail = unfold(self.out(F.silu(h)), self.patch, first=first)
        return unfold(self.linear(z_BCTHW), self.block, first=first) + detail


def num_parameters(model: nn.Module) -> int:
    """Count the trained values."""
    return sum(p.numel() for p in model.parameters())


def _through(layers: Sequence[nn.Module] | nn.ModuleList, x: Tensor, past: Past | None) -> Tensor:
    for layer in layers:
        x = layer(x, past)
    return x
