"""The first weights of a run, from a seed alone: the same bytes on every machine, without torch.

Matrices are Xavier-uniform (Glorot & Bengio 2010) from a counter-based generator, so only exact IEEE
operations are used and anyone can recompute a run's genesis. Everything that opens a residual branch
(adaLN tables and projection, cross-attention output) and the last layer start at zero: a new model is
the identity between its blocks and answers zero (adaLN-zero, arXiv 2212.09748).
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig
from model.shapes import tensor_shapes

_ZERO = ("modulation.weight", "table", "cross.out.weight", "final.patch_out.weight")
_ONE = ("query_norm", "key_norm")


def genesis(config: ModelConfig, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return the initial tensors by name."""
    shapes = tensor_shapes(config)
    return {name: _initial(name, shape, seed) for name, shape in shapes.items()}


def _initial(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    if name.endswith(_ONE):
        return np.ones(shape, np.float32)
    if name.endswith((*_ZERO, ".bias")):
        return np.zeros(shape, np.float32)
    bound = math.sqrt(6.0 / (_fan_out(name, shape) + shape[1]))
    uniform = _generator(name, seed).random(shape)
    return ((2.0 * uniform - 1.0) * bound).astype(np.float32)


def _fan_out(name: str, shape: tuple[int, ...]) -> int:
    """Outputs of one of the matrices that a fused matrix holds."""
    parts = {"qkv.weight": 3, "key_value.weight": 2}
    return shape[0] // next((n for end, n in parts.items() if name.endswith(end)), 1)


def _generator(name: str, seed: int) -> np.random.Generator:
    key = hashlib.sha256(f"ten wings genesis {seed} {name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))
