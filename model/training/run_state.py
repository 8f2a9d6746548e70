"""Everything that a run needs to go on as if it had never stopped, as deterministic bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig
from model.tensorfile import decode, encode
from model.training.optimizer import Moments
from model.training.plan import FitPlan

FORMAT = "tenwings-run/1"
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run between two steps."""

    config: ModelConfig
    """Of the model."""
    plan: FitPlan
    """Of the run."""
    step: int
    """Steps made."""
    positions: Mapping[str, int]
    """Clips drawn from each source."""
    frozen: Arrays
    """The tensors of the model that adapters are trained beside; empty where the weights themselves train."""
    weights: Arrays
    """The trained tensors."""
    averages: Arrays
    """Their moving average."""
    num_averaged: int
    """Updates of the average."""
    moments: Moments
    """AdamW's."""

    def to_bytes(self) -> bytes:
        """Serialise the state."""
        groups = {
            "frozen": self.frozen,
            "weights": self.weights,
            "averages": self.averages,
            "moments": self.moments.tensors,
        }
        tensors = {f"{group}.{name}": array for group, part in groups.items() for name, array in part.items()}
        counts = {"step": self.step, "num_averaged": self.num_averaged, "moments_step": self.moments.step}
        metadata = {
            "format": FORMAT,
            "config": self.config.to_json(),
            "plan": self.plan.to_json(),
            "counts": json.dumps(counts, sort_keys=True),
            "positions": json.dumps(dict(self.positions), sort_keys=True),
        }
        return encode(tensors, metadata)

    @staticmethod
    def from_bytes(data: bytes) -> RunState:
        """Read `to_bytes` back; cut, damaged or alien bytes raise ValueError."""
        try:
            tensors, metadata = decode(data)
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}")
            counts, positions = (json.loads(metadata[name]) for name in ("counts", "positions"))
            return RunState(
                config=ModelConfig.from_json(metadata["config"]),
                plan=FitPlan.from_json(metadata["plan"]),
                step=int(counts["step"]),
                positions={str(name): int(n) for name, n in positions.items()},
                frozen=_group(tensors, "frozen"),
                weights=_group(tensors, "weights"),
                averages=_group(tensors, "averages"),
                num_averaged=int(counts["num_averaged"]),
                moments=Moments(step=int(counts["moments_step"]), tensors=_group(tensors, "moments")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the state of a training run ({FORMAT}): {error}") from error


def _group(tensors: Arrays, group: str) -> Arrays:
    start = f"{group}."
    return {name.removeprefix(start): array for name, array in tensors.items() if name.startswith(start)}
