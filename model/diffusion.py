"""Rectified flow (arXiv 2209.03003) behind a narrow objective, and its samplers.

Convention, stated once: t runs from 0 (clean) to 1 (noise), x_t = (1 - t) x0 + t noise, and the flow's
velocity is dx/dt = noise - x0. Losses of both predictions are errors of that velocity.
"""

# ruff: noqa: N803 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import ObjectiveConfig


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A training pair; tensors are shaped like the latent, `weight` broadcasts against it."""

    x_t: Tensor
    """The corrupted latent that the network sees."""
    target: Tensor
    """What the network is asked for."""
    weight: Tensor
    """Multiplies the squared error."""


class Objective(Protocol):
    """What training, scoring and sampling need to know of a diffusion process."""

    def timesteps(self, uniform: NDArray[np.float64]) -> NDArray[np.float32]:
        """Map numbers of (0, 1) to training timesteps: strata in, strata out."""

    def corrupt(self, x0: Tensor, noise: Tensor, t_B: Tensor) -> Noised:
        """Mix latent and noise at each clip's timestep."""

    def to_x0(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        """Read the clean latent out of the network's answer."""

    def velocity(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        """Read dx/dt out of the network's answer."""

    def schedule(self, num_steps: int) -> list[float]:
        """Return the sampler's `num_steps + 1` timesteps, from 1 down to 0."""


class RectifiedFlow:
    """Straight paths, logit-normal timesteps and a shift (arXiv 2403.03206).

    `clean` lets the network emit x0 and scores the velocity it implies (arXiv 2511.13720): a patch may
    then hold more numbers than the network is wide, since noise need not pass through it.
    """

    def __init__(self, config: ObjectiveConfig) -> None:
        self._clean = config.prediction == "clean"
        self._shift = config.shift
        self._spread = config.spread
        self._min_t = config.min_t

    def timesteps(self, uniform: NDArray[np.float64]) -> NDArray[np.float32]:
        normal = NormalDist()
        z = np.array([normal.inv_cdf(float(u)) for u in uniform.flat]).reshape(uniform.shape)
        t = self._shifted(1.0 / (1.0 + np.exp(-self._spread * z)))
        return np.asarray(t, dtype=np.float32)

    def corrupt(self, x0: Tensor, noise: Tensor, t_B: Tensor) -> Noised:
        _check(x0, noise, t_B)
        t = _wide(t_B, x0)
        x_t = (1 - t) * x0 + t * noise
        if self._clean:
            return Noised(x_t=x_t, target=x0, weight=t.clamp(min=self._min_t) ** -2)
        return Noised(x_t=x_t, target=noise - x0, weight=torch.ones_like(t))

    def to_x0(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        return output if self._clean else x_t - _wide(t_B, x_t) * output

    def velocity(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        if not self._clean:
            return output
        return (x_t - output) / _wide(t_B, x_t).clamp(min=1e-3)

    def schedule(self, num_steps: int) -> list[float]:
        if num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {num_steps}")
        times = self._shifted(np.linspace(1.0, 0.0, num_steps + 1))
        return [float(t) for t in times]

    def _shifted(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._shift * t / (1.0 + (self._shift - 1.0) * t)


Velocity = Callable[[Tensor, float], Tensor]
"""(x_t, t) -> dx/dt."""


def euler(velocity: Velocity, noise: Tensor, schedule: list[float]) -> Tensor:
    """Follow the flow from noise to a clean latent, one evaluation a step."""
    x = noise
    for t, after in pairwise(schedule):
        x = x + (after - t) * velocity(x, t)
    return x


def heun(velocity: Velocity, noise: Tensor, schedule: list[float]) -> Tensor:
    """Second-order steps (arXiv 2206.00364), two evaluations each but the last."""
    x = noise
    for t, after in pairwise(schedule):
        slope = velocity(x, t)
        ahead = x + (after - t) * slope
        if after > 0:
            slope = (slope + velocity(ahead, after)) / 2
        x = x + (after - t) * slope
    return x


def _wide(t_B: Tensor, x: Tensor) -> Tensor:
    return t_B.reshape(-1, *[1] * (x.ndim - 1))


def _check(x0: Tensor, noise: Tensor, t_B: Tensor) -> None:
    if x0.shape != noise.shape or t_B.shape != x0.shape[:1]:
        raise ValueError(
            f"expected noise of shape {tuple(x0.shape)} and {len(x0)} timesteps, got "
            f"{tuple(noise.shape)} and {tuple(t_B.shape)}"
        )
