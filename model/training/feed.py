"""Sources of clips mixed by weight, one source and so one shape of clip a step.

A batch follows from the plan's seed and the number of steps made, and from nothing else: a resumed run, or one on
another number of processes, meets the same clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.training.sources import Source


@dataclass(frozen=True, kw_only=True)
class Feed:
    """Sources with the weights they are drawn by, one source a step."""

    sources: Sequence[Source]
    """Each with a name of its own."""
    weights: Sequence[float] = (1.0,)
    """A positive number for each source."""

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"expected sources with names of their own, got {names}")
        if len(self.weights) != len(names) or any(weight <= 0 for weight in self.weights):
            raise ValueError(f"expected a positive weight for each of {names}, got {list(self.weights)}")

    def choose(self, seed: int, step: int) -> Source:
        """Return the source of a step."""
        shares = np.cumsum(self.weights) / sum(self.weights)
        place = int(np.searchsorted(shares, generator(seed, step).random(), side="right"))
        return self.sources[min(place, len(self.sources) - 1)]

    def start(self) -> dict[str, int]:
        """Return the positions of a new run."""
        return {source.name: 0 for source in self.sources}

    def check(self, positions: Mapping[str, int]) -> None:
        """Raise ValueError where positions belong to other sources."""
        if positions.keys() != self.start().keys():
            raise ValueError(f"expected a run on the sources {sorted(self.start())}, got {sorted(positions)}")


def generator(*numbers: int) -> np.random.Generator:
    """Return the random numbers that belong to these numbers, the same on every machine."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(list(numbers))))
