from __future__ import annotations

import numpy as np
import pytest
import torch

from model.config import ObjectiveConfig
from model.diffusion import Objective, RectifiedFlow, VPrediction, build_objective

X0 = torch.tensor([[2.0, -1.0], [0.5, 3.0]]).reshape(2, 1, 1, 1, 2)
NOISE = torch.tensor([[1.0, 1.0], [-1.0, 0.0]]).reshape(2, 1, 1, 1, 2)
T = torch.tensor([0.25, 0.8])
OBJECTIVES = [
    ObjectiveConfig(),
    ObjectiveConfig(prediction="velocity"),
    ObjectiveConfig(kind="v"),
    ObjectiveConfig(kind="v", noise_schedule="linear"),
]


@pytest.fixture(params=OBJECTIVES, ids=["flow-clean", "flow-velocity", "v-cosine", "v-linear"])
def objective(request: pytest.FixtureRequest) -> Objective:
    return build_objective(request.param)


def test_the_configuration_chooses_the_objective() -> None:
    assert isinstance(build_objective(ObjectiveConfig()), RectifiedFlow)
    assert isinstance(build_objective(ObjectiveConfig(kind="v")), VPrediction)


def test_a_perfect_answer_gives_back_the_clean_latent(objective: Objective) -> None:
    noised = objective.corrupt(X0, NOISE, T)
    torch.testing.assert_close(objective.to_x0(noised.target, noised.x_t, T), X0)


def test_the_corrupted_latent_is_alpha_of_the_clip_and_sigma_of_the_noise(objective: Objective) -> None:
    alpha, sigma = (share(T).reshape(2, 1, 1, 1, 1) for share in (objective.alpha, objective.sigma))
    torch.testing.assert_close(objective.corrupt(X0, NOISE, T).x_t, alpha * X0 + sigma * NOISE)


def test_both_ends_are_exact_so_nothing_of_the_clip_is_left_at_the_end(objective: Objective) -> None:
    ends = torch.tensor([0.0, 1.0])
    assert objective.alpha(ends).tolist() == [1.0, 0.0]
    assert objective.sigma(ends).tolist() == [0.0, 1.0]


def test_the_path_of_the_flow_is_straight() -> None:
    x_t = RectifiedFlow(ObjectiveConfig()).corrupt(X0, NOISE, T).x_t
    torch.testing.assert_close(x_t.flatten(), torch.tensor([1.75, -0.5, -0.7, 0.6]))


def test_both_predictions_of_the_flow_score_the_velocity_where_t_is_above_the_floor() -> None:
    clean, velocity = (RectifiedFlow(ObjectiveConfig(prediction=name, min_t=0.1)) for name in ("clean", "velocity"))
    noised, asked = clean.corrupt(X0, NOISE, T), velocity.corrupt(X0, NOISE, T)
    guess = NOISE - X0 + 0.3
    x0 = velocity.to_x0(guess, asked.x_t, T)
    torch.testing.assert_close(noised.weight * (x0 - noised.target) ** 2, (guess - asked.target) ** 2)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_v_process_stays_on_the_circle_and_only_gets_noisier(schedule: str) -> None:
    process = VPrediction(ObjectiveConfig(kind="v", noise_schedule=schedule))
    t = torch.linspace(0, 1, 101)
    torch.testing.assert_close(process.alpha(t) ** 2 + process.sigma(t) ** 2, torch.ones(101))
    assert (process.alpha(t).diff() < 0).all()


def test_the_cosine_schedule_is_half_and_half_in_the_middle() -> None:
    noised = VPrediction(ObjectiveConfig(kind="v")).corrupt(X0[:1], NOISE[:1], torch.tensor([0.5]))
    torch.testing.assert_close(noised.x_t.flatten(), torch.tensor([3.0, 0.0]) / 2**0.5)
    torch.testing.assert_close(noised.target.flatten(), torch.tensor([-1.0, 2.0]) / 2**0.5)


def test_the_linear_schedule_is_ddpms_moved_down_to_end_at_zero() -> None:
    alpha = VPrediction(ObjectiveConfig(kind="v", noise_schedule="linear")).alpha(torch.tensor([0.5]))
    unscaled, last = np.exp(-0.025 - 0.25 * 19.9 * 0.25), np.exp(-5.025)
    assert float(alpha) == pytest.approx((unscaled - last) / (1 - last), rel=1e-6)


def test_timesteps_of_the_median_follow_the_shift(objective: Objective) -> None:
    assert objective.timesteps(np.array([0.5])).tolist() == pytest.approx([5 / 6])


def test_timesteps_keep_the_order_of_strata_and_stay_inside() -> None:
    t = RectifiedFlow(ObjectiveConfig()).timesteps(np.linspace(0.001, 0.999, 50))
    assert (np.diff(t) > 0).all()
    assert 0 < t[0] < t[-1] < 1


def test_the_shift_grows_with_the_root_of_the_tokens_where_the_configuration_asks() -> None:
    scaled = build_objective(ObjectiveConfig(shift=3.0, shift_tokens=128))
    assert [scaled.shift_for(n) for n in (0, 128, 512, 32)] == [3.0, 3.0, 6.0, 1.5]
    assert build_objective(ObjectiveConfig(shift=3.0)).shift_for(512) == 3.0
    assert scaled.schedule(2, num_tokens=512) == pytest.approx([1, 6 / 7, 0])


def test_a_schedule_runs_from_noise_to_clean() -> None:
    assert RectifiedFlow(ObjectiveConfig(shift=1.0)).schedule(4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert RectifiedFlow(ObjectiveConfig(shift=3.0)).schedule(2) == pytest.approx([1, 0.75, 0])
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        RectifiedFlow(ObjectiveConfig()).schedule(0)


def test_noise_of_another_shape_is_refused(objective: Objective) -> None:
    with pytest.raises(ValueError, match="expected noise of shape"):
        objective.corrupt(X0, NOISE[:1], T)
