"""Solvers of the probability-flow equation: from noise to a clean latent.

All of them see the network as x0(x, t) and a process as alpha(t), sigma(t) (see diffusion.py), so each works for every
objective. A trajectory obeys dx = x0 d(alpha) + noise d(sigma); no derivative of alpha or sigma is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

Predict = Callable[[Tensor, float], Tensor]
"""(x_t, t) -> the clean latent that the network sees in x_t."""


class Process(Protocol):
    """The part of an objective that a solver needs."""

    def alpha(self, t: Tensor) -> Tensor:
        """Share of the clean latent at time t."""

    def sigma(self, t: Tensor) -> Tensor:
        """Share of the noise at time t."""


class Sampler(Protocol):
    """Follows `times` from 1 down to 0."""

    def __call__(self, process: Process, predict: Predict, noise: Tensor, times: list[float]) -> Tensor:
        """Return the clean latent that `noise` leads to."""


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A timestep of the schedule."""

    t: float
    alpha: float
    sigma: float


def euler(process: Process, predict: Predict, noise: Tensor, times: list[float]) -> Tensor:
    """First order, one evaluation a step; DDIM (arXiv 2010.02502) for any process, Euler's rule on straight paths."""
    x = noise
    for here, there in _steps(process, times):
        x0 = predict(x, here.t)
        x = there.alpha * x0 + there.sigma * _noise(x, x0, here)
    return x


def heun(process: Process, predict: Predict, noise: Tensor, times: list[float]) -> Tensor:
    """Second order by the trapezoidal rule (arXiv 2206.00364), two evaluations a step but the last."""
    x = noise
    for here, there in _steps(process, times):
        x0 = predict(x, here.t)
        eps = _noise(x, x0, here)
        ahead = there.alpha * x0 + there.sigma * eps
        if there.sigma > 0:
            x0_there = predict(ahead, there.t)
            eps_there = _noise(ahead, x0_there, there)
            ahead = (
                x
                + (there.alpha - here.alpha) / 2 * (x0 + x0_there)
                + (there.sigma - here.sigma) / 2 * (eps + eps_there)
            )
        x = ahead
    return x


def dpm_solver(process: Process, predict: Predict, noise: Tensor, times: list[float]) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095): second order from one evaluation a step and the one before.

    It extrapolates x0 along half the log SNR, which is infinite at both ends: there a step is of first order.
    """
    x, x0_before, before = noise, noise, None
    for here, there in _steps(process, times):
        x0 = predict(x, here.t)
        ahead = x0
        if before is not None and before.alpha > 0 and there.sigma > 0:
            ratio = _half_log_snr(before, here) / _half_log_snr(here, there)
            ahead = x0 + (x0 - x0_before) / (2 * ratio)
        x = there.sigma / here.sigma * x + (there.alpha - here.alpha * there.sigma / here.sigma) * ahead
        x0_before, before = x0, here
    return x


SAMPLERS: dict[str, Sampler] = {"euler": euler, "heun": heun, "dpm++": dpm_solver}


def find_sampler(name: str) -> Sampler:
    """Return the solver called `name`; an unknown one raises ValueError with the known."""
    if name not in SAMPLERS:
        raise ValueError(f"unknown sampler {name!r}; choose one of {', '.join(SAMPLERS)}")
    return SAMPLERS[name]


def evaluations(name: str, num_steps: int) -> int:
    """Count a sampler's calls of `predict`."""
    return 2 * num_steps - 1 if name == "heun" else num_steps


def _steps(process: Process, times: list[float]) -> list[tuple[_Node, _Node]]:
    t = torch.tensor(times, dtype=torch.float64)
    shares = zip(times, process.alpha(t).tolist(), process.sigma(t).tolist(), strict=True)
    return list(pairwise(_Node(t=time, alpha=alpha, sigma=sigma) for time, alpha, sigma in shares))


def _noise(x: Tensor, x0: Tensor, at: _Node) -> Tensor:
    """The noise that x is made of, if x0 is right."""
    return (x - at.alpha * x0) / at.sigma


def _half_log_snr(start: _Node, end: _Node) -> float:
    """How far log(alpha / sigma) climbs between two timesteps."""
    return math.log(end.alpha * start.sigma / (start.alpha * end.sigma))
