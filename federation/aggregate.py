"""The mean of clipped updates, streamed in ascending account order (norms clipped to the peers' median: Covenant-72B,
arXiv 2603.08163).

Memory does not grow with the number of clients: two passes, one for the norms, one for the sum, an update at a time.
The result is the same bits on every machine. A norm is the square root of the correctly rounded sum of exact squares,
so no order can matter; the mean is fp32 operations in an order fixed by the accounts; adding a sparse update equals
adding its dense form, since adding zero changes nothing (the sum starts at +0 and never becomes -0).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.pseudo_gradient import Shapes, Tensor, Tensors, require_finite
from federation.wire import SparseTensor

Update: TypeAlias = Tensors | Mapping[str, SparseTensor]

_CHUNK = 1 << 16


def aggregate(load: Callable[[str], Update], norms: Mapping[str, float], shapes: Shapes) -> dict[str, Tensor]:
    """The mean of the updates of all accounts in `norms`, each clipped to the median norm.

    `load(account)` returns an update, called once per account in ascending order; `norms` come from `update_norm`.
    Raises ValueError without accounts or when an update does not have these shapes.
    """
    aggregator = MeanAggregator(shapes, limit=median_norm(norms))
    for account in sorted(norms, key=str.lower):
        aggregator.add(account, load(account), norms[account])
    return aggregator.mean()


@dataclass(frozen=True, kw_only=True)
class AggregationRule:
    """How admitted updates become one."""

    rule_id: int
    """By which the chain knows it; never given to another rule."""
    combine: Callable[[Callable[[str], Update], Mapping[str, float], Shapes], dict[str, Tensor]]
    """(load, norms, shapes) -> the update to step by, as `aggregate` takes and gives them."""


AGGREGATION_RULES: Mapping[str, AggregationRule] = MappingProxyType(
    {"clipped-mean": AggregationRule(rule_id=1, combine=aggregate)}
)
"""By the name in the run spec."""


class MeanAggregator:
    """A running sum of updates, each scaled down to a norm of at most `limit`; holds one model's worth of fp32."""

    def __init__(self, shapes: Shapes, *, limit: float) -> None:
        if not (math.isfinite(limit) and limit >= 0):
            raise ValueError(f"expected a finite norm limit of at least 0, got {limit!r}")
        self._limit = limit
        self._sum = {name: np.zeros(shapes[name], np.float32) for name in sorted(shapes)}
        self._last = ""
        self._count = 0

    def add(self, account: str, update: Update, norm: float) -> None:
        """Add an account's update; `norm` is its `update_norm`.

        Raises ValueError when the account is not above the one before (0x addresses compare without case), or when
        names, shapes or dtypes are not the model's; the sum is then as before.
        """
        if account.lower() <= self._last:
            raise ValueError(f"expected accounts in ascending order, got {account} after {self._last}")
        _require_like(self._sum, update, account)
        scale = clip_scale(norm, self._limit)
        with np.errstate(over="ignore", invalid="ignore"):
            for name, total in self._sum.items():
                _add_scaled(total.reshape(-1), update[name], scale)
        self._last = account.lower()
        self._count += 1

    def mean(self) -> dict[str, Tensor]:
        """The sum over the number of updates, new arrays; raises ValueError when none was added or it is not finite."""
        if not self._count:
            raise ValueError("expected at least one admitted update, got none; the round fails and the head stays")
        mean = {name: total / np.float32(self._count) for name, total in self._sum.items()}
        require_finite(mean, what="the mean of the admitted updates")
        return mean


def update_norm(update: Update) -> float:
    """Global L2 norm over all tensors, dense or sparse alike.

    An fp32 number is an integer of 24 bits times a power of two: squares are summed as integers per exponent, in halves
    of 24 bits, and rounded to float64 once. Raises ValueError at a NaN or an infinity.
    """
    halves = np.zeros((2, 256), np.int64)
    for chunk in _nonzero_chunks(update):
        halves += _squares_by_exponent(chunk)
    if halves[:, 255].any():
        raise ValueError("expected a finite update, got a NaN or an infinity; the gate must refuse it")
    low, high = halves.tolist()
    square = sum((low[e] + (high[e] << 24)) << 2 * max(e, 1) for e in range(255))
    return math.sqrt(square / (1 << 300))


def median_norm(norms: Mapping[str, float]) -> float:
    """The lower median, so that raising it takes more than half of the peers; raises ValueError without norms."""
    if not norms:
        raise ValueError("expected the norm of at least one admitted update, got none")
    return statistics.median_low(norms.values())


def clip_scale(norm: float, limit: float) -> np.float32:
    """The factor, at most 1 and rounded towards zero, that brings `norm` down to `limit`."""
    if not (math.isfinite(norm) and norm >= 0):
        raise ValueError(f"expected a finite norm of at least 0, got {norm!r}")
    if norm <= limit:
        return np.float32(1)
    scale = np.float32(limit / norm)
    return scale if float(scale) <= limit / norm else np.nextafter(scale, np.float32(0))


def _nonzero_chunks(update: Update) -> Iterator[Tensor]:
    for part in update.values():
        flat = part.values if isinstance(part, SparseTensor) else part.reshape(-1)
        for start in range(0, len(flat), _CHUNK):
            chunk = flat[start : start + _CHUNK]
            yield chunk[chunk != 0]


def _squares_by_exponent(chunk: Tensor) -> NDArray[np.int64]:
    """Sums of the low and the high 24 bits of the squared significands, (2, 256); float64 holds each sum exactly."""
    bits = chunk.view(np.uint32)
    exponents = (bits >> 23) & np.uint32(0xFF)
    significands = ((bits & np.uint32(0x7FFFFF)) | (exponents > 0) * np.uint32(1 << 23)).astype(np.int64)
    squares = significands * significands
    halves = (squares & 0xFFFFFF, squares >> 24)
    return np.stack([np.bincount(exponents, half, minlength=256).astype(np.int64) for half in halves])


def _require_like(total: Tensors, update: Update, account: str) -> None:
    if update.keys() != total.keys():
        odd = min(update.keys() ^ total.keys())
        raise ValueError(f"the update of {account} and the model differ in the tensor {odd!r}")
    for name, part in update.items():
        dtype = part.values.dtype if isinstance(part, SparseTensor) else part.dtype
        if dtype != np.float32 or part.shape != total[name].shape:
            raise ValueError(
                f"{name} of {account}: expected float32 of shape {total[name].shape}, got {dtype} of {part.shape}"
            )


def _add_scaled(total: Tensor, part: Tensor | SparseTensor, scale: np.float32) -> None:
    """total += scale * part, chunk by chunk so that the product stays in the cache."""
    if isinstance(part, SparseTensor):
        total[part.indices] += scale * part.values
        return
    flat = part.reshape(-1)
    product = np.empty(min(_CHUNK, len(flat)), np.float32)
    for start in range(0, len(flat), _CHUNK):
        window = total[start : start + _CHUNK]
        scaled = np.multiply(flat[start : start + _CHUNK], scale, out=product[: len(window)])
        window += scaled
