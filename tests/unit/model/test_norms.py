from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model.network.norms import Turn, modulated, normed
from tests.support.rotary import rotate


@pytest.fixture(params=[False, True], ids=["eager", "compiled"], autouse=True)
def _compiling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The formulas that a compiler sees hold as well."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: request.param)


def _random(*shape: int, seed: int = 0) -> Tensor:
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return numbers.requires_grad_()


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def _turn() -> Turn:
    angle = _random(5, 1, 4, seed=9).detach()
    return angle.cos(), angle.sin()


def _same(mine: Tensor, other: Tensor, leaves: list[Tensor]) -> None:
    """Value and gradients, the latter of a random weighting."""
    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)
    weights = _random(*mine.shape, seed=7).detach()
    pairs = zip(torch.autograd.grad(mine, leaves, weights), torch.autograd.grad(other, leaves, weights), strict=True)
    for got, wanted in pairs:
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_modulated_norm_and_its_gradient_equal_the_formula(rows: int) -> None:
    x, shift, scale = _random(2, 5, 8), _random(2, rows, 8, seed=1), _random(2, rows, 8, seed=2)
    _same(modulated(x, shift, scale), _unit(x) * (1 + scale) + shift, [x, shift, scale])


def test_a_turned_norm_and_its_gradient_equal_the_formula() -> None:
    x, weight = _random(5, 3, 8), _random(8, seed=1)
    _same(normed(x, weight, _turn()), rotate(_unit(x) * weight, *_turn()), [x, weight])


def test_a_norm_without_a_turn_and_its_gradient_equal_the_formula() -> None:
    x, weight = _random(5, 3, 8), _random(8, seed=1)
    _same(normed(x, weight), _unit(x) * weight, [x, weight])


def test_half_precision_is_normed_in_single() -> None:
    x = (1e4 * _random(5, 3, 8)).detach().to(torch.float16)  # its squares are beyond float16
    got = normed(x, torch.ones(8), _turn())
    assert got.dtype == torch.float16
    torch.testing.assert_close(got.float(), rotate(_unit(x.float()), *_turn()), rtol=2e-3, atol=2e-3)
