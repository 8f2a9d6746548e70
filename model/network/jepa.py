"""V-JEPA on the video transformer: hidden tubes are predicted in latent space (arXiv 2404.08471, 2506.09985).

- the context encoder is the diffusion backbone itself: the same blocks, the same tensors, another objective. It sees
  the clip with random tubes of it blank; the mask's given cells are modulated as t = 0 and the blank ones as t = 1
- the target encoder is its moving average on the whole clip at t = 0; no gradient flows there
- a narrow predictor fills in the hidden tokens; the loss is the L1 distance to the normalised target features
- unlike the paper's, the context encoder keeps the hidden tokens in its stream (blank, so they tell nothing): that
  costs time and saves a second kind of input for the backbone

No pixel is ever predicted, so nothing forces the features to keep what cannot be known. What keeps them from being
constant is the average and the predictor alone; `spread` tells when that fails.

Shapes: B clips, N tokens, D width of the encoder, P width of the predictor.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.denoiser import Prepared
from model.masks import Mask
from model.network.dit import VideoDiT
from model.network.rope import Grid, landmarks
from model.network.tokens import tokens_after

COLLAPSED = 0.05
"""A spread below this means that all clips have nearly the same features; independent ones have 1."""


class Predictor(nn.Module):
    """Hidden tokens' features from the given ones': a narrow transformer over all tokens."""

    def __init__(self, width: int, *, num_layers: int = 2) -> None:
        super().__init__()
        narrow, heads = _narrow(width), 2
        self.enter = nn.Linear(width, narrow)
        self.blank = nn.Parameter(torch.zeros(narrow))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                narrow, heads, 4 * narrow, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.leave = nn.Linear(narrow, width)

    def forward(self, context_BND: Tensor, given_BN: Tensor, grid: Grid) -> Tensor:
        """Return (B, N, D) guesses; those of given tokens mean nothing."""
        x_BNP = torch.where(given_BN[..., None], self.enter(context_BND), self.blank)
        x_BNP = x_BNP + landmarks(grid, x_BNP.shape[2], str(x_BNP.device))
        for block in self.blocks:
            x_BNP = block(x_BNP)
        result: Tensor = self.leave(x_BNP)
        return result


class Jepa(nn.Module):
    """The backbone under training and its predictor."""

    def __init__(self, encoder: VideoDiT) -> None:
        super().__init__()
        self.encoder = encoder
        self.predictor = Predictor(encoder.config.width)

    def loss(self, batch: Prepared, given: Mask, target_BND: Tensor) -> Tensor:
        """L1 distance on hidden tokens; `given` is bool (B, T, H, W) over latent cells."""
        cells = torch.tensor(given).to(batch.latents.device)
        x = batch.latents * cells[:, None]
        t_B = torch.ones(len(x), device=x.device)
        context = tokens_after(self.encoder, _last(self.encoder), x, t_B, batch.text, batch.mask, cells)
        given_BN = self.encoder.given_tokens(x, cells)
        guess = self.predictor(F.layer_norm(context, context.shape[-1:]), given_BN, self.encoder.grid(x))
        hidden = ~given_BN
        return F.l1_loss(guess[hidden], target_BND[hidden])


def features(encoder: VideoDiT, batch: Prepared, *, weights: dict[str, Tensor] | None = None) -> Tensor:
    """Return the normalised tokens (B, N, D) of whole, clean clips, without gradient."""
    t_B = torch.zeros(len(batch), device=batch.latents.device)
    with torch.no_grad():
        tokens = tokens_after(encoder, _last(encoder), batch.latents, t_B, batch.text, batch.mask, weights=weights)
    return F.layer_norm(tokens, tokens.shape[-1:])


def spread(features_BND: Tensor) -> float:
    """Root mean square deviation of features from their mean over clips; 0 when all clips look the same."""
    return float((features_BND - features_BND.mean(0)).pow(2).mean().sqrt())


def _last(encoder: VideoDiT) -> int:
    return len(encoder.blocks) - 1


def _narrow(width: int) -> int:
    """Half the encoder's width, a multiple of 12: two heads, and sinusoids of three axes."""
    return max(12, width // 2 // 12 * 12)
