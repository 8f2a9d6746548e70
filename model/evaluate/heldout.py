"""Held-out loss on fixed draws, and losses of several checkpoints paired draw by draw.

A draw is (clip, timestep, noise). Draws depend on the seed alone, so two checkpoints scored with one
seed meet the same problems and their difference is free of the draws' own scatter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.checkpoint import load_model
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class PairedLosses:
    """Losses of a base and of candidates on common draws."""

    base: NDArray[np.float64]
    """(draws,); draws of one clip are neighbours."""
    candidates: NDArray[np.float64]
    """(candidates, draws)."""


def heldout_loss(checkpoint: bytes, clips: Clips, *, seed: int, num_draws: int = 4, device: str = "cpu") -> float:
    """Return the mean loss of a checkpoint over `num_draws` stratified draws a clip."""
    return float(_draw_losses(checkpoint, clips, seed, num_draws, device).mean())


def paired_losses(
    base: bytes,
    candidates: Sequence[bytes],
    clips: Clips,
    *,
    seed: int,
    num_draws: int = 4,
    device: str = "cpu",
) -> PairedLosses:
    """Score every checkpoint on the same draws, fixed by `seed`."""
    rows = [_draw_losses(data, clips, seed, num_draws, device) for data in candidates]
    num = len(clips) * num_draws
    return PairedLosses(
        base=_draw_losses(base, clips, seed, num_draws, device),
        candidates=np.array(rows, dtype=np.float64).reshape(len(rows), num),
    )


def heldout_loss_of(denoiser: Denoiser, prepared: Prepared, *, seed: int, num_draws: int = 2) -> float:
    """Score a model that is already loaded."""
    return float(_prepared_losses(denoiser, prepared, seed, num_draws).mean())


def _draw_losses(checkpoint: bytes, clips: Clips, seed: int, num_draws: int, device: str) -> NDArray[np.float64]:
    denoiser = Denoiser(load_model(checkpoint, device))
    return _prepared_losses(denoiser, denoiser.prepare(clips), seed, num_draws)


def _prepared_losses(denoiser: Denoiser, prepared: Prepared, seed: int, num_draws: int) -> NDArray[np.float64]:
    if num_draws < 1:
        raise ValueError(f"num_draws must be at least 1, got {num_draws}")
    rng = np.random.Generator(np.random.Philox(seed))
    strata = _strata(len(prepared), num_draws, rng)
    t = denoiser.objective.timesteps(strata).reshape(-1)
    parts = []
    with torch.no_grad():
        for rows in _chunks(len(prepared) * num_draws):
            shape = (len(rows), *prepared.latents.shape[1:])
            noise = rng.standard_normal(shape, dtype=np.float32)
            batch = prepared.take(rows // num_draws)
            parts.append(denoiser.losses(batch, noise, t[rows]).double().cpu().numpy())
    return np.concatenate(parts)


def _strata(num_clips: int, num_draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(clips, draws) numbers of (0, 1): one in each of `num_draws` equal parts, for every clip."""
    jitter = rng.random((num_clips, num_draws))
    return np.clip((np.arange(num_draws) + jitter) / num_draws, 1e-6, 1 - 1e-6)


def _chunks(total: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, total, _BATCH):
        yield np.arange(start, min(start + _BATCH, total))
