"""The plausibility preference error: does the denoising loss prefer valid clips to impossible ones?

A violation of expectation as in IntPhys (arXiv 1803.07616), asked of a diffusion model: matched clips (impossible.py)
get the same noise at the same timesteps and the same caption, and the lower mean loss is the preference. No tracker is
needed. The error is the share of matched sets in which the impossible is preferred. A coin has 50 %, and so has every
model that judges frames one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.data.clips import Clips
from model.data.worlds import ATTRIBUTION, LAWS, laws_of
from model.denoiser import Prepared
from model.diffusion import Objective
from model.evaluate.impossible import MATCHED, UNMATCHED, Matched, make_matched
from model.evaluate.intervals import Estimate, share
from model.job import DEMO_SHAPE, VideoShape

STRATA = (np.arange(6) + 0.5) / 6
"""Middles of equal shares of the objective's own timesteps, least noise first."""
_TIE = 1e-5
"""Relative differences of two mean losses this small are rounding: neither is preferred."""


class Scorer(Protocol):
    """What a `Denoiser` is asked here."""

    objective: Objective

    def num_tokens(self, latents: Tensor) -> int:
        """Tokens of each clip of `latents`."""

    def prepare(self, clips: Clips) -> Prepared:
        """Encode clips and captions."""

    def losses(self, batch: Prepared, noise: NDArray[np.float32], t: NDArray[np.float32]) -> Tensor:
        """(clips,) losses at given noise and timesteps."""


@dataclass(frozen=True, kw_only=True)
class PlausibilityResult:
    """How often the impossible is preferred."""

    error: float
    """Share of all sets; 0 is best, 0.5 is a coin."""
    low: float
    """Wilson's interval of 95 %."""
    high: float
    """Wilson's interval of 95 %."""
    num_pairs: int
    """Independent matched sets."""
    by_edit: dict[str, Estimate]
    """The same for each kind of matched edit."""
    unmatched: dict[str, Estimate]
    """For edits that can be told without any law (impossible.UNMATCHED); no part of `error`."""
    by_timestep: dict[str, Estimate]
    """The same when one timestep alone is asked, least noise first."""


def plausibility(
    denoiser: Scorer,
    *,
    num_pairs: int,
    seed: int,
    split: str = "train",
    shape: VideoShape = DEMO_SHAPE,
    laws: Sequence[str] | None = None,
    edits: Sequence[str] = tuple(MATCHED),
    captioned: bool = False,
) -> PlausibilityResult:
    """Return the error over `num_pairs` matched sets that go through `edits` in turn.

    As many sets of each unmatched edit as of a matched one are scored beside. The prompt is empty by default: a
    caption would contradict the valid twin, too (its colour, its direction), and so blur the comparison.
    """
    sets = make_matched(num_pairs, seed=seed, shape=shape, split=split, laws=laws, edits=edits)
    wanted = set(laws_of(split)) & set(LAWS if laws is None else laws)
    for edit in (edit for edit, (_, broken) in UNMATCHED.items() if wanted & set(broken)):
        num = math.ceil(num_pairs / len(edits))
        sets += make_matched(num, seed=seed, shape=shape, split=split, laws=laws, edits=[edit])
    rng = np.random.Generator(np.random.Philox(seed))
    with torch.no_grad():
        rows = [_excess(denoiser, matched, rng, captioned=captioned) for matched in sets]
    excess, times = np.stack([row for row, _ in rows]), rows[0][1]
    return _result(excess, np.array([matched.edit for matched in sets]), times)


def _excess(
    denoiser: Scorer, matched: Matched, rng: np.random.Generator, *, captioned: bool
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(timesteps,) mean loss of the impossible clips over that of the valid ones, less one; and the timesteps."""
    frames = np.stack([*matched.valid, *matched.impossible])
    caption = matched.scene.caption if captioned else ""
    size = len(frames)
    clips = Clips(frames=frames, captions=(caption,) * size, attributions=(ATTRIBUTION,) * size)
    prepared = denoiser.prepare(clips)
    t = denoiser.objective.timesteps(STRATA, denoiser.num_tokens(prepared.latents))
    noise = rng.standard_normal((len(t), *prepared.latents.shape[1:]), dtype=np.float32)
    rows = [
        denoiser.losses(prepared, np.repeat(noise[i : i + 1], size, axis=0), np.full(size, time, np.float32))
        for i, time in enumerate(t)
    ]
    losses = torch.stack(rows).double().cpu().numpy()
    valid, impossible = np.split(losses, 2, axis=1)
    return np.asarray(impossible.mean(axis=1) / valid.mean(axis=1) - 1), t


def _result(excess: NDArray[np.float64], edits: NDArray[np.str_], times: NDArray[np.float32]) -> PlausibilityResult:
    matched = excess[~np.isin(edits, list(UNMATCHED))]
    overall = _preferred(matched.mean(axis=1))
    by_edit = {edit: _preferred(excess[edits == edit].mean(axis=1)) for edit in dict.fromkeys(edits.tolist())}
    return PlausibilityResult(
        error=overall.value,
        low=overall.low,
        high=overall.high,
        num_pairs=overall.num,
        by_edit={edit: estimate for edit, estimate in by_edit.items() if edit in MATCHED},
        unmatched={edit: estimate for edit, estimate in by_edit.items() if edit in UNMATCHED},
        by_timestep={f"{t:.3f}": _preferred(column) for t, column in zip(times, matched.T, strict=True)},
    )


def _preferred(excess: NDArray[np.float64]) -> Estimate:
    """Share of sets whose impossible clips have the lower loss; a tie is half a preference."""
    return share(float((excess < -_TIE).sum() + 0.5 * (np.abs(excess) <= _TIE).sum()), len(excess))
