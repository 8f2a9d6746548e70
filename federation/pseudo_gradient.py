"""The pseudo-gradient of a round and the tensors that the federation's arithmetic works on (DiLoCo, arXiv 2311.08105).

Sign convention, stated here once: a pseudo-gradient is global minus local, `base - end`. It points where a gradient
points, so an outer step subtracts it.

Everything in this package's arithmetic is bit-exact on any IEEE 754 machine: fp32, names in ascending order, one
element-wise ufunc after another. No BLAS, no `np.sum`: their order of additions changes with SIMD width and layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = NDArray[np.float32]
Tensors: TypeAlias = Mapping[str, Tensor]
"""fp32 arrays by parameter name; what we return is always in ascending order of the names (by code point)."""

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


def pseudo_gradient(base: Tensors, end: Tensors) -> dict[str, Tensor]:
    """`base - end`: base is the round's checkpoint, end what the inner steps made of it.

    Raises ValueError when names, shapes or dtypes differ or a difference is not finite.
    """
    require_like(shapes_of(base), end, what="the trained weights")
    with np.errstate(over="ignore", invalid="ignore"):
        difference = {name: base[name] - end[name] for name in sorted(base)}
    require_finite(difference, what="the pseudo-gradient")
    return difference


def shapes_of(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    """Shapes by name in ascending order; raises ValueError at a tensor that is not fp32."""
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise ValueError(f"{name}: expected float32, got {tensor.dtype}; cast it before it enters a round")
    return {name: tensors[name].shape for name in sorted(tensors)}


def require_like(shapes: Shapes, tensors: Tensors, *, what: str) -> None:
    """Raise ValueError, naming the first difference, unless `tensors` has exactly these names and shapes in fp32."""
    got = shapes_of(tensors)
    odd = sorted(set(shapes) ^ set(got))
    if odd:
        side = "misses" if odd[0] in shapes else "has an unexpected"
        raise ValueError(f"{what} {side} tensor {odd[0]!r}: expected {len(shapes)} names, got {len(got)}")
    for name, shape in got.items():
        if shape != tuple(shapes[name]):
            raise ValueError(f"{what}: expected {name} of shape {tuple(shapes[name])}, got {shape}")


def require_finite(tensors: Tensors, *, what: str) -> None:
    """Raise ValueError that names the first tensor holding a NaN or an infinity."""
    for name in sorted(tensors):
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{what}: expected finite values, {name} holds a NaN or an infinity")
