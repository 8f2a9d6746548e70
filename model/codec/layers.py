"""Layers of the causal video VAE: each sees its own frame and the past, and can go on where the last chunk ended.

Causal convolution with a feature cache: CogVideoX (arXiv 2408.06072), Wan (arXiv 2503.20314). Grid steps by folding
blocks into channels with a shortcut that needs no weights: DC-AE (arXiv 2410.10733). Nothing here computes statistics
over frames or pixels, so neither later frames nor neighbours change a cell outside the convolutions' reach.
"""

# ruff: noqa: N803, N806 (tensor names carry their shape: B clips, C channels, T frames, H and W cells)

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Past:
    """What the layers remember of the frames before a chunk; one object for one pass over one batch of clips."""

    def __init__(self) -> None:
        self.first = True
        """Whether the next chunk begins the clip; the caller clears it after a chunk."""
        self._tails: dict[nn.Module, Tensor] = {}

    def extend(self, layer: nn.Module, x_BCTHW: Tensor, num_frames: int) -> Tensor:
        """Put the `num_frames` frames before the chunk in front of it; before the clip, its first frame stands."""
        tail = x_BCTHW[:, :, :1].expand(-1, -1, num_frames, -1, -1) if self.first else self._tails[layer]
        extended = torch.cat([tail, x_BCTHW], dim=2)
        self._tails[layer] = extended[:, :, -num_frames:].clone()
        return extended


class CausalConv(nn.Conv3d):
    """A 3x3x3 convolution over the frame, the two before it, and the cells around (zeros outside the frame)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=(0, 1, 1))

    def forward(self, x_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        if past is not None:
            return super().forward(past.extend(self, x_BCTHW, 2))
        return super().forward(torch.cat([x_BCTHW[:, :, :1]] * 2 + [x_BCTHW], dim=2))


class ChannelNorm(nn.Module):
    """RMSNorm over the channels of each cell by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        x_BTHWC = x_BCTHW.movedim(1, -1)
        return F.rms_norm(x_BTHWC, self.gain.shape, self.gain, eps=1e-6).movedim(-1, 1)


class ResidualBlock(nn.Module):
    """norm, SiLU, convolution, twice; the second convolution starts at zero, so the block starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = ChannelNorm(channels), ChannelNorm(channels)
        self.conv_1, self.conv_2 = CausalConv(channels, channels), CausalConv(channels, channels)
        start_at_zero(self.conv_2)

    def forward(self, x_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        h = self.conv_1(F.silu(self.norm_1(x_BCTHW)), past)
        h = self.conv_2(F.silu(self.norm_2(h)), past)
        return cast(Tensor, x_BCTHW + h)


class Down(nn.Module):
    """Folds (time, space, space) blocks into channels, then mixes; the shortcut averages groups of channels."""

    def __init__(self, inputs: int, outputs: int, step: tuple[int, int]) -> None:
        super().__init__()
        self.step = step
        self.groups = outputs
        folded = inputs * step[0] * step[1] ** 2
        self.mix = nn.Conv3d(folded, outputs, kernel_size=1)
        self.shortcut = folded % outputs == 0

    def forward(self, x_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        x = fold(x_BCTHW, self.step, first=past is None or past.first)
        mixed = self.mix(x)
        return cast(Tensor, mixed + _grouped_mean(x, self.groups) if self.shortcut else mixed)


class Up(nn.Module):
    """The mirror of Down: mixes into more channels, then unfolds them; the shortcut repeats channels."""

    def __init__(self, inputs: int, outputs: int, step: tuple[int, int]) -> None:
        super().__init__()
        self.step = step
        folded = outputs * step[0] * step[1] ** 2
        self.mix = nn.Conv3d(inputs, folded, kernel_size=1)
        self.repeats = folded // inputs if folded % inputs == 0 else 0

    def forward(self, x_BCTHW: Tensor, past: Past | None = None) -> Tensor:
        x = self.mix(x_BCTHW)
        if self.repeats:
            x = x + x_BCTHW.repeat_interleave(self.repeats, dim=1)
        return unfold(x, self.step, first=past is None or past.first)


def start_at_zero(conv: nn.Conv3d) -> nn.Conv3d:
    """Set a convolution to zero, so that what it adds to starts undisturbed."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


def fold(x_BCTHW: Tensor, step: tuple[int, int], *, first: bool) -> Tensor:
    """Move blocks of step = (time, space) into channels: (B, C time space^2, T/time, H/space, W/space).

    A clip's first frame fills a block of its own, repeated, so that no later frame reaches the first latent.
    """
    time, space = step
    if first and time > 1:
        x_BCTHW = torch.cat([x_BCTHW[:, :, :1]] * (time - 1) + [x_BCTHW], dim=2)
    clips, channels, frames, height, width = x_BCTHW.shape
    x = x_BCTHW.reshape(clips, channels, frames // time, time, height // space, space, width // space, space)
    return _channels_last(x.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4))


def unfold(x_BCTHW: Tensor, step: tuple[int, int], *, first: bool) -> Tensor:
    """Undo `fold`; of a clip's first block only the last frame is kept."""
    time, space = step
    clips, _, frames, height, width = x_BCTHW.shape
    x = x_BCTHW.reshape(clips, -1, time, space, space, frames, height, width)
    x = x.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(6, 7).flatten(4, 5).flatten(2, 3)
    return _channels_last(x[:, :, time - 1 :] if first else x)


def _grouped_mean(x_BCTHW: Tensor, groups: int) -> Tensor:
    clips, _, *grid = x_BCTHW.shape
    return x_BCTHW.reshape(clips, groups, -1, *grid).mean(2)


def _channels_last(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.contiguous(memory_format=torch.channels_last_3d)
