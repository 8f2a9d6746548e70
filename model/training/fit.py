"""A training run in a folder: saves, resumes, scores, reports, and stops with its last good checkpoint kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.data.clips import Clips
from model.denoiser import Prepared
from model.evaluate.heldout import heldout_loss_of
from model.training.feed import Feed
from model.training.parallel import Group, join_group
from model.training.plan import FitPlan
from model.training.rotation import ADAPTERS, EMA, MODEL, STATE, Rotation
from model.training.step import Step, TrainingDiverged
from model.training.trainer import Trainer

HELDOUT_SEED = 20_240_101
"""Of the draws that held-out clips are scored on: the same for every run and step."""
_TRIAL_STEPS = 4
"""The first warms caches up and is not counted."""
_FILLED = 0.94
"""Share of the time that the counted steps fill."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What `on_progress` hears after each step."""

    step: int
    """From 1."""
    loss: float
    """Of the step's batch."""
    grad_norm: float
    """Before clipping."""
    learning_rate: float
    """Of the step."""
    clips_per_second: float
    """Of the step, over all processes."""
    heldout_loss: float | None = None
    """Of the averaged weights, at the steps where it is measured."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How often a run saves and scores itself; nothing here changes its weights."""

    save_every: int = 200
    """Steps between checkpoints."""
    keep: int = 2
    """Newest checkpoints that stay."""
    heldout: Clips | None = None
    """Clips to score the averaged weights on."""
    heldout_every: int = 200
    """Steps between scores."""


def fit(
    checkpoint: bytes,
    plan: FitPlan,
    feed: Feed,
    folder: Path,
    *,
    resume: bool = False,
    habits: Habits | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    out_of_time: Callable[[], bool] | None = None,
    group: Group | None = None,
) -> Path:
    """Train and return the folder of the last checkpoint (rotation.py names its files).

    `resume` goes on from the folder's newest checkpoint, with the same plan and feed; without it a folder with
    checkpoints is refused. `out_of_time` is asked after each step; what it stops can be resumed. Raises
    TrainingDiverged, which names the checkpoint that is kept, and DoesNotFit before the first step.
    """
    habits, group = habits or Habits(), group or join_group()
    rotation = Rotation(folder=folder, keep=habits.keep)
    trainer = _begin(checkpoint, plan, feed, rotation, resume, group)
    kept = _save(trainer, rotation)
    heldout = trainer.denoiser.prepare(habits.heldout) if habits.heldout else None
    while trainer.num_steps < plan.num_steps:
        started = time.perf_counter()
        step = _step(trainer, kept)
        seconds = time.perf_counter() - started
        stop = group.any(bool(out_of_time and out_of_time()))
        last = stop or step.index == plan.num_steps
        scored = heldout if last or step.index % habits.heldout_every == 0 else None
        progress = _progress(trainer, step, seconds, scored)
        if on_progress and group.rank == 0:
            on_progress(progress)
        if last or step.index % habits.save_every == 0:
            kept = _save(trainer, rotation)
        if stop:
            break
    return kept


def steps_within(checkpoint: bytes, plan: FitPlan, feed: Feed, seconds: float, *, group: Group | None = None) -> int:
    """Return how many of the plan's steps fit in a time, from the fastest of a few that are made and thrown away.

    A part of the time is left over for checkpoints, scores and slower steps.
    """
    trainer = Trainer(checkpoint, plan, feed, group=group)
    times = []
    for _ in range(_TRIAL_STEPS):
        started = time.perf_counter()
        trainer.step()
        times.append(time.perf_counter() - started)
    return max(1, int(_FILLED * trainer.group.mean(seconds / min(times[1:]))))


def _begin(checkpoint: bytes, plan: FitPlan, feed: Feed, rotation: Rotation, resume: bool, group: Group) -> Trainer:
    latest = rotation.latest()
    if resume and latest:
        return Trainer.resume((latest / STATE).read_bytes(), plan, feed, group=group)
    if latest:
        raise ValueError(f"{rotation.folder} holds a run, {latest.name}; resume it, or name another folder")
    return Trainer(checkpoint, plan, feed, group=group)


def _step(trainer: Trainer, kept: Path) -> Step:
    try:
        return trainer.step()
    except TrainingDiverged as error:
        raise TrainingDiverged(f"{error}; the last good checkpoint is kept in {kept}") from error


def _progress(trainer: Trainer, step: Step, seconds: float, heldout: Prepared | None) -> Progress:
    score = None
    if heldout is not None:
        with trainer.ema.in_place():
            score = heldout_loss_of(trainer.denoiser, heldout, seed=HELDOUT_SEED)
    return Progress(
        step=step.index,
        loss=step.loss,
        grad_norm=step.grad_norm,
        learning_rate=trainer.plan.rate_at(step.index),
        clips_per_second=trainer.plan.batch_size / seconds,
        heldout_loss=score,
    )


def _save(trainer: Trainer, rotation: Rotation) -> Path:
    files = {STATE: trainer.state(), MODEL: trainer.checkpoint(), EMA: trainer.checkpoint(averaged=True)}
    if trainer.plan.lora:
        files[ADAPTERS] = trainer.adapters(averaged=True)
    if trainer.group.rank == 0:
        rotation.save(trainer.num_steps, files)
    trainer.group.mean(0.0)  # no process goes on, or resumes, before the checkpoint lies there whole
    return rotation.path(trainer.num_steps)
