"""Attention inside groups of space-time tokens and cross-attention to text, with QK-RMSNorm (arXiv 2302.05442).

Shapes: B clips side by side, N tokens of each (a packed stream has B = 1), M = B N tokens, L text tokens, A heads,
D width, F features of a head, G groups of n tokens.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn

from model.network.groups import Groups
from model.network.norms import normed


class SelfAttention(nn.Module):
    """Every token attends to its group; positions are rotary."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.Parameter(torch.ones(width // num_heads))
        self.key_norm = nn.Parameter(torch.ones(width // num_heads))
        self.out = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, groups: Groups) -> Tensor:
        """Return the tokens' mixture, shaped like `x_BND`."""
        x_MD = x_BND.flatten(0, 1)
        if groups.order is not None:
            x_MD = _reordered(x_MD, *groups.order)
        query, key, value = self.qkv(x_MD).unflatten(1, (3, self.num_heads, -1)).unbind(1)
        turn = groups.cos, groups.sin
        query, key = normed(query, self.query_norm, turn), normed(key, self.key_norm, turn)
        mixed_MD: Tensor = self.out(attend(query, key, value, groups))
        if groups.order is not None:
            mixed_MD = _reordered(mixed_MD, *groups.order[::-1])
        return mixed_MD.view_as(x_BND)


class CrossAttention(nn.Module):
    """Space-time tokens read their clip's prompt."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.query_norm = nn.Parameter(torch.ones(width // num_heads))
        self.key_norm = nn.Parameter(torch.ones(width // num_heads))
        self.out = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, text_SLD: Tensor, mask_SL: Tensor, clips: tuple[tuple[int, int], ...]) -> Tensor:
        """`mask_SL` is True where a text token may be read; every clip needs one. `clips`: see Layout."""
        query_MAF = self.query(x_BND).flatten(0, 1).unflatten(1, (self.num_heads, -1))
        key_value = self.key_value(text_SLD).unflatten(2, (2, self.num_heads, -1))
        (key_SLAF, value_SLAF), mask = key_value.unbind(2), mask_SL[:, None, None]
        query_MAF, key_SLAF = normed(query_MAF, self.query_norm), normed(key_SLAF, self.key_norm)
        text = zip(*(_split(part, [count for count, _ in clips]) for part in (key_SLAF, value_SLAF, mask)), strict=True)
        mixed = [
            _mixed(query.view(count, length, *query.shape[1:]), *read)
            for query, read, (count, length) in zip(_split(query_MAF, _sizes(clips)), text, clips, strict=True)
        ]
        result: Tensor = self.out(mixed[0] if len(mixed) == 1 else torch.cat(mixed))
        return result.view_as(x_BND)


def attend(query_MAF: Tensor, key_MAF: Tensor, value_MAF: Tensor, groups: Groups) -> Tensor:
    """Softmax attention inside each group, (M, D); tokens are in `groups.order`.

    Groups of mixed lengths go to the variable-length kernel where there is one (CUDA, half precision); elsewhere
    each length is one batch.
    """
    if len(groups.buckets) > 1 and has_varlen(query_MAF):
        return _varlen(query_MAF.contiguous(), key_MAF.contiguous(), value_MAF.contiguous(), groups)
    sizes = _sizes(groups.buckets)
    parts = zip(*(_split(part, sizes) for part in (query_MAF, key_MAF, value_MAF)), strict=True)
    mixed = [
        _mixed(*(part.view(count, length, *part.shape[1:]) for part in bucket))
        for bucket, (count, length) in zip(parts, groups.buckets, strict=True)
    ]
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def has_varlen(x: Tensor) -> bool:
    """Whether PyTorch's variable-length attention takes such tensors."""
    return x.is_cuda and x.dtype in (torch.bfloat16, torch.float16)


def _varlen(query_MAF: Tensor, key_MAF: Tensor, value_MAF: Tensor, groups: Groups) -> Tensor:
    bounds, longest = groups.bounds, groups.buckets[-1][1]
    mixed_MAF = varlen_attn(
        query_MAF, key_MAF, value_MAF, cu_seq_q=bounds, cu_seq_k=bounds, max_q=longest, max_k=longest
    )
    assert isinstance(mixed_MAF, Tensor)
    return mixed_MAF.flatten(1)


def _sizes(buckets: tuple[tuple[int, int], ...]) -> list[int]:
    return [count * length for count, length in buckets]


def _split(x: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    """Cut the first axis; one part is the tensor itself, whose gradient then needs no copy."""
    return (x,) if len(sizes) == 1 else torch.split(x, sizes)


def _mixed(query_GnAF: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    query, key, value = query_GnAF.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    mixed_GAnF = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return mixed_GAnF.transpose(1, 2).flatten(2).flatten(0, 1)


def _reordered(x_MD: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    result: Tensor = _Reordered.apply(x_MD, order, inverse)  # type: ignore[no-untyped-call]
    return result


class _Reordered(torch.autograd.Function):
    """Rows in another order; the gradient goes back by the inverse, without a scatter."""

    @staticmethod
    def forward(ctx: Any, x_MD: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return x_MD.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return grads[0].index_select(0, inverse), None, None
