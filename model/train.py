"""The inner loop: AdamW on one shard, from checkpoint bytes to checkpoint bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoint import load_model, save_model
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared
from model.evaluate.heldout import heldout_loss_of
from model.job import TrainJob
from model.optimizer import build_optimizer, load_moments, save_moments

_PROBE_CLIPS = 16


class TrainingDiverged(RuntimeError):
    """The loss or the gradient stopped being a finite number."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What `on_step` hears after each inner step."""

    index: int
    """From 1."""
    loss: float
    """Mean squared velocity error of the step's batch."""
    grad_norm: float
    """2-norm of the gradient before clipping."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a trainer hands back."""

    start_loss: float
    """Loss before training on fixed draws of the first clips of the shard."""
    end_loss: float
    """Loss after training on the same draws."""
    num_samples: int
    """Clips seen, repeats counted."""
    num_steps: int
    """Inner steps made; fewer than asked for when time ran out."""
    end_state: bytes
    """The trained checkpoint."""
    optimizer_state: bytes
    """AdamW's moments, for the same node's next round; they stay on the node."""


def train_inner(
    checkpoint: bytes,
    clips: Clips,
    job: TrainJob,
    *,
    on_step: Callable[[Step], None] | None = None,
    out_of_time: Callable[[], bool] | None = None,
    optimizer_state: bytes | None = None,
    device: str | None = None,
) -> TrainResult:
    """Train a checkpoint on a shard's clips and return the new one.

    `out_of_time` is asked after every step, so at least one is made. `optimizer_state` is an earlier
    result's; without it AdamW starts afresh. `device` defaults to cuda where
    there is one. Raises TrainingDiverged when the loss or gradient is not finite, ValueError for a bad
    checkpoint or clips that do not fit it.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    denoiser = Denoiser(load_model(checkpoint, device))
    prepared = denoiser.prepare(clips)
    probe = prepared.take(np.arange(min(_PROBE_CLIPS, len(clips))))
    start_loss = heldout_loss_of(denoiser, probe, seed=job.seed)
    optimizer = build_optimizer(denoiser.model, job)
    if optimizer_state is not None:
        load_moments(denoiser.model, optimizer, optimizer_state)
    num_steps = _loop(denoiser, optimizer, prepared, job, on_step, out_of_time)
    return TrainResult(
        start_loss=start_loss,
        end_loss=heldout_loss_of(denoiser, probe, seed=job.seed),
        num_samples=num_steps * min(job.batch_size, len(clips)),
        num_steps=num_steps,
        end_state=save_model(denoiser.model),
        optimizer_state=save_moments(denoiser.model, optimizer),
    )


def _loop(
    denoiser: Denoiser,
    optimizer: torch.optim.AdamW,
    prepared: Prepared,
    job: TrainJob,
    on_step: Callable[[Step], None] | None,
    out_of_time: Callable[[], bool] | None,
) -> int:
    rng = np.random.Generator(np.random.Philox(job.seed))
    batches = _batches(len(prepared), job.batch_size, rng)
    for index in range(1, job.num_steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = job.learning_rate * min(1.0, index / max(1, job.warmup_steps))
        loss = denoiser.training_loss(prepared.take(next(batches)), rng)
        step = _step(denoiser.model, optimizer, loss, index, job.max_grad_norm)
        if on_step:
            on_step(step)
        if out_of_time and out_of_time():
            return index
    return job.num_steps


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, index: int, max_norm: float) -> Step:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = float(nn.utils.clip_grad_norm_(model.parameters(), max_norm))
    value = float(loss.detach())
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise TrainingDiverged(
            f"inner step {index}: loss {value}, gradient norm {norm}; lower learning_rate or check the shard"
        )
    optimizer.step()
    return Step(index=index, loss=value, grad_norm=norm)


def _batches(
    num_clips: int, batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    size = min(batch_size, num_clips)
    while True:
        order = rng.permutation(num_clips)
        for start in range(0, num_clips - size + 1, size):
            yield order[start : start + size]
