"""Exponential moving average of the weights (Polyak & Juditsky 1992): what one samples from and scores.

The decay warms up as (1 + n) / (10 + n), so that the first steps do not hold the average at the initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class Ema:
    """A float32 copy of named parameters that follows them."""

    def __init__(self, parameters: Mapping[str, Tensor], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema decay must be inside [0, 1), got {decay}")
        self.decay = decay
        self.num_updates = 0
        self._live = dict(parameters)
        self.averages = {name: p.detach().clone() for name, p in parameters.items()}

    def update(self) -> None:
        """Move the average towards the parameters as they are now."""
        rate = 1.0 - min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        live = [self._live[name].detach() for name in self.averages]
        torch._foreach_lerp_(list(self.averages.values()), live, rate)
        self.num_updates += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages into the model for as long as the context lasts: to score them."""
        kept = {name: p.detach().clone() for name, p in self._live.items()}
        self._copy(self.averages)
        try:
            yield
        finally:
            self._copy(kept)

    def _copy(self, tensors: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._live.items():
                parameter.copy_(tensors[name])
