"""AdamW (arXiv 1711.05101) whose moments a node keeps between rounds, as deterministic bytes.

The moments never leave the node: they let a trainer resume exactly, and spare each round the first
steps in which a fresh AdamW only learns the gradient's scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model.dit import VideoDiT
from model.job import TrainJob
from model.tensorfile import decode, encode

FORMAT = "tenwings-optimizer/1"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, kw_only=True)
class _Moments:
    step: int
    tensors: dict[str, NDArray[np.float32]]


def build_optimizer(model: VideoDiT, job: TrainJob) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": job.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, betas=job.betas, foreach=True)


def save_moments(model: VideoDiT, optimizer: torch.optim.AdamW) -> bytes:
    """Serialise the moments after at least one step."""
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = state[moment].detach().cpu().numpy()
    step = int(optimizer.state[next(model.parameters())]["step"])
    metadata = {"format": FORMAT, "step": str(step), "config_digest": model.config.digest}
    return encode(tensors, metadata)


def load_moments(model: VideoDiT, optimizer: torch.optim.AdamW, data: bytes) -> None:
    """Restore `save_moments`; bytes of another model or kind raise ValueError."""
    moments = _read(model, data)
    for name, parameter in model.named_parameters():
        state = {m: _like(moments.tensors[f"{m}.{name}"], parameter) for m in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(float(moments.step)), **state}


def _read(model: VideoDiT, data: bytes) -> _Moments:
    try:
        tensors, metadata = decode(data)
    except ValueError as error:
        raise ValueError(f"not an optimizer state ({FORMAT}): {error}") from error
    found = metadata.get("format"), metadata.get("config_digest")
    if found != (FORMAT, model.config.digest):
        raise ValueError(f"expected {FORMAT} of configuration {model.config.digest}, got {found}")
    want = {f"{m}.{name}": tuple(p.shape) for name, p in model.named_parameters() for m in _MOMENTS}
    step = metadata.get("step", "")
    found_shapes = {name: array.shape for name, array in tensors.items() if array.dtype == np.float32}
    if found_shapes != want or len(tensors) != len(want) or not step.isdecimal():
        raise ValueError(f"optimizer state must hold two moments of each of {len(want) // 2} tensors")
    return _Moments(step=int(step), tensors=tensors)


def _like(array: NDArray[np.float32], parameter: torch.Tensor) -> torch.Tensor:
    return torch.tensor(array).to(parameter.device)
