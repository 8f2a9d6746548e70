"""Where bodies go: position and velocity error of a predictor for each frame ahead, beside its baselines.

Errors are root mean squares over clips and bodies, in canvas heights (velocities: heights a frame), against the exact
state and not against tracked truth. Frames in which the truth cannot be measured (half hidden, half outside) are left
out; a body that is not found counts as a random guess (observe.MISSING) and is also counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.data.worlds import Scene, make_scenes, render
from model.denoiser import Denoiser
from model.evaluate.observe import clear, observe, position_errors
from model.evaluate.predictors import BASELINES, ModelPredictor, Predictor
from model.evaluate.tracker import Floats, Frames, Tracks
from model.job import DEMO_SHAPE, VideoShape
from model.sample import Recipe


@dataclass(frozen=True, kw_only=True)
class Errors:
    """One predictor's errors, frame by frame after the given ones."""

    position: tuple[float, ...]
    """RMSE of the centre, canvas heights; NaN where no body could be measured."""
    velocity: tuple[float, ...]
    """RMSE of the step into the frame, canvas heights a frame."""
    found: float
    """Share of measurable bodies and frames in which the tracker found the body."""


@dataclass(frozen=True, kw_only=True)
class TrajectoryResult:
    """A model beside its baselines; the tuples have one number a predicted frame."""

    law: str
    """One of LAWS."""
    split: str
    """One of SPLITS."""
    num_scenes: int
    """Clips."""
    num_given: int
    """Frames that the predictors saw."""
    tracker_floor: float
    """RMSE of the tracker itself, on all frames of rendered truth."""
    errors: dict[str, Errors]
    """By predictor: `model`, and the names of BASELINES."""

    @property
    def rmse_model(self) -> tuple[float, ...]:
        """Position RMSE of the model."""
        return self.errors["model"].position

    @property
    def rmse_copy_last(self) -> tuple[float, ...]:
        """Position RMSE of repeating the last given frame."""
        return self.errors["copy last"].position

    @property
    def rmse_constant_velocity(self) -> tuple[float, ...]:
        """Position RMSE of going on straight."""
        return self.errors["constant velocity"].position

    @property
    def rmse_oracle(self) -> tuple[float, ...]:
        """Position RMSE of the simulation, re-drawn and tracked."""
        return self.errors["oracle"].position


def trajectory(
    denoiser: Denoiser,
    *,
    num_scenes: int,
    seed: int,
    law: str = "uniform",
    split: str = "train",
    shape: VideoShape = DEMO_SHAPE,
    num_given: int = 4,
    recipe: Recipe | None = None,
) -> TrajectoryResult:
    """Let a model continue `num_scenes` clips of one law from their first `num_given` frames."""
    scenes = make_scenes(num_scenes, seed, shape, [law], split)
    predictors = {"model": ModelPredictor(denoiser=denoiser, seed=seed, recipe=recipe or Recipe()), **BASELINES}
    return trajectory_of(scenes, continue_clips(scenes, predictors, num_given), num_given)


def continue_clips(scenes: Sequence[Scene], predictors: dict[str, Predictor], num_given: int) -> dict[str, Frames]:
    """Return each predictor's clips, (scenes, T, H, W, 3)."""
    num_frames = scenes[0].shape.num_frames
    if not 2 <= num_given < num_frames:
        raise ValueError(f"expected 2 to {num_frames - 1} given frames of {num_frames}, got {num_given}")
    given = np.stack([render(scene)[:num_given] for scene in scenes])
    return {name: predict(given, scenes, num_frames) for name, predict in predictors.items()}


def trajectory_of(scenes: Sequence[Scene], clips: dict[str, Frames], num_given: int) -> TrajectoryResult:
    """Score clips of scenes of one law and split."""
    tracks = {name: [observe(clip, s) for clip, s in zip(many, scenes, strict=True)] for name, many in clips.items()}
    return result_of(scenes, {name: errors_of(scenes, found, num_given) for name, found in tracks.items()}, num_given)


def result_of(scenes: Sequence[Scene], errors: dict[str, Errors], num_given: int) -> TrajectoryResult:
    """Put errors of scenes of one law and split beside the tracker's floor."""
    return TrajectoryResult(
        law=scenes[0].law,
        split=scenes[0].split,
        num_scenes=len(scenes),
        num_given=num_given,
        tracker_floor=tracker_floor(scenes),
        errors=errors,
    )


def tracker_floor(scenes: Sequence[Scene]) -> float:
    """Position RMSE of the tracker on rendered truth."""
    errors = [position_errors(observe(render(scene), scene), scene).ravel() for scene in scenes]
    return float(_rms(np.concatenate(errors)))


def errors_of(scenes: Sequence[Scene], tracks: Sequence[Tracks], num_given: int) -> Errors:
    """Errors of one predictor's tracked clips."""
    places = np.concatenate([position_errors(t, s)[:, num_given:] for t, s in zip(tracks, scenes, strict=True)])
    paces = np.concatenate([_velocity_errors(t, s)[:, num_given - 1 :] for t, s in zip(tracks, scenes, strict=True)])
    found = np.concatenate([t.found[:, num_given:].ravel() for t in tracks])
    measurable = np.isfinite(places).ravel()
    return Errors(
        position=tuple(float(_rms(column)) for column in places.T),
        velocity=tuple(float(_rms(column)) for column in paces.T),
        found=float(found[measurable].mean()) if measurable.any() else float("nan"),
    )


def _velocity_errors(tracks: Tracks, scene: Scene) -> Floats:
    """(bodies, frames - 1) error of each step; a step of a body that is not found counts as none."""
    steps = np.nan_to_num(np.diff(tracks.positions, axis=1))
    truth = np.diff(scene.positions, axis=1)
    measurable: NDArray[np.bool_] = clear(scene)
    error = np.hypot(*np.moveaxis(steps - truth, -1, 0))
    return np.where(measurable[:, 1:] & measurable[:, :-1], error, np.nan)


def _rms(values: Floats) -> float:
    kept = values[np.isfinite(values)]
    return float(np.sqrt((kept**2).mean())) if len(kept) else float("nan")
