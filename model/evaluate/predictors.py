"""Predictors: from the first frames of a clip to all of it. Models and baselines go through the same scores.

The baselines say what a number is worth. `copy_last` knows nothing of motion; `ConstantVelocity` knows inertia and no
law besides; `oracle` is the simulation itself, so what it scores is the tracker's error and not the world's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from model.data.worlds import Scene, render
from model.denoiser import Denoiser
from model.evaluate.observe import observe
from model.evaluate.tracker import Floats, Frames
from model.given import place
from model.job import VideoShape
from model.sample import Recipe, generator, sample_clips

_BATCH = 8


class Predictor(Protocol):
    """Continues clips."""

    def __call__(self, given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
        """Map the first frames (clips, k, H, W, 3) to clips (clips, num_frames, H, W, 3) that begin with them.

        A scene tells a predictor its caption; only a baseline may look at its state.
        """


def copy_last(given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
    """Repeat the last given frame."""
    return np.concatenate([given, np.repeat(given[:, -1:], num_frames - given.shape[1], axis=1)], axis=1)


def constant_velocity(given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
    """Move every body on as between its last two tracked positions, through walls and other bodies."""
    return np.stack([_moved_on(known, scene, num_frames) for known, scene in zip(given, scenes, strict=True)])


def oracle(given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
    """Simulate and draw the truth again."""
    return np.stack([render(scene)[:num_frames] for scene in scenes])


BASELINES: dict[str, Predictor] = {
    "copy last": copy_last,
    "constant velocity": constant_velocity,
    "oracle": oracle,
}


@dataclass(frozen=True, kw_only=True)
class ModelPredictor:
    """A video model, asked to continue under the scene's caption."""

    denoiser: Denoiser
    """The model."""
    seed: int
    """Of the noise; equal seeds give equal clips."""
    recipe: Recipe = field(default_factory=Recipe)
    """How it samples."""

    def __call__(self, given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
        rng = generator(self.seed)
        shape = VideoShape(num_frames=num_frames, height=given.shape[2], width=given.shape[3])
        parts = []
        for start in range(0, len(given), _BATCH):
            known = place("predict", given[start : start + _BATCH], shape, time_factor=self.denoiser.codec.time_factor)
            prompts = [scene.caption for scene in scenes[start : start + _BATCH]]
            parts.append(sample_clips(self.denoiser, prompts, rng, shape, known, self.recipe))
        return np.concatenate(parts)


def _moved_on(known: Frames, scene: Scene, num_frames: int) -> Frames:
    tracked = observe(known, scene).positions
    start, pace = _last(tracked, scene)
    steps = np.arange(num_frames) - (len(known) - 1)
    positions = np.array(scene.positions)
    positions[:, :num_frames] = start[:, None] + pace[:, None] * steps[:, None]
    exists = np.repeat(scene.exists[:, len(known) - 1 : len(known)], positions.shape[1], axis=1)
    drawn = render(replace(scene, positions=positions, exists=exists))[:num_frames]
    return np.concatenate([known, drawn[len(known) :]])


def _last(tracked: Floats, scene: Scene) -> tuple[Floats, Floats]:
    """(bodies, 2) place at the last given frame and step a frame, from the last two frames in which each was found."""
    num_given = tracked.shape[1]
    start, pace = np.zeros((len(tracked), 2)), np.zeros((len(tracked), 2))
    for body, path in enumerate(tracked):
        seen = np.flatnonzero(np.isfinite(path[:, 0]))[-2:]
        if len(seen) == 2:
            pace[body] = (path[seen[1]] - path[seen[0]]) / (seen[1] - seen[0])
        # a body that was never seen is not drawn wrongly: it starts where it truly is
        start[body] = (
            path[seen[-1]] + pace[body] * (num_given - 1 - seen[-1]) if len(seen) else scene.positions[body, 0]
        )
    return start, pace
