"""The inner loop: AdamW on one shard, from checkpoint bytes to checkpoint bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from model.checkpoint import load_model, save_model
from model.config import ModelConfig
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared
from model.evaluate.heldout import heldout_loss_of
from model.job import TrainJob
from model.training.lora import Adapters
from model.training.lora_file import LoraConfig, merge, write_adapters
from model.training.memory import Load, advising, check_fits, num_tokens
from model.training.optimizer import build_optimizer, load_moments, save_moments
from model.training.step import Step, TrainingDiverged, optimizer_step

__all__ = ["Step", "TrainResult", "TrainingDiverged", "train_inner"]

_PROBE_CLIPS = 16


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
    """AdamW's moments, for the same node's next round; they stay on the node. Empty where adapters were trained."""
    adapters: bytes | None = None
    """The adapters that made `end_state` of the checkpoint (training/lora_file.py), where `lora` asked for them."""


def train_inner(
    checkpoint: bytes,
    clips: Clips,
    job: TrainJob,
    *,
    on_step: Callable[[Step], None] | None = None,
    out_of_time: Callable[[], bool] | None = None,
    optimizer_state: bytes | None = None,
    device: str | None = None,
    lora: LoraConfig | None = None,
) -> TrainResult:
    """Train a checkpoint on a shard's clips and return the new one.

    With `lora`, only new low-rank adapters train; they are handed back both by themselves and merged.

    `out_of_time` is asked after every step, so at least one is made. `optimizer_state` is an earlier
    result's; without it AdamW starts afresh. `device` defaults to cuda where
    there is one. Raises TrainingDiverged when the loss or gradient is not finite, ValueError for a bad
    checkpoint or clips that do not fit it, DoesNotFit where memory does not suffice.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    denoiser = Denoiser(load_model(checkpoint, device))
    load = _load(denoiser.model.config, clips, job)
    check_fits(load, device)
    if lora and optimizer_state is not None:
        raise ValueError("adapters start afresh, so they take no optimizer_state; leave it out")
    trained = Adapters(denoiser.model, lora, job.seed) if lora else denoiser.model
    optimizer = build_optimizer(trained, job)
    if optimizer_state is not None:
        load_moments(trained, optimizer, optimizer_state)
    with advising(load, device):
        prepared = denoiser.prepare(clips)
        probe = prepared.take(np.arange(min(_PROBE_CLIPS, len(clips))))
        start_loss = heldout_loss_of(denoiser, probe, seed=job.seed)
        num_steps = _loop(denoiser, trained, optimizer, prepared, job, on_step, out_of_time)
        end_loss = heldout_loss_of(denoiser, probe, seed=job.seed)
    adapters = write_adapters(checkpoint, trained.config, trained.arrays()) if isinstance(trained, Adapters) else None
    return TrainResult(
        start_loss=start_loss,
        end_loss=end_loss,
        num_samples=num_steps * min(job.batch_size, len(clips)),
        num_steps=num_steps,
        end_state=merge(checkpoint, adapters) if adapters else save_model(denoiser.model),
        optimizer_state=b"" if adapters else save_moments(trained, optimizer),
        adapters=adapters,
    )


def _loop(
    denoiser: Denoiser,
    trained: nn.Module,
    optimizer: torch.optim.AdamW,
    prepared: Prepared,
    job: TrainJob,
    on_step: Callable[[Step], None] | None,
    out_of_time: Callable[[], bool] | None,
) -> int:
    rng = np.random.Generator(np.random.Philox(job.seed))
    batches = _batches(len(prepared), job.batch_size, rng)
    for index in range(1, job.num_steps + 1):
        batch = prepared.take(next(batches))
        part = partial(denoiser.training_loss, batch, rng, tasks=dict(job.tasks))
        step = optimizer_step(trained, optimizer, [part], job, index)
        if on_step:
            on_step(step)
        if out_of_time and out_of_time():
            return index
    return job.num_steps


def _load(config: ModelConfig, clips: Clips, job: TrainJob) -> Load:
    tokens = num_tokens(config, clips.shape)
    return Load(config=config, num_clips=min(job.batch_size, len(clips)), num_tokens=tokens, averaged=False)


def _batches(
    num_clips: int, batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    size = min(batch_size, num_clips)
    while True:
        order = rng.permutation(num_clips)
        for start in range(0, num_clips - size + 1, size):
            yield order[start : start + size]
