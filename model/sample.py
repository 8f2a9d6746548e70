"""From a prompt, and whatever is given of the clip, to a video: the process followed backwards under guidance.

    video = sample(checkpoint, "a red ball bounces", seed=3)
    video = sample(checkpoint, "a red ball bounces", seed=3, task="predict", given=frames)
    chunks = extend(denoiser, "a red ball bounces", seed=3, num_frames=480)  # model.extend: any length

Equal seeds give equal bits on one machine. A prompt's noise depends on the seed and its place among the prompts, not
on how many follow it.
"""

# ruff: noqa: N803, N806 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.checkpoint import load_model
from model.denoiser import Denoiser
from model.given import Frames, Given, encode_given, place
from model.job import DEMO_SHAPE, VideoShape
from model.masks import latent_given, require_seen
from model.samplers import Predict, find_sampler


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How noise becomes a clip."""

    num_steps: int = 24
    """Steps of the solver."""
    sampler: str = "euler"
    """One of samplers.SAMPLERS."""
    guidance: float = 1.5
    """Classifier-free guidance scale (arXiv 2207.12598); 1 means none and halves the work."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Times (low, high) between which guidance acts (arXiv 2404.07724); 1 is noise."""
    negative: str = ""
    """Prompt that guidance leads away from; the empty one is no prompt."""

    def __post_init__(self) -> None:
        find_sampler(self.sampler)
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")
        if not np.isfinite(self.guidance) or self.guidance < 0:
            raise ValueError(f"guidance must be a number of at least 0, got {self.guidance}")
        if not 0 <= self.interval[0] < self.interval[1] <= 1:
            raise ValueError(f"guidance interval must be (low, high) inside 0 to 1, got {self.interval}")


def sample(
    checkpoint: bytes,
    prompt: str,
    *,
    seed: int,
    task: str = "unconditional",
    given: Frames | None = None,
    at: Sequence[int] = (),
    box: tuple[int, int, int, int] | None = None,
    num_frames: int = DEMO_SHAPE.num_frames,
    height: int = DEMO_SHAPE.height,
    width: int = DEMO_SHAPE.width,
    num_steps: int = Recipe.num_steps,
    sampler: str = Recipe.sampler,
    guidance: float = Recipe.guidance,
    interval: tuple[float, float] = Recipe.interval,
    negative: str = Recipe.negative,
    device: str = "cpu",
) -> Frames:
    """Return one video, uint8 (num_frames, height, width, 3).

    `given`, (G, height, width, 3), `at` and `box` are what `task` needs; see given.place. Given pixels come out
    unchanged. Raises ValueError for a clip that does not fit the codec or a task that does not fit the clip, and
    PartMissing where the checkpoint's codec or text encoder is not on this machine.
    """
    shape = VideoShape(num_frames=num_frames, height=height, width=width)
    recipe = Recipe(num_steps=num_steps, sampler=sampler, guidance=guidance, interval=interval, negative=negative)
    denoiser = Denoiser(load_model(checkpoint, device))
    known = place(task, given, shape, time_factor=denoiser.codec.time_factor, at=at, box=box)
    (video,) = sample_clips(denoiser, [prompt], generator(seed), shape, known, recipe)
    result: Frames = video
    return result


def sample_many(
    denoiser: Denoiser,
    prompts: Sequence[str],
    *,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    given: Given | None = None,
    num_steps: int = Recipe.num_steps,
    sampler: str = Recipe.sampler,
    guidance: float = Recipe.guidance,
    interval: tuple[float, float] = Recipe.interval,
    negative: str = Recipe.negative,
) -> Frames:
    """Return one video a prompt, uint8 (prompts, T, H, W, 3); given pixels come out unchanged."""
    recipe = Recipe(num_steps=num_steps, sampler=sampler, guidance=guidance, interval=interval, negative=negative)
    return sample_clips(denoiser, prompts, generator(seed), shape, given, recipe)


def sample_clips(
    denoiser: Denoiser,
    prompts: Sequence[str],
    rng: np.random.Generator,
    shape: VideoShape,
    given: Given | None,
    recipe: Recipe,
) -> Frames:
    """Like `sample_many`, with noise from a generator that may go on."""
    if not prompts:
        raise ValueError("expected at least one prompt, got none")
    known = None if given is None else given.repeated(len(prompts))
    if known is not None and known.mask.shape != (shape.num_frames, shape.height, shape.width):
        raise ValueError(f"given frames must fit a clip of {shape}, got {known.mask.shape}")
    latent_shape = (len(prompts), *denoiser.codec.latent_shape(shape))
    noise = torch.tensor(rng.standard_normal(latent_shape, dtype=np.float32)).to(denoiser.device)
    with torch.no_grad():
        clean, given_BTHW = _known(denoiser, known, noise)
        predict = predictor(denoiser, list(prompts), recipe, clean, given_BTHW)
        times = denoiser.objective.schedule(recipe.num_steps, denoiser.num_tokens(noise))
        latent = find_sampler(recipe.sampler)(denoiser.objective, predict, noise, times)
        videos = denoiser.codec.decode(_with(latent, clean, given_BTHW))
    return videos if known is None else known.paste(videos)


def generator(seed: int) -> np.random.Generator:
    """Return the source of a video's noise."""
    return np.random.Generator(np.random.Philox(seed))


def _known(denoiser: Denoiser, given: Given | None, noise: Tensor) -> tuple[Tensor, Tensor | None]:
    """Latents that hold what is given, and which cells those are."""
    if given is None:
        return noise, None
    _, _, time, height, width = noise.shape
    factor, patch = denoiser.codec.time_factor, denoiser.model.config.patch
    cells = latent_given(given.mask, (time, height, width), factor, patch=patch)
    require_seen(given.mask, cells, factor, patch[0])
    clean = encode_given(denoiser.codec, given.frames, given.mask).to(denoiser.device)
    return clean, torch.tensor(cells).to(denoiser.device).expand(len(noise), -1, -1, -1)


def predictor(
    denoiser: Denoiser, prompts: list[str], recipe: Recipe, clean: Tensor, given_BTHW: Tensor | None
) -> Predict:
    """Return what a solver follows: from the answer to the negative prompt on through the answer to the prompt.

    `clean` holds the given cells of `given_BTHW`, and may hold anything elsewhere.
    """
    text, mask = denoiser.encode_text([*prompts, *[recipe.negative] * len(prompts)])
    low, high = recipe.interval

    def predict(x: Tensor, t: float) -> Tensor:
        x = _with(x, clean, given_BTHW)
        copies = 2 if recipe.guidance != 1 and low <= t <= high else 1
        num, x = copies * len(x), x.repeat(copies, 1, 1, 1, 1)
        given = None if given_BTHW is None else given_BTHW.repeat(copies, 1, 1, 1)
        t_B = torch.full((num,), t, device=x.device)
        output = denoiser.model(x, t_B, text[:num], mask[:num], given)
        told, *untold = denoiser.objective.to_x0(output, x, t_B).chunk(copies)
        return untold[0] + recipe.guidance * (told - untold[0]) if untold else told

    return predict


def _with(latent: Tensor, clean: Tensor, given_BTHW: Tensor | None) -> Tensor:
    return latent if given_BTHW is None else torch.where(given_BTHW[:, None], clean, latent)
