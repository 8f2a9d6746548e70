"""The training loop of the V-JEPA path: from a checkpoint of the backbone to another that never predicted a pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from model.checkpoint import from_numpy, load_model
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared
from model.job import TrainJob
from model.masks import draw
from model.network.jepa import COLLAPSED, Jepa, features, spread
from model.training.ema import Ema
from model.training.optimizer import build_optimizer
from model.training.step import TrainingDiverged


@dataclass(frozen=True, kw_only=True)
class JepaStep:
    """What `on_step` hears after each step."""

    index: int
    """From 1."""
    loss: float
    """Mean L1 distance on hidden tokens."""
    spread: float
    """Of the target's features over the batch; see jepa.spread."""


@dataclass(frozen=True, kw_only=True)
class JepaResult:
    """What training hands back."""

    checkpoint: bytes
    """The averaged encoder, as a checkpoint of the backbone."""
    loss: float
    """Of the last step."""
    spread: float
    """Of the averaged encoder's features over the first clips."""
    collapsed: bool
    """Whether the spread is below jepa.COLLAPSED: the features then say nothing."""


def train_jepa(
    checkpoint: bytes,
    clips: Clips,
    job: TrainJob,
    *,
    ema_decay: float = 0.99,
    on_step: Callable[[JepaStep], None] | None = None,
    out_of_time: Callable[[], bool] | None = None,
    device: str = "cpu",
) -> JepaResult:
    """Train the backbone of `checkpoint` on clips without their captions.

    Raises TrainingDiverged when the loss is not a finite number.
    """
    denoiser = Denoiser(load_model(checkpoint, device))
    prepared = denoiser.prepare(
        Clips(frames=clips.frames, captions=("",) * len(clips), attributions=clips.attributions)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)  # the predictor's first weights
        jepa = Jepa(denoiser.model).to(device)
    average = Ema(dict(jepa.encoder.named_parameters()), ema_decay)
    optimizer = build_optimizer(jepa, job)
    rng = np.random.Generator(np.random.Philox(job.seed))
    loss = math.nan
    for index in range(1, job.num_steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = job.learning_rate * min(1.0, index / max(1, job.warmup_steps))
        batch = prepared.take(rng.permutation(len(prepared))[: job.batch_size])
        step = _step(jepa, average, optimizer, batch, rng, index, job.max_grad_norm)
        loss = step.loss
        if on_step:
            on_step(step)
        if out_of_time and out_of_time():
            break
    final = spread(features(jepa.encoder, prepared.take(np.arange(min(16, len(prepared)))), weights=average.averages))
    arrays = {name: tensor.cpu().numpy() for name, tensor in average.averages.items()}
    return JepaResult(
        checkpoint=from_numpy(arrays, jepa.encoder.config), loss=loss, spread=final, collapsed=final < COLLAPSED
    )


def _step(
    jepa: Jepa,
    average: Ema,
    optimizer: torch.optim.Optimizer,
    batch: Prepared,
    rng: np.random.Generator,
    index: int,
    max_grad_norm: float,
) -> JepaStep:
    _, _, time, height, width = batch.latents.shape
    patch = jepa.encoder.config.patch
    given = np.stack([draw("tube", (time, height, width), rng, patch=patch) for _ in range(len(batch))])
    target = features(jepa.encoder, batch, weights=average.averages)
    loss = jepa.loss(batch, given, target)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = float(nn.utils.clip_grad_norm_(jepa.parameters(), max_grad_norm))
    value = float(loss.detach())
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise TrainingDiverged(f"step {index}: loss {value}, gradient norm {norm}; lower learning_rate")
    optimizer.step()
    average.update()
    return JepaStep(index=index, loss=value, spread=spread(target))
