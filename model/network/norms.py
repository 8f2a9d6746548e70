"""RMSNorm (arXiv 1910.07467) with what follows it, and the gradient written out: half the passes over memory.

Both run in float32 whatever comes in: half precision would lose the mean square's digits. They keep the input (which
other operations keep anyway) and one number a row for the backward pass, and can be differentiated once. A compiler
gets the plain formulas: it fuses them and derives the gradient itself.

Shapes: M tokens, A heads, F features of a head, B clips, N tokens of each, D width.
"""

# ruff: noqa: N803, N812 (tensor names carry their shape)

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-6
Turn = tuple[Tensor, Tensor]
"""Cosine and sine of each token's rotary angles, (M, 1, F / 2) each."""


def modulated(x_BND: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return rms(x) (1 + scale) + shift; shift and scale are (B, 1, D) or (B, N, D)."""
    if torch.compiler.is_compiling():
        return torch.addcmul(shift, F.rms_norm(x_BND, x_BND.shape[-1:], eps=EPS), 1 + scale)
    result: Tensor = _Modulated.apply(x_BND, shift, 1 + scale)  # type: ignore[no-untyped-call]
    return result


def normed(x_MAF: Tensor, weight_F: Tensor, turn: Turn | None = None) -> Tensor:
    """Return rms(x) weight, with feature i and feature i + F / 2 turned by the token's angle if `turn` is given."""
    if torch.compiler.is_compiling():
        unit = F.rms_norm(x_MAF.float(), x_MAF.shape[-1:], eps=EPS) * weight_F
        return (unit if turn is None else _turned(unit, *turn)).to(x_MAF.dtype)
    result: Tensor = _Normed.apply(x_MAF, weight_F, *(turn or (None, None)))  # type: ignore[no-untyped-call]
    return result


class _Modulated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: Tensor, factor: Tensor) -> Tensor:
        inverse = _inverse_rms(x)
        ctx.save_for_backward(x, inverse, factor)
        return torch.addcmul(shift, x * inverse, factor)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grad = grads[0]
        x, inverse, factor = ctx.saved_tensors
        unit = x * inverse
        slope = grad * unit
        along = _dot(slope, factor)
        grad_x = (grad * factor).addcmul_(unit, along, value=-1 / x.shape[-1]).mul_(inverse)
        if factor.shape[1] == 1:  # one row a clip
            return grad_x, grad.sum(1, keepdim=True), slope.sum(1, keepdim=True)
        return grad_x, grad, slope


class _Normed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, cos: Tensor | None, sin: Tensor | None) -> Tensor:
        inverse = _inverse_rms(x)
        ctx.save_for_backward(x, inverse, weight, cos, sin)
        unit = x * inverse
        if cos is None or sin is None:
            return (unit * weight).to(x.dtype)
        half = x.shape[-1] // 2
        turned = unit * (weight * torch.cat([cos, cos], dim=-1))
        turned[..., :half].addcmul_(unit[..., half:], weight[half:] * sin, value=-1)
        turned[..., half:].addcmul_(unit[..., :half], weight[:half] * sin)
        return turned.to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad = grads[0].float()
        x, inverse, weight, cos, sin = ctx.saved_tensors
        if cos is not None:
            half = x.shape[-1] // 2
            back = grad * torch.cat([cos, cos], dim=-1)
            back[..., :half].addcmul_(grad[..., half:], sin)
            back[..., half:].addcmul_(grad[..., :half], sin, value=-1)
            grad = back
        unit = x * inverse
        slope = grad * unit
        along = torch.matmul(slope, weight.float()).unsqueeze(-1)
        grad_x = (grad * weight).addcmul_(unit, along, value=-1 / x.shape[-1]).mul_(inverse)
        return grad_x.to(x.dtype), slope.flatten(0, -2).sum(0), None, None


def _turned(x_MAF: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x_MAF.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _inverse_rms(x: Tensor) -> Tensor:
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32).square()
    return torch.rsqrt(square / x.shape[-1] + EPS)


def _dot(x_BND: Tensor, y: Tensor) -> Tensor:
    """(B, N, 1), without a product of full size where `y` has one row a clip."""
    if y.shape[1] == 1:
        return torch.matmul(x_BND, y.transpose(1, 2))
    return (x_BND * y).sum(-1, keepdim=True)
