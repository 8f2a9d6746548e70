"""A model together with its frozen codec, text encoder and objective: clips in, losses out."""

# ruff: noqa: N806 (tensor names carry their shape)

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec import VideoCodec, build_codec
from model.data.clips import Clips
from model.diffusion import build_objective
from model.given import encode_given
from model.masks import PREFIX_TASKS, Mask, choose, draw, pixel_given, require_hidden
from model.network.dit import VideoDiT
from model.text import build_text_encoder

UNCONDITIONAL = ("unconditional",)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Encoded clips, ready for the transformer."""

    latents: Tensor
    """(clips, C, T, H, W)."""
    text: Tensor
    """(clips, tokens, text width)."""
    mask: Tensor
    """(clips, tokens), True where a token is real."""
    frames: NDArray[np.uint8] | None = None
    """(clips, T, H, W, 3), where a codec must encode given frames apart from hidden ones; see given.py."""

    def __len__(self) -> int:
        return len(self.latents)

    def take(self, indices: NDArray[Any]) -> Prepared:
        """Return the clips at `indices`."""
        rows = torch.as_tensor(indices, device=self.latents.device)
        frames = None if self.frames is None else self.frames[indices]
        return Prepared(latents=self.latents[rows], text=self.text[rows], mask=self.mask[rows], frames=frames)

    def to(self, device: torch.device) -> Prepared:
        """Return the batch with its tensors on `device`."""
        return replace(self, latents=self.latents.to(device), text=self.text.to(device), mask=self.mask.to(device))


class Denoiser:
    """What training, scoring and sampling share."""

    def __init__(self, model: VideoDiT) -> None:
        config = model.config
        self.model = model
        self.device = next(model.parameters()).device
        self.text = build_text_encoder(config.text)
        self.objective = build_objective(config.objective)
        self.text_drop = config.objective.text_drop
        self._local = config.codec.kind == "pixel"  # a latent cell depends on its own pixels alone
        self._empty = self.encode_text([""])

    @cached_property
    def codec(self) -> VideoCodec:
        """The frozen codec; one who trains on latents alone need not have its file."""
        return build_codec(self.model.config.codec, device=str(self.device))

    def prepare(self, clips: Clips) -> Prepared:
        """Encode clips and captions once, before many steps over them."""
        text, mask = self.encode_text(clips.captions)
        latents = self.codec.encode(clips.frames).to(self.device)
        return Prepared(latents=latents, text=text, mask=mask, frames=None if self._local else clips.frames)

    def encode_text(self, prompts: tuple[str, ...] | list[str]) -> tuple[Tensor, Tensor]:
        """Return (tokens, mask) on the model's device."""
        encoded = self.text.encode(prompts)
        tokens, mask = torch.tensor(encoded.tokens), torch.tensor(encoded.mask)
        return tokens.to(self.device), mask.to(self.device)

    def num_tokens(self, latents: Tensor) -> int:
        """Return the tokens of each clip of `latents`, (clips, C, T, H, W)."""
        return math.prod(latents.shape[2:]) // math.prod(self.model.config.patch)

    def training_loss(
        self,
        batch: Prepared,
        rng: np.random.Generator,
        tasks: Mapping[str, float] | Collection[str] = UNCONDITIONAL,
    ) -> Tensor:
        """Return the mean loss of a batch at random noise, stratified timesteps, text drops and masks.

        Each clip gets one of `tasks` (masks.py), by weight where weights are given; those that its shape does not
        allow are left out.
        """
        size = len(batch)
        uniform = (rng.permutation(size) + rng.random(size)) / size
        t = self.objective.timesteps(np.clip(uniform, 1e-6, 1 - 1e-6), self.num_tokens(batch.latents))
        noise = rng.standard_normal(tuple(batch.latents.shape), dtype=np.float32)
        drop = torch.tensor(rng.random(size) < self.text_drop, device=self.device)
        text = torch.where(drop[:, None, None], self._empty[0], batch.text)
        mask = torch.where(drop[:, None], self._empty[1], batch.mask)
        kept = Prepared(latents=batch.latents, text=text, mask=mask, frames=batch.frames)
        return self.losses(kept, noise, t, self._draw_masks(batch, rng, tasks)).mean()

    def losses(
        self, batch: Prepared, noise: NDArray[np.float32], t: NDArray[np.float32], given: Mask | None = None
    ) -> Tensor:
        """Return each clip's mean weighted squared error over what is hidden, (clips,).

        `given` is bool (clips, T, H, W) over latent cells, whole patches at a time. The network sees the given cells
        clean, as a codec makes them that has never seen the hidden ones.
        """
        noise_B, t_B = torch.tensor(noise).to(self.device), torch.tensor(t).to(self.device)
        noised = self.objective.corrupt(batch.latents, noise_B, t_B)
        if given is None:
            output = self.model(noised.x_t, t_B, batch.text, batch.mask)
            result: Tensor = (noised.weight * (output - noised.target) ** 2).flatten(1).mean(1)
            return result
        for clip in given:
            require_hidden(clip)
        given_BTHW = torch.tensor(given).to(self.device)
        x_t = torch.where(given_BTHW[:, None], self._known(batch, given), noised.x_t)
        output = self.model(x_t, t_B, batch.text, batch.mask, given_BTHW)
        error = noised.weight * (output - noised.target) ** 2 * ~given_BTHW[:, None]
        hidden_B = (~given_BTHW).flatten(1).sum(1) * error.shape[1]
        per_clip: Tensor = error.flatten(1).sum(1) / hidden_B
        return per_clip

    def _draw_masks(
        self, batch: Prepared, rng: np.random.Generator, tasks: Mapping[str, float] | Collection[str]
    ) -> Mask | None:
        """One task and mask a clip; None where no clip is given anything."""
        time, height, width = batch.latents.shape[2:]
        shape, patch = (time, height, width), self.model.config.patch
        weights = choose(tasks, shape, patch=patch)
        if tuple(weights) == UNCONDITIONAL:
            return None
        if batch.frames is None and not self._local and (late := weights.keys() - set(PREFIX_TASKS)):
            raise ValueError(
                f"tasks {', '.join(sorted(late))} need the clips' frames, since this codec's latents tell of what is "
                f"hidden; got latents alone: prepare the clips, or train with {', '.join(PREFIX_TASKS)}"
            )
        names = rng.choice(list(weights), size=len(batch), p=list(weights.values()))
        return np.stack([draw(str(name), shape, rng, patch=patch) for name in names])

    def _known(self, batch: Prepared, given: Mask) -> Tensor:
        """Latents whose given cells know nothing of the hidden ones, shaped like the batch's."""
        if self._local or batch.frames is None:
            return batch.latents
        _, time, height, width, _ = batch.frames.shape
        pixels = [pixel_given(clip, (time, height, width), self.codec.time_factor) for clip in given]
        return encode_given(self.codec, batch.frames, np.stack(pixels)).to(self.device)
