from __future__ import annotations

import numpy as np
import pytest
import torch

from model.config import ObjectiveConfig
from model.diffusion import RectifiedFlow, euler, heun

X0 = torch.tensor([[2.0, -1.0], [0.5, 3.0]]).reshape(2, 1, 1, 1, 2)
NOISE = torch.tensor([[1.0, 1.0], [-1.0, 0.0]]).reshape(2, 1, 1, 1, 2)
T = torch.tensor([0.25, 0.8])


@pytest.mark.parametrize("prediction", ["clean", "velocity"])
def test_a_perfect_answer_gives_back_the_clean_latent_and_the_velocity(prediction: str) -> None:
    flow = RectifiedFlow(ObjectiveConfig(prediction=prediction))
    noised = flow.corrupt(X0, NOISE, T)
    torch.testing.assert_close(flow.to_x0(noised.target, noised.x_t, T), X0)
    torch.testing.assert_close(flow.velocity(noised.target, noised.x_t, T), NOISE - X0)


def test_the_path_is_straight() -> None:
    x_t = RectifiedFlow(ObjectiveConfig()).corrupt(X0, NOISE, T).x_t
    torch.testing.assert_close(x_t.flatten(), torch.tensor([1.75, -0.5, -0.7, 0.6]))


def test_both_predictions_score_the_velocity_where_t_is_above_the_floor() -> None:
    clean = RectifiedFlow(ObjectiveConfig(prediction="clean", min_t=0.1))
    noised = clean.corrupt(X0, NOISE, T)
    guess = X0 + 0.3
    implied = clean.velocity(guess, noised.x_t, T)
    error = noised.weight * (guess - noised.target) ** 2
    torch.testing.assert_close(error, (implied - (NOISE - X0)) ** 2)


def test_timesteps_of_the_median_follow_the_shift() -> None:
    flow = RectifiedFlow(ObjectiveConfig(shift=3.0))
    assert flow.timesteps(np.array([0.5])).tolist() == pytest.approx([0.75])


def test_timesteps_keep_the_order_of_strata_and_stay_inside() -> None:
    t = RectifiedFlow(ObjectiveConfig()).timesteps(np.linspace(0.001, 0.999, 50))
    assert (np.diff(t) > 0).all()
    assert 0 < t[0] < t[-1] < 1


def test_a_schedule_runs_from_noise_to_clean() -> None:
    assert RectifiedFlow(ObjectiveConfig(shift=1.0)).schedule(4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert RectifiedFlow(ObjectiveConfig(shift=3.0)).schedule(2) == pytest.approx([1, 0.75, 0])
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        RectifiedFlow(ObjectiveConfig()).schedule(0)


@pytest.mark.parametrize("sampler", [euler, heun])
def test_samplers_are_exact_on_a_straight_path(sampler: type) -> None:
    out = sampler(lambda x, t: NOISE - X0, NOISE, [1.0, 0.6, 0.0])  # type: ignore[call-arg]
    torch.testing.assert_close(out, X0)


def test_heun_is_nearer_than_euler_on_a_curve() -> None:
    def velocity(x: torch.Tensor, t: float) -> torch.Tensor:
        return x

    start, exact = torch.ones(1), float(np.exp(-1))
    steps = [1.0, 0.75, 0.5, 0.25, 0.0]
    errors = [abs(float(sampler(velocity, start, steps)) - exact) for sampler in (euler, heun)]
    assert errors[1] < errors[0] / 3


def test_noise_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected noise of shape"):
        RectifiedFlow(ObjectiveConfig()).corrupt(X0, NOISE[:1], T)
