"""Joint space-time attention and cross-attention to text, both with QK-RMSNorm (arXiv 2302.05442).

Shapes: B clips, N space-time tokens, L text tokens, A heads, D width, F features of a head.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.rope import rotate

Rotation = tuple[Tensor, Tensor]


class JointAttention(nn.Module):
    """Every space-time token attends to every other (Sora); positions are rotary."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.Parameter(torch.ones(width // num_heads))
        self.key_norm = nn.Parameter(torch.ones(width // num_heads))
        self.out = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, rotation: Rotation) -> Tensor:
        qkv_3BANF = self.qkv(x_BND).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv_3BANF.unbind(0)
        query = _rotate_normed(query, self.query_norm, rotation)
        key = _rotate_normed(key, self.key_norm, rotation)
        mixed_BANF = F.scaled_dot_product_attention(query, key, value)
        return _output(self.out, mixed_BANF)


class CrossAttention(nn.Module):
    """Space-time tokens read the prompt's tokens."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.query_norm = nn.Parameter(torch.ones(width // num_heads))
        self.key_norm = nn.Parameter(torch.ones(width // num_heads))
        self.out = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, text_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        """`mask_BL` is True where a text token may be read; every clip needs one such token."""
        query = self.query(x_BND).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        key_value = self.key_value(text_BLD).unflatten(2, (2, self.num_heads, -1))
        key, value = key_value.permute(2, 0, 3, 1, 4).unbind(0)
        query, key = _normed(query, self.query_norm), _normed(key, self.key_norm)
        mask = mask_BL[:, None, None, :]
        mixed_BANF = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return _output(self.out, mixed_BANF)


def _normed(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, eps=1e-6)


def _rotate_normed(x: Tensor, weight: Tensor, rotation: Rotation) -> Tensor:
    return rotate(_normed(x, weight), *rotation)


def _output(out: nn.Linear, mixed_BANF: Tensor) -> Tensor:
    result: Tensor = out(mixed_BANF.transpose(1, 2).flatten(2))
    return result
