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
from model.diffusion import Velocity, euler, heun
from model.job import DEMO_SHAPE, VideoShape

SAMPLERS = {"euler": euler, "heun": heun}


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
    if sampler not in SAMPLERS:
        raise ValueError(f"unknown sampler {sampler!r}; choose one of {', '.join(SAMPLERS)}")
    latent_shape = (len(prompts), *denoiser.codec.latent_shape(shape))
    rng = np.random.Generator(np.random.Philox(seed))
    noise = torch.tensor(rng.standard_normal(latent_shape, dtype=np.float32)).to(denoiser.device)
    schedule = denoiser.objective.schedule(num_steps)
    with torch.no_grad():
        latent = SAMPLERS[sampler](_guided(denoiser, list(prompts), guidance), noise, schedule)
    return denoiser.codec.decode(latent)


def _guided(denoiser: Denoiser, prompts: list[str], guidance: float) -> Velocity:
    """Extrapolate from the answer to no prompt through the answer to the prompt (2207.12598)."""
    empty = [""] * len(prompts)
    text, mask = denoiser.encode_text([*prompts, *empty])

    def velocity(x: Tensor, t: float) -> Tensor:
        both = torch.cat([x, x])
        t_B = torch.full((len(both),), t, device=x.device)
        output = denoiser.model(both, t_B, text, mask)
        told, untold = denoiser.objective.velocity(output, both, t_B).chunk(2)
        return untold + guidance * (told - untold)

    return velocity
