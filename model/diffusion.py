"""Diffusion objectives behind one narrow interface: rectified flow and v-prediction.

Convention, stated once: t runs from 0 (clean) to 1 (noise) and x_t = alpha(t) x0 + sigma(t) noise, where
alpha(0) = sigma(1) = 1 and alpha(1) = sigma(0) = 0: at t = 1 nothing of the clip is left (zero terminal SNR,
arXiv 2305.08891), so that sampling starts from what training has seen.
"""

# ruff: noqa: N803 (tensor names carry their shape)

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import ObjectiveConfig

_BETAS = 0.1, 20.0
"""Noise rates at both ends of the `linear` schedule: DDPM's (arXiv 2006.11239) in continuous time."""


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A training pair; tensors are shaped like the latent, `weight` broadcasts against it."""

    x_t: Tensor
    """The corrupted latent that the network sees."""
    target: Tensor
    """What the network is asked for."""
    weight: Tensor
    """Multiplies the squared error."""


def build_objective(config: ObjectiveConfig) -> Objective:
    """Return the objective that a configuration names."""
    return RectifiedFlow(config) if config.kind == "flow" else VPrediction(config)


class Objective(ABC):
    """What training, scoring and sampling need to know of a diffusion process."""

    def __init__(self, config: ObjectiveConfig) -> None:
        self._config = config

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Share of the clean latent at time t."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Share of the noise at time t."""

    @abstractmethod
    def corrupt(self, x0: Tensor, noise: Tensor, t_B: Tensor) -> Noised:
        """Mix latent and noise at each clip's timestep."""

    @abstractmethod
    def to_x0(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        """Read the clean latent out of the network's answer."""

    def timesteps(self, uniform: NDArray[np.float64], num_tokens: int = 0) -> NDArray[np.float32]:
        """Map numbers of (0, 1) to training timesteps, logit-normal and shifted: strata in, strata out.

        `num_tokens` is the clip's, where known; it counts only where the configuration names `shift_tokens`.
        """
        normal = NormalDist()
        z = np.array([normal.inv_cdf(float(u)) for u in uniform.flat]).reshape(uniform.shape)
        t = _shifted(1.0 / (1.0 + np.exp(-self._config.spread * z)), self.shift_for(num_tokens))
        return np.asarray(t, dtype=np.float32)

    def schedule(self, num_steps: int, num_tokens: int = 0) -> list[float]:
        """Return the sampler's `num_steps + 1` timesteps, from 1 down to 0."""
        if num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {num_steps}")
        times = _shifted(np.linspace(1.0, 0.0, num_steps + 1), self.shift_for(num_tokens))
        return [float(t) for t in times]

    def shift_for(self, num_tokens: int) -> float:
        """Scale the shift by the root of the token count (arXiv 2403.03206, section 5.3.2).

        Neighbouring tokens repeat each other, so of a longer or larger clip more is still seen at the same t.
        """
        meant = self._config.shift_tokens
        return self._config.shift * (math.sqrt(num_tokens / meant) if meant and num_tokens else 1.0)


class RectifiedFlow(Objective):
    """Straight paths (arXiv 2209.03003), logit-normal timesteps and a shift (arXiv 2403.03206).

    Losses of both predictions are errors of the velocity dx/dt = noise - x0. `clean` lets the network emit x0 and
    scores the velocity it implies (arXiv 2511.13720): a patch may then hold more numbers than the network is wide,
    since noise need not pass through it.
    """

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t

    def corrupt(self, x0: Tensor, noise: Tensor, t_B: Tensor) -> Noised:
        _check(x0, noise, t_B)
        t = _wide(t_B, x0)
        x_t = (1 - t) * x0 + t * noise
        if self._config.prediction == "clean":
            return Noised(x_t=x_t, target=x0, weight=t.clamp(min=self._config.min_t) ** -2)
        return Noised(x_t=x_t, target=noise - x0, weight=torch.ones_like(t))

    def to_x0(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        return output if self._config.prediction == "clean" else x_t - _wide(t_B, x_t) * output


class VPrediction(Objective):
    """v = alpha noise - sigma x0 on a circle, alpha^2 + sigma^2 = 1 (arXiv 2202.00512, appendix D).

    Where nothing of the clip is left, v is still a question with an answer (-x0); noise would not be.
    """

    def alpha(self, t: Tensor) -> Tensor:
        if self._config.noise_schedule == "cosine":
            return torch.sin(0.5 * math.pi * (1 - t))  # exactly 0 at t = 1, as cos(pi t / 2) is not in floats
        return 1 - _linear_loss(t)

    def sigma(self, t: Tensor) -> Tensor:
        if self._config.noise_schedule == "cosine":
            return torch.sin(0.5 * math.pi * t)
        loss = _linear_loss(t)
        return torch.sqrt(loss * (2 - loss))

    def corrupt(self, x0: Tensor, noise: Tensor, t_B: Tensor) -> Noised:
        _check(x0, noise, t_B)
        t = _wide(t_B, x0)
        alpha, sigma = self.alpha(t), self.sigma(t)
        x_t, v = alpha * x0 + sigma * noise, alpha * noise - sigma * x0
        return Noised(x_t=x_t, target=v, weight=torch.ones_like(t))

    def to_x0(self, output: Tensor, x_t: Tensor, t_B: Tensor) -> Tensor:
        t = _wide(t_B, x_t)
        return self.alpha(t) * x_t - self.sigma(t) * output


def _linear_loss(t: Tensor) -> Tensor:
    """1 - alpha of the linear schedule, rescaled so that it ends at 1 (arXiv 2305.08891, algorithm 1)."""
    low, high = _BETAS
    decay = 0.5 * low * t + 0.25 * (high - low) * t**2  # -log alpha before rescaling
    return torch.expm1(-decay) / math.expm1(-0.25 * (low + high))


def _shifted(t: NDArray[np.float64], shift: float) -> NDArray[np.float64]:
    return shift * t / (1.0 + (shift - 1.0) * t)


def _wide(t_B: Tensor, x: Tensor) -> Tensor:
    return t_B.reshape(-1, *[1] * (x.ndim - 1))


def _check(x0: Tensor, noise: Tensor, t_B: Tensor) -> None:
    if x0.shape != noise.shape or t_B.shape != x0.shape[:1]:
        raise ValueError(
            f"expected noise of shape {tuple(x0.shape)} and {len(x0)} timesteps, got "
            f"{tuple(noise.shape)} and {tuple(t_B.shape)}"
        )
