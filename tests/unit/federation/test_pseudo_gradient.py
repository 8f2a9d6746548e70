"""Pseudo-gradients: the sign convention and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from federation.pseudo_gradient import pseudo_gradient


def tensor(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_a_pseudo_gradient_is_global_minus_local() -> None:
    difference = pseudo_gradient({"w": tensor(1.0, 2.0)}, {"w": tensor(0.5, 3.0)})

    assert difference["w"].tolist() == [0.5, -1.0]
    assert difference["w"].dtype == np.float32


def test_names_come_back_in_ascending_order() -> None:
    base = {"b": tensor(1.0), "a.weight": tensor(1.0), "a": tensor(1.0)}

    assert list(pseudo_gradient(base, base)) == ["a", "a.weight", "b"]


def test_a_missing_tensor_is_named() -> None:
    with pytest.raises(ValueError, match="misses tensor 'b'"):
        pseudo_gradient({"a": tensor(1.0), "b": tensor(1.0)}, {"a": tensor(1.0)})


def test_an_additional_tensor_is_named() -> None:
    with pytest.raises(ValueError, match="unexpected tensor 'b'"):
        pseudo_gradient({"a": tensor(1.0)}, {"a": tensor(1.0), "b": tensor(1.0)})


def test_other_shapes_are_refused_instead_of_broadcast() -> None:
    with pytest.raises(ValueError, match=r"expected w of shape \(2,\), got \(1,\)"):
        pseudo_gradient({"w": tensor(1.0, 2.0)}, {"w": tensor(1.0)})


def test_float64_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="w: expected float32, got float64"):
        pseudo_gradient({"w": tensor(1.0)}, {"w": np.array([1.0])})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_refused_with_its_tensor_named(value: float) -> None:
    with pytest.raises(ValueError, match="w holds a NaN or an infinity"):
        pseudo_gradient({"w": tensor(1.0, np.inf)}, {"w": tensor(1.0, value)})


def test_a_difference_beyond_fp32_is_refused() -> None:
    with pytest.raises(ValueError, match="w holds a NaN or an infinity"):
        pseudo_gradient({"w": tensor(3e38)}, {"w": tensor(-3e38)})
