"""The outer step and the registry of strategies."""

from __future__ import annotations

import numpy as np
import pytest

from federation.outer import outer_rule, outer_step
from federation.pseudo_gradient import pseudo_gradient


def tensor(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_step_subtracts_alpha_times_the_mean() -> None:
    theta = {"w": tensor(1.0, -2.0)}

    assert outer_step(theta, {"w": tensor(4.0, 8.0)}, 0.5)["w"].tolist() == [-1.0, -6.0]
    assert theta["w"].tolist() == [1.0, -2.0]


def test_each_operation_is_rounded_to_fp32() -> None:
    # 0.65 is 0.64999998 in fp32; its product with 3 rounds to 1.9499999, and 1 minus that is exact.
    moved = outer_step({"w": tensor(1.0)}, {"w": tensor(3.0)}, 0.65)

    assert moved["w"].tobytes() == np.array([-0.949999928474426269531250], np.float32).tobytes()


def test_a_full_step_along_a_lone_pseudo_gradient_arrives_at_the_trained_weights() -> None:
    base, end = {"w": tensor(1.0, 0.5)}, {"w": tensor(0.75, 0.625)}

    assert outer_step(base, pseudo_gradient(base, end), 1.0)["w"].tolist() == [0.75, 0.625]


def test_the_run_spec_can_name_sparseloco() -> None:
    assert outer_rule("sparseloco") is outer_step


def test_an_unknown_strategy_is_refused_with_the_known_listed() -> None:
    with pytest.raises(ValueError, match=r"unknown strategy 'adam'.*sparseloco"):
        outer_rule("adam")


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_an_alpha_that_is_no_positive_number_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        outer_step({"w": tensor(1.0)}, {"w": tensor(1.0)}, alpha)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mean_that_is_not_finite_moves_nothing(value: float) -> None:
    with pytest.raises(ValueError, match="the next checkpoint"):
        outer_step({"w": tensor(1.0)}, {"w": tensor(value)}, 1.0)


def test_a_mean_of_other_tensors_is_refused() -> None:
    with pytest.raises(ValueError, match="the mean update misses tensor 'w'"):
        outer_step({"w": tensor(1.0)}, {}, 1.0)
