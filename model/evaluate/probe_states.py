"""What a linear probe reads of a scene's state: from a diffusion backbone, from JEPA, from pixels, from random weights.

The state is the first body's place and velocity in the clip's last frame. `tokens` gives the probe every token,
`pooled` their mean alone; pixels go through the same two. R^2 is on scenes that no probe was fitted to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.data.clips import Clips
from model.data.worlds import ATTRIBUTION, Scene, make_scenes, render
from model.denoiser import Denoiser, Prepared
from model.evaluate.probe import probe_r2
from model.evaluate.tracker import Floats
from model.job import DEMO_SHAPE, VideoShape
from model.network.jepa import features
from model.network.tokens import tokens_after

LAWS = ("uniform", "bounce", "gravity")
NOISE = 0.3
"""Timestep at which a diffusion backbone is asked: little noise, as it never saw none."""
_BATCH = 16

Features = Callable[[Sequence[Scene]], Floats]
"""Scenes -> (scenes, tokens, features)."""


@dataclass(frozen=True, kw_only=True)
class ProbeRow:
    """One kind of features."""

    name: str
    """What was probed."""
    view: str
    """`tokens` or `pooled`."""
    num_features: int
    """Numbers that the probe sees of a clip."""
    position: float
    """R^2, mean over x and y."""
    velocity: float
    """R^2, mean over x and y."""


def probe_table(
    kinds: dict[str, Features],
    *,
    num_train: int = 384,
    num_test: int = 128,
    seed: int = 0,
    shape: VideoShape = DEMO_SHAPE,
) -> list[ProbeRow]:
    """Probe every kind of features on the same scenes; the test scenes have a seed of their own."""
    train, test = make_scenes(num_train, seed, shape, LAWS), make_scenes(num_test, seed + 1, shape, LAWS)
    rows = []
    for name, kind in kinds.items():
        left, right = kind(train), kind(test)
        for view, flat in (("tokens", _flat), ("pooled", _pooled)):
            r2 = probe_r2(flat(left), _states(train), flat(right), _states(test))
            rows.append(
                ProbeRow(
                    name=name,
                    view=view,
                    num_features=flat(left).shape[1],
                    position=float(r2[:2].mean()),
                    velocity=float(r2[2:].mean()),
                )
            )
    return rows


def pixels(scenes: Sequence[Scene]) -> Floats:
    """Every frame as one token of its pixels, from 0 to 1."""
    frames = np.stack([render(scene) for scene in scenes]).astype(np.float64) / 255
    return frames.reshape(*frames.shape[:2], -1)


def diffusion_features(denoiser: Denoiser, *, layer: int | None = None, seed: int = 0) -> Features:
    """Tokens after a middle block for a slightly noisy clip and the empty prompt."""
    middle = len(denoiser.model.blocks) // 2 if layer is None else layer

    def find(batch: Prepared) -> torch.Tensor:
        rng = np.random.Generator(np.random.Philox(seed))
        noise = torch.tensor(rng.standard_normal(tuple(batch.latents.shape), dtype=np.float32)).to(denoiser.device)
        times = torch.full((len(batch),), NOISE, device=denoiser.device)
        x_t = denoiser.objective.corrupt(batch.latents, noise, times).x_t
        with torch.no_grad():
            return tokens_after(denoiser.model, middle, x_t, times, batch.text, batch.mask)

    return lambda scenes: _tokens(denoiser, scenes, find)


def jepa_features(denoiser: Denoiser) -> Features:
    """The target encoder's tokens for the whole, clean clip."""
    return lambda scenes: _tokens(denoiser, scenes, lambda batch: features(denoiser.model, batch))


def _tokens(denoiser: Denoiser, scenes: Sequence[Scene], find: Callable[[Prepared], torch.Tensor]) -> Floats:
    parts = []
    for start in range(0, len(scenes), _BATCH):
        frames = np.stack([render(scene) for scene in scenes[start : start + _BATCH]])
        clips = Clips(frames=frames, captions=("",) * len(frames), attributions=(ATTRIBUTION,) * len(frames))
        parts.append(find(denoiser.prepare(clips)).double().cpu().numpy())
    return np.concatenate(parts)


def _states(scenes: Sequence[Scene]) -> Floats:
    """(scenes, 4): place, and velocity in heights a clip."""
    rows = [np.concatenate([s.positions[0, -1], s.velocities[0, -1] * s.span]) for s in scenes]
    return np.stack(rows)


def _flat(tokens: Floats) -> Floats:
    return tokens.reshape(len(tokens), -1)


def _pooled(tokens: Floats) -> Floats:
    return np.asarray(tokens.mean(axis=1))
