"""A transformer block under adaptive modulation, and the output layer (DiT, arXiv 2212.09748).

adaLN-single (PixArt-alpha, arXiv 2310.00426): one projection of the condition for all blocks plus a small table per
block. adaLN-zero (DiT): a projection per block, 36 % more parameters in a large model. Both start at zero, so every
block begins as the identity.

Shapes: B clips side by side, N tokens of each (a packed stream has B = 1), S clips, L text tokens, D width, R rows of
modulation, K modulations of a row.
"""

# ruff: noqa: N803, N806, N812, N815 (tensor names carry their shape)

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.network.attention import CrossAttention, SelfAttention
from model.network.groups import Groups
from model.network.norms import EPS, modulated
from model.shapes import num_modulations


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """What every block reads and none changes."""

    signal_RX: Tensor
    """(R, K D) modulations of all blocks under adaLN-single, (R, D) the activated condition under adaLN-zero."""
    row_BN: Tensor | None
    """(B, N) each token's row of `signal_RX`; None where row b is that of clip b."""
    text_SLD: Tensor
    """(S, L, D) prompts."""
    mask_SL: Tensor
    """(S, L) True where a text token is real."""
    clips: tuple[tuple[int, int], ...]
    """(clips, tokens of a clip) as the stream has them."""


class Block(nn.Module):
    """Attention, cross-attention and MLP, each a residual branch that starts closed.

    Factorised attention is two branches, space then time, in every block: so each block sees all of the clip.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, num = config.width, num_modulations(config)
        self.num, self.single = num, config.modulation == "single"
        if self.single:
            self.table = nn.Parameter(torch.zeros(num, width))
        else:
            self.modulation = nn.Linear(width, num * width)
        self.attention = SelfAttention(width, config.num_heads)
        if config.attention == "factorised":
            self.temporal = SelfAttention(width, config.num_heads)
        self.cross = CrossAttention(width, config.num_heads)
        self.mlp = mlp(width, config.mlp_ratio * width, width)

    def forward(self, x_BND: Tensor, context: Context, groups: tuple[Groups, ...]) -> Tensor:
        """`groups` has one entry a branch of attention."""
        rows = _per_token(self._rows(context.signal_RX), context.row_BN)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate, *temporal = rows
        x = _opened(x_BND, gate, self.attention(modulated(x_BND, shift, scale), groups[0]))
        if temporal:
            shift, scale, gate = temporal
            x = _opened(x, gate, self.temporal(modulated(x, shift, scale), groups[1]))
        x = x + self.cross(_rms(x), context.text_SLD, context.mask_SL, context.clips)
        return _opened(x, mlp_gate, self.mlp(modulated(x, mlp_shift, mlp_scale)))

    def _rows(self, signal_RX: Tensor) -> Tensor:
        rows_RX = signal_RX if self.single else self.modulation(signal_RX)
        rows_RKD = rows_RX.view(len(rows_RX), self.num, -1)
        return rows_RKD + self.table if self.single else rows_RKD


class Final(nn.Module):
    """Tokens back to patches; starts at zero."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, config.width))
        self.patch_out = nn.Linear(config.width, config.patch_features)

    def forward(self, x_BND: Tensor, condition_RD: Tensor, row_BN: Tensor | None) -> Tensor:
        """Return (B, N, values of a patch)."""
        shift, scale = _per_token(condition_RD[:, None] + self.table, row_BN)
        result: Tensor = self.patch_out(modulated(x_BND, shift, scale))
        return result


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two linear layers around a GELU."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU("tanh"), nn.Linear(hidden, outputs))


def _per_token(rows_RKD: Tensor, row_BN: Tensor | None) -> tuple[Tensor, ...]:
    """Split K modulations: (B, 1, D) each when row b is clip b's, else gathered to (B, N, D)."""
    if row_BN is None:
        return rows_RKD.unsqueeze(2).unbind(1)
    return tuple(F.embedding(row_BN, rows_RD) for rows_RD in rows_RKD.unbind(1))


def _rms(x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], eps=EPS)


def _opened(x: Tensor, gate: Tensor, branch: Tensor) -> Tensor:
    return torch.addcmul(x, gate, branch)
