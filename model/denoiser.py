"""A model together with its frozen codec, text encoder and objective: clips in, losses out."""

# ruff: noqa: N806 (tensor names carry their shape)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec import build_codec
from model.data.clips import Clips
from model.diffusion import build_objective
from model.dit import VideoDiT
from model.text import build_text_encoder


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Encoded clips, ready for the transformer."""

    latents: Tensor
    """(clips, C, T, H, W)."""
    text: Tensor
    """(clips, tokens, text width)."""
    mask: Tensor
    """(clips, tokens), True where a token is real."""

    def __len__(self) -> int:
        return len(self.latents)

    def take(self, indices: NDArray[Any]) -> Prepared:
        """Return the clips at `indices`."""
        rows = torch.as_tensor(indices, device=self.latents.device)
        return Prepared(latents=self.latents[rows], text=self.text[rows], mask=self.mask[rows])


class Denoiser:
    """What training, scoring and sampling share."""

    def __init__(self, model: VideoDiT) -> None:
        config = model.config
        self.model = model
        self.codec = build_codec(config.codec)
        self.text = build_text_encoder(config.text)
        self.objective = build_objective(config.objective)
        self.text_drop = config.objective.text_drop
        self.device = next(model.parameters()).device
        self._empty = self.encode_text([""])

    def prepare(self, clips: Clips) -> Prepared:
        """Encode clips and captions once, before many steps over them."""
        text, mask = self.encode_text(clips.captions)
        latents = self.codec.encode(clips.frames).to(self.device)
        return Prepared(latents=latents, text=text, mask=mask)

    def encode_text(self, prompts: tuple[str, ...] | list[str]) -> tuple[Tensor, Tensor]:
        """Return (tokens, mask) on the model's device."""
        encoded = self.text.encode(prompts)
        tokens, mask = torch.tensor(encoded.tokens), torch.tensor(encoded.mask)
        return tokens.to(self.device), mask.to(self.device)

    def training_loss(self, batch: Prepared, rng: np.random.Generator) -> Tensor:
        """Return the mean loss of a batch at random noise, stratified timesteps and text drops."""
        size = len(batch)
        uniform = (rng.permutation(size) + rng.random(size)) / size
        t = self.objective.timesteps(np.clip(uniform, 1e-6, 1 - 1e-6))
        noise = rng.standard_normal(tuple(batch.latents.shape), dtype=np.float32)
        drop = torch.tensor(rng.random(size) < self.text_drop, device=self.device)
        text = torch.where(drop[:, None, None], self._empty[0], batch.text)
        mask = torch.where(drop[:, None], self._empty[1], batch.mask)
        kept = Prepared(latents=batch.latents, text=text, mask=mask)
        return self.losses(kept, noise, t).mean()

    def losses(self, batch: Prepared, noise: NDArray[np.float32], t: NDArray[np.float32]) -> Tensor:
        """Return each clip's mean weighted squared error, (clips,)."""
        noise_B, t_B = torch.tensor(noise).to(self.device), torch.tensor(t).to(self.device)
        noised = self.objective.corrupt(batch.latents, noise_B, t_B)
        output = self.model(noised.x_t, t_B, batch.text, batch.mask)
        error = noised.weight * (output - noised.target) ** 2
        result: Tensor = error.flatten(1).mean(1)
        return result
