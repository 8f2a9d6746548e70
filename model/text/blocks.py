"""The transformer block that text encoder, captioner and caption writer share: pre-RMSNorm, rotary positions, GELU.

Shapes: B rows, N tokens, D width, A heads, F features of a head. Papers: arXiv 1706.03762, 2104.09864, 1910.07467.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LONGEST = 10_000.0


class Block(nn.Module):
    """Self-attention and an MLP, both residual."""

    def __init__(self, width: int, num_heads: int, *, causal: bool = False) -> None:
        super().__init__()
        if width % num_heads or width // num_heads % 2:
            raise ValueError(f"width must be a multiple of num_heads={num_heads} with an even head, got {width}")
        self.num_heads, self.causal = num_heads, causal
        self.before_attention, self.before_mlp = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x_BND: Tensor, mask_BN: Tensor | None = None) -> Tensor:
        """`mask_BN` is True where a token may be read; every row needs one such token."""
        qkv_3BANF = self.qkv(self.before_attention(x_BND)).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv_3BANF.unbind(0)
        query, key = rotated(query), rotated(key)
        mask = None if mask_BN is None else mask_BN[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=self.causal)
        x_BND = x_BND + self.out(mixed.transpose(1, 2).flatten(2))
        result: Tensor = x_BND + self.mlp(self.before_mlp(x_BND))
        return result


def rotated(x_BANF: Tensor) -> Tensor:
    """Turn pairs of features by an angle that grows with the token's place."""
    num_tokens, features = x_BANF.shape[-2:]
    rates = _LONGEST ** (-torch.arange(0, features, 2, device=x_BANF.device) / features)
    angle = torch.arange(num_tokens, device=x_BANF.device)[:, None] * rates
    cos, sin = angle.cos().to(x_BANF.dtype), angle.sin().to(x_BANF.dtype)
    first, second = x_BANF[..., 0::2], x_BANF[..., 1::2]
    return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)


def initialise(module: nn.Module, seed: int) -> None:
    """Draw every matrix from `seed` alone so that variance is kept on the way; residual outputs start at zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        with torch.no_grad():
            if parameter.ndim < 2:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            elif name.endswith(("out.weight", "mlp.2.weight")):
                parameter.zero_()
            elif parameter.ndim > 2:
                parameter.normal_(0.0, (2.0 / parameter[0].numel()) ** 0.5, generator=generator)
            else:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
