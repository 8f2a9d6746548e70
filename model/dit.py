"""The video diffusion transformer: DiT (arXiv 2212.09748) over space-time patches (Sora).

- one token per space-time patch of the latent; 3-D rotary positions in attention, fixed sinusoids at
  the input (rotary positions alone do not tell the top from the bottom); none learned, any grid fits
- adaLN-single (PixArt-alpha, arXiv 2310.00426): one projection of the timestep for all blocks plus a
  small table per block; zero at the start, so every block begins as the identity
- a token that is given (a mask says so) is modulated as t = 0: the rows of {t, 0} are gathered per token
- RMSNorm without statistics: nothing in the state depends on the data seen, so states average well
- text enters by cross-attention, and its mean joins the timestep (Stable Diffusion 3, arXiv 2403.03206)
- the tensor names are part of the protocol (shapes.py)

Shapes: B clips, C latent channels, T H W latent grid, N tokens, L text tokens, D width, E text width,
R rows of modulation, K modulations of a row.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.attention import CrossAttention, JointAttention, Rotation
from model.config import ModelConfig
from model.rope import Grid, landmarks, rotations
from model.shapes import TIME_FEATURES


class VideoDiT(nn.Module):
    """Maps a noisy latent, its timestep and a prompt to what the objective asks for."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.patch_in = nn.Linear(config.patch_features, width)
        self.text_in = _mlp(config.text.width, width, width)
        self.time_in = _mlp(TIME_FEATURES, width, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.final = Final(config)

    def forward(
        self, x_BCTHW: Tensor, t_B: Tensor, text_BLE: Tensor, mask_BL: Tensor, given_BTHW: Tensor | None = None
    ) -> Tensor:
        """Return the network's answer, shaped like `x_BCTHW`; `t_B` runs from 0 (clean) to 1.

        `mask_BL` is True where a text token is real. `given_BTHW` is True where a latent cell is given: there
        `x_BCTHW` must hold the clean latent, and a token whose whole patch is given is modulated as t = 0.
        """
        grid = self._grid(x_BCTHW, t_B, text_BLE)
        head, base = self.config.head_width, self.config.rope_base
        rotation = rotations(grid, head, base, str(x_BCTHW.device))
        text_BLD = self.text_in(text_BLE)
        condition_RD, row_BN = self._conditions(t_B, _pooled(text_BLD, mask_BL), self._given(x_BCTHW, given_BTHW))
        shared_R6D = self.modulation(F.silu(condition_RD)).unflatten(1, (6, -1))
        x_BND = self.patch_in(patchify(x_BCTHW, self.config.patch))
        x_BND = x_BND + landmarks(grid, self.config.width, str(x_BCTHW.device))
        for block in self.blocks:
            x_BND = block(x_BND, shared_R6D, row_BN, text_BLD, mask_BL, rotation)
        return unpatchify(self.final(x_BND, condition_RD, row_BN), grid, self.config.patch)

    def _given(self, x_BCTHW: Tensor, given_BTHW: Tensor | None) -> Tensor | None:
        """Which tokens are given, (B, N): those whose cells all are."""
        if given_BTHW is None:
            return None
        want = (x_BCTHW.shape[0], *x_BCTHW.shape[2:])
        if given_BTHW.dtype != torch.bool or given_BTHW.shape != want:
            raise ValueError(f"given must be bool {want}, got {given_BTHW.dtype} {tuple(given_BTHW.shape)}")
        return patchify(given_BTHW[:, None], self.config.patch).all(2)

    def _conditions(self, t_B: Tensor, pooled_BD: Tensor, given_BN: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the condition's rows and each token's row; None where row b is clip b's."""
        condition_BD = self.time_in(_time_features(t_B)) + pooled_BD
        if given_BN is None:
            return condition_BD, None
        clean_BD = self.time_in(_time_features(torch.zeros_like(t_B))) + pooled_BD
        clips = torch.arange(len(t_B), device=t_B.device)
        return torch.cat([condition_BD, clean_BD]), clips[:, None] + len(t_B) * given_BN

    def load_arrays(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy a checkpoint's tensors in; names and shapes must be exactly the model's."""
        self.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Copy the tensors out as NumPy arrays."""
        state = self.state_dict()
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in state.items()}

    def _grid(self, x_BCTHW: Tensor, t_B: Tensor, text_BLE: Tensor) -> Grid:
        channels, patch = self.config.codec.channels, self.config.patch
        sizes = tuple(x_BCTHW.shape[2:])
        fits = x_BCTHW.ndim == 5 and x_BCTHW.shape[1] == channels
        if not fits or any(n % p for n, p in zip(sizes, patch, strict=True)):
            want = f"(clips, {channels}, T, H, W) with T, H, W multiples of {patch}"
            raise ValueError(f"latent must be {want}, got {tuple(x_BCTHW.shape)}")
        if t_B.shape != x_BCTHW.shape[:1] or len(text_BLE) != len(x_BCTHW):
            raise ValueError(
                f"expected one timestep and one prompt for each of {len(x_BCTHW)} "
                f"clips, got {tuple(t_B.shape)} and {tuple(text_BLE.shape)}"
            )
        time, height, width = (n // p for n, p in zip(sizes, patch, strict=True))
        return time, height, width


class Block(nn.Module):
    """Attention, cross-attention and MLP, each a residual branch that starts closed."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.table = nn.Parameter(torch.zeros(6, width))
        self.attention = JointAttention(width, config.num_heads)
        self.cross = CrossAttention(width, config.num_heads)
        self.mlp = _mlp(width, config.mlp_ratio * width, width)

    def forward(
        self, x: Tensor, shared_R6D: Tensor, row: Tensor | None, text: Tensor, mask: Tensor, rotation: Rotation
    ) -> Tensor:
        rows = _per_token(shared_R6D + self.table, row)
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = rows
        x = x + gate_1 * self.attention(_modulated(x, shift_1, scale_1), rotation)
        x = x + self.cross(_rms(x), text, mask)
        result: Tensor = x + gate_2 * self.mlp(_modulated(x, shift_2, scale_2))
        return result


class Final(nn.Module):
    """Tokens back to patches; starts at zero."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, config.width))
        self.patch_out = nn.Linear(config.width, config.patch_features)

    def forward(self, x_BND: Tensor, condition_RD: Tensor, row_BN: Tensor | None) -> Tensor:
        shift, scale = _per_token(condition_RD[:, None] + self.table, row_BN)
        result: Tensor = self.patch_out(_modulated(x_BND, shift, scale))
        return result


def patchify(x_BCTHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Cut a latent into tokens (B, N, C * patch volume), in (t, h, w) order."""
    (time, height, width), (clips, channels, *sizes) = patch, x_BCTHW.shape
    t, h, w = (size // step for size, step in zip(sizes, patch, strict=True))
    x = x_BCTHW.reshape(clips, channels, t, time, h, height, w, width)
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(clips, t * h * w, -1)


def unpatchify(x_BNP: Tensor, grid: Grid, patch: tuple[int, int, int]) -> Tensor:
    """Undo `patchify`."""
    sizes = (n * p for n, p in zip(grid, patch, strict=True))
    x = x_BNP.reshape(len(x_BNP), *grid, -1, *patch).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return x.reshape(len(x_BNP), -1, *sizes)


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    layers = nn.Linear(inputs, hidden), nn.GELU("tanh"), nn.Linear(hidden, outputs)
    return nn.Sequential(*layers)


def _pooled(text_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean of the prompt's real tokens: a short way for what holds all over the clip."""
    weights = mask_BL.to(text_BLD.dtype).unsqueeze(2)
    return (text_BLD * weights).sum(1) / weights.sum(1)


def _per_token(rows_RKD: Tensor, row_BN: Tensor | None) -> tuple[Tensor, ...]:
    """Split K modulations: (B, 1, D) each when row b is clip b's, else gathered to (B, N, D)."""
    if row_BN is None:
        return rows_RKD.unsqueeze(2).unbind(1)
    return tuple(F.embedding(row_BN, rows_RD) for rows_RD in rows_RKD.unbind(1))


def _rms(x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], eps=1e-6)


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return _rms(x) * (1 + scale) + shift


def _time_features(t_B: Tensor) -> Tensor:
    half = TIME_FEATURES // 2
    steps = torch.arange(half, dtype=torch.float32, device=t_B.device)
    angles = 1000.0 * t_B[:, None] * torch.exp(-math.log(10000.0) / half * steps)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
