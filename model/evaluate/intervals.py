"""How sure a score is: Wilson's interval of a share, the bootstrap interval of a mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054
"""Standard normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval of 95 %."""

    value: float
    """The estimate itself; NaN where nothing was measured."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""
    num: int
    """Independent measurements behind it."""


def share(hits: float, num: int) -> Estimate:
    """Return `hits` of `num` with Wilson's interval (J. Am. Stat. Assoc. 22, 1927); a tie may count as half a hit."""
    if not 0 <= hits <= num:
        raise ValueError(f"expected 0 to {num} hits, got {hits}")
    if num == 0:
        return Estimate(value=math.nan, low=0.0, high=1.0, num=0)
    p, square = hits / num, _Z**2
    centre = (p + square / (2 * num)) / (1 + square / num)
    half = _Z / (1 + square / num) * math.sqrt(p * (1 - p) / num + square / (4 * num**2))
    return Estimate(value=p, low=max(0.0, centre - half), high=min(1.0, centre + half), num=num)


def mean(values: NDArray[np.float64], *, seed: int = 0, num_resamples: int = 1000) -> Estimate:
    """Return the mean of `values` (num,) with the percentile bootstrap's interval; NaN entries are left out."""
    kept = values[np.isfinite(values)]
    if not len(kept):
        return Estimate(value=math.nan, low=math.nan, high=math.nan, num=0)
    rng = np.random.Generator(np.random.Philox(seed))
    means = kept[rng.integers(len(kept), size=(num_resamples, len(kept)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(value=float(kept.mean()), low=float(low), high=float(high), num=len(kept))
