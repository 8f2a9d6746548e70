"""Clips that are Gaussian have a known best denoiser and known trajectories: solvers are held against them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from model.config import ObjectiveConfig
from model.diffusion import Objective, build_objective
from model.samplers import SAMPLERS, evaluations, find_sampler

MEAN, SPREAD = 1.5, 0.5
START = torch.tensor([-2.0, -0.5, 0.3, 1.0, 2.5], dtype=torch.float64)
OBJECTIVES = [
    ObjectiveConfig(shift=1.0),
    ObjectiveConfig(kind="v", shift=1.0),
    ObjectiveConfig(kind="v", shift=1.0, noise_schedule="linear"),
]


class Gaussian:
    """Data of N(MEAN, SPREAD^2) under an objective; counts how often it is asked."""

    def __init__(self, config: ObjectiveConfig) -> None:
        self.objective: Objective = build_objective(config)
        self.calls = 0

    def __call__(self, x: Tensor, t: float) -> Tensor:
        self.calls += 1
        alpha, variance = self.at(t)
        return MEAN + alpha * SPREAD**2 / variance * (x - alpha * MEAN)

    def at(self, t: float) -> tuple[Tensor, Tensor]:
        time = torch.tensor(t, dtype=torch.float64)
        alpha, sigma = self.objective.alpha(time), self.objective.sigma(time)
        return alpha, alpha**2 * SPREAD**2 + sigma**2

    def along(self, t: float, start: Tensor) -> Tensor:
        """Where the trajectory from `start` at t = 1 is at t, in closed form."""
        alpha, variance = self.at(t)
        return alpha * MEAN + variance.sqrt() * start

    def solve(self, sampler: str, num_steps: int, start: Tensor = START) -> Tensor:
        return SAMPLERS[sampler](self.objective, self, start, self.objective.schedule(num_steps))

    def error(self, sampler: str, num_steps: int) -> float:
        return float((self.solve(sampler, num_steps) - self.along(0.0, START)).abs().max())


@pytest.mark.parametrize("config", OBJECTIVES, ids=["flow", "v-cosine", "v-linear"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samples_have_the_mean_and_the_spread_of_the_data(sampler: str, config: ObjectiveConfig) -> None:
    noise = torch.randn(4000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean()) / noise.std()
    samples = Gaussian(config).solve(sampler, 200, noise)
    assert [float(samples.mean()), float(samples.std())] == pytest.approx([MEAN, SPREAD], abs=0.02)


@pytest.mark.parametrize("config", OBJECTIVES[:2], ids=["flow", "v-cosine"])
@pytest.mark.parametrize(("sampler", "order"), [("euler", 1), ("heun", 2)])
def test_halving_the_steps_of_a_solver_shows_its_order(sampler: str, order: int, config: ObjectiveConfig) -> None:
    errors = [Gaussian(config).error(sampler, num_steps) for num_steps in (40, 80, 160)]
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders == pytest.approx([order, order], abs=0.06)


def test_dpm_solver_is_of_second_order_in_the_log_of_the_signal_to_noise_ratio() -> None:
    data, errors = Gaussian(ObjectiveConfig()), []
    for num_steps in (40, 80, 160):
        times = (1 / (1 + torch.linspace(-2, 2, num_steps + 1, dtype=torch.float64).exp())).tolist()
        end = SAMPLERS["dpm++"](data.objective, data, data.along(times[0], START), times)
        errors.append(float((end - data.along(times[-1], START)).abs().max()))
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert orders == pytest.approx([2, 2], abs=0.12)


@pytest.mark.parametrize("config", OBJECTIVES, ids=["flow", "v-cosine", "v-linear"])
def test_dpm_solver_is_nearer_than_the_others_for_as_many_evaluations(config: ObjectiveConfig) -> None:
    euler, heun, dpm = (Gaussian(config).error(*run) for run in (("euler", 19), ("heun", 10), ("dpm++", 19)))
    assert dpm < min(heun, euler)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_solver_asks_as_often_as_it_says(sampler: str) -> None:
    data = Gaussian(ObjectiveConfig())
    data.solve(sampler, 7)
    assert data.calls == evaluations(sampler, 7)


@pytest.mark.parametrize("config", [*OBJECTIVES, ObjectiveConfig(kind="v")])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_solvers_are_exact_where_the_clip_is_known(sampler: str, config: ObjectiveConfig, num_steps: int) -> None:
    objective = build_objective(config)
    end = SAMPLERS[sampler](objective, lambda x, t: START.flip(0), START, objective.schedule(num_steps))
    torch.testing.assert_close(end, START.flip(0))


def test_an_unknown_solver_is_refused_with_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown sampler 'ddim'; choose one of euler, heun, dpm\+\+"):
        find_sampler("ddim")
