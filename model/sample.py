"""From a prompt to a video: the flow followed backwards under classifier-free guidance."""

# ruff: noqa: N806 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.checkpoint import load_model
from model.denoiser import Denoiser
from model.job import DEMO_SHAPE, VideoShape
from model.samplers import Predict, find_sampler


def sample(
    checkpoint: bytes,
    prompt: str,
    *,
    seed: int,
    num_steps: int = 24,
    guidance: float = 1.5,
    num_frames: int = DEMO_SHAPE.num_frames,
    height: int = DEMO_SHAPE.height,
    width: int = DEMO_SHAPE.width,
    sampler: str = "euler",
    device: str = "cpu",
) -> NDArray[np.uint8]:
    """Return one video, uint8 (num_frames, height, width, 3)."""
    shape = VideoShape(num_frames=num_frames, height=height, width=width)
    videos = sample_many(
        Denoiser(load_model(checkpoint, device)),
        [prompt],
        seed=seed,
        num_steps=num_steps,
        guidance=guidance,
        shape=shape,
        sampler=sampler,
    )
    return videos.reshape(videos.shape[1:])


def sample_many(
    denoiser: Denoiser,
    prompts: Sequence[str],
    *,
    seed: int,
    num_steps: int = 24,
    guidance: float = 1.5,
    shape: VideoShape = DEMO_SHAPE,
    sampler: str = "euler",
) -> NDArray[np.uint8]:
    """Return one video a prompt, uint8 (prompts, T, H, W, 3); 1 means no guidance.

    A prompt's noise depends on the seed and its place in `prompts`.
    """
    follow = find_sampler(sampler)
    latent_shape = (len(prompts), *denoiser.codec.latent_shape(shape))
    rng = np.random.Generator(np.random.Philox(seed))
    noise = torch.tensor(rng.standard_normal(latent_shape, dtype=np.float32)).to(denoiser.device)
    schedule = denoiser.objective.schedule(num_steps)
    with torch.no_grad():
        latent = follow(denoiser.objective, _guided(denoiser, list(prompts), guidance), noise, schedule)
    return denoiser.codec.decode(latent)


def _guided(denoiser: Denoiser, prompts: list[str], guidance: float) -> Predict:
    """Extrapolate from the answer to no prompt through the answer to the prompt (2207.12598)."""
    empty = [""] * len(prompts)
    text, mask = denoiser.encode_text([*prompts, *empty])

    def predict(x: Tensor, t: float) -> Tensor:
        both = torch.cat([x, x])
        t_B = torch.full((len(both),), t, device=x.device)
        output = denoiser.model(both, t_B, text, mask)
        told, untold = denoiser.objective.to_x0(output, both, t_B).chunk(2)
        return untold + guidance * (told - untold)

    return predict
