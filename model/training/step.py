"""One optimizer step, shared by the inner loop and the trainer: gradients of every part, clipping, the finite check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.job import TrainJob


class TrainingDiverged(RuntimeError):
    """The loss or the gradient stopped being a finite number."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What `on_step` hears after each inner step."""

    index: int
    """From 1."""
    loss: float
    """Mean loss of the step's batch."""
    grad_norm: float
    """2-norm of the gradient before clipping."""


Part = Callable[[], Tensor]
"""Computes the mean loss of one part of a batch; called in turn, so that one part's graph is held at a time."""


def optimizer_step(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Part],
    job: TrainJob,
    index: int,
    mean_over_group: Callable[[float], float] = float,
) -> Step:
    """Make step `index` along the mean gradient of equally large parts.

    `mean_over_group` averages a number over the processes of a run. Raises TrainingDiverged before any weight changes.
    """
    for group in optimizer.param_groups:
        group["lr"] = job.rate_at(index)
    optimizer.zero_grad(set_to_none=True)
    loss = mean_over_group(sum(_backward(part() / len(parts)) for part in parts))
    norm = _number(nn.utils.clip_grad_norm_(module.parameters(), job.max_grad_norm))
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise TrainingDiverged(
            f"inner step {index}: loss {loss}, gradient norm {norm}; lower learning_rate or check the shard"
        )
    optimizer.step()
    return Step(index=index, loss=loss, grad_norm=norm)


def _backward(loss: Tensor) -> float:
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _number(norm: Tensor) -> float:
    """The norm's value; a sharded model's norm is sharded, too."""
    whole = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return float(whole)
