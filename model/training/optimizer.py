"""AdamW (arXiv 1711.05101) whose moments a node keeps between rounds, as deterministic bytes.

The moments never leave the node: they let a trainer resume exactly, and spare each round the first
steps in which a fresh AdamW only learns the gradient's scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.job import TrainJob
from model.tensorfile import decode, encode
from model.training.parallel import like, whole

FORMAT = "tenwings-optimizer/1"
_MOMENTS = ("exp_avg", "exp_avg_sq")
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """AdamW's state, taken out of torch."""

    step: int
    """Steps that made it."""
    tensors: Arrays
    """First and second moments, `exp_avg.` or `exp_avg_sq.` before the parameter's name."""


def build_optimizer(module: nn.Module, job: TrainJob) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only."""
    matrices = [p for p in module.parameters() if p.ndim >= 2]
    others = [p for p in module.parameters() if p.ndim < 2]
    groups = [
        {"params": params, "weight_decay": decay}
        for params, decay in ((matrices, job.weight_decay), (others, 0.0))
        if params
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, betas=job.betas, foreach=True)


def moments_of(module: nn.Module, optimizer: torch.optim.AdamW) -> Moments:
    """Take the moments out; all are zero before the first step."""
    named = dict(module.named_parameters())
    if not optimizer.state:
        zeros = {name: np.zeros(tuple(p.shape), np.float32) for name, p in named.items()}
        return Moments(step=0, tensors={f"{m}.{name}": array for m in _MOMENTS for name, array in zeros.items()})
    steps = {int(optimizer.state[parameter]["step"]) for parameter in named.values()}
    assert len(steps) == 1, f"moments of several ages: {steps}"
    return Moments(
        step=steps.pop(),
        tensors={f"{m}.{name}": whole(optimizer.state[p][m]) for m in _MOMENTS for name, p in named.items()},
    )


def set_moments(module: nn.Module, optimizer: torch.optim.AdamW, moments: Moments) -> None:
    """Put moments back; names or shapes of another module raise ValueError."""
    _check(module, moments.tensors)
    if not moments.step:
        optimizer.state.clear()
        return
    for name, parameter in module.named_parameters():
        state = {m: like(moments.tensors[f"{m}.{name}"], parameter) for m in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(float(moments.step)), **state}


def save_moments(module: nn.Module, optimizer: torch.optim.AdamW) -> bytes:
    """Serialise the moments."""
    moments = moments_of(module, optimizer)
    metadata = {"format": FORMAT, "step": str(moments.step), "config_digest": _digest(module)}
    return encode(moments.tensors, metadata)


def load_moments(module: nn.Module, optimizer: torch.optim.AdamW, data: bytes) -> None:
    """Restore `save_moments`; bytes of another model or kind raise ValueError."""
    try:
        tensors, metadata = decode(data)
    except ValueError as error:
        raise ValueError(f"not an optimizer state ({FORMAT}): {error}") from error
    found = metadata.get("format"), metadata.get("config_digest")
    if found != (FORMAT, _digest(module)):
        raise ValueError(f"expected {FORMAT} of configuration {_digest(module)}, got {found}")
    if not (step := metadata.get("step", "")).isdecimal():
        raise ValueError(f"optimizer state must count its steps, got {step!r}")
    set_moments(module, optimizer, Moments(step=int(step), tensors=tensors))


def _digest(module: nn.Module) -> str:
    """Of the configuration that says what the tensors mean: a VideoDiT's or its adapters'."""
    config: Any = module.config
    return str(config.digest)


def _check(module: nn.Module, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    want = {f"{m}.{name}": tuple(p.shape) for name, p in module.named_parameters() for m in _MOMENTS}
    found = {name: array.shape for name, array in tensors.items() if array.dtype == np.float32}
    if found != want or len(tensors) != len(want):
        raise ValueError(f"optimizer state must hold two moments of each of {len(want) // 2} tensors")
