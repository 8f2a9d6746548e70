"""The outer step: how the mean of the admitted updates moves the head (SparseLoCo, arXiv 2508.15706)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from federation.pseudo_gradient import Tensor, Tensors, require_finite, require_like, shapes_of

OuterRule: TypeAlias = Callable[[Tensors, Tensors, float], dict[str, Tensor]]
"""(theta, mean update, alpha) -> the next theta."""


def outer_rule(strategy: str) -> OuterRule:
    """The rule that a run spec names; raises ValueError that lists the known names."""
    if strategy not in OUTER_RULES:
        raise ValueError(f"unknown strategy {strategy!r}: the run spec may name {', '.join(sorted(OUTER_RULES))}")
    return OUTER_RULES[strategy]


def outer_step(theta: Tensors, mean_update: Tensors, alpha: float) -> dict[str, Tensor]:
    """theta - alpha * mean_update in new arrays, alpha rounded to fp32 once; error feedback replaces outer momentum.

    Raises ValueError when alpha is not a positive number, tensors do not match or the next theta is not finite.
    """
    step = _positive_fp32(alpha)
    require_like(shapes_of(theta), mean_update, what="the mean update")
    with np.errstate(over="ignore", invalid="ignore"):
        moved = {name: theta[name] - step * mean_update[name] for name in sorted(theta)}
    require_finite(moved, what="the next checkpoint")
    return moved


def _positive_fp32(alpha: float) -> np.float32:
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"expected alpha to be a positive finite number, got {alpha!r}")
    return np.float32(alpha)


OUTER_RULES: Mapping[str, OuterRule] = MappingProxyType({"sparseloco": outer_step})
"""By the name in the run spec."""
