"""Is it a world model? All scores of a checkpoint on the procedural worlds, each beside its baselines.

    report = evaluate(checkpoint, num_scenes=8, seed=0, splits=("train", "velocity"))
    report.to_json()

No score needs downloaded weights. Baselines and model go through the same code (predictors.py); every position is
found by the same tracker, whose own error on rendered truth is printed beside.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from model.checkpoint import load_model
from model.data.worlds import SPLITS, Scene, laws_of, make_scenes
from model.denoiser import Denoiser
from model.evaluate.frechet import FrechetScore, TorchScriptFeatures, frechet_score
from model.evaluate.intervals import Estimate, mean
from model.evaluate.motion_laws import MEASURES
from model.evaluate.observe import observe
from model.evaluate.permanence import HIDING, Counting, Permanence, counting, permanence
from model.evaluate.plausibility import PlausibilityResult, plausibility
from model.evaluate.predictors import BASELINES, ModelPredictor, Predictor
from model.evaluate.tracker import Frames
from model.evaluate.trajectory import TrajectoryResult, continue_clips, errors_of, result_of, tracker_floor
from model.job import DEMO_SHAPE, VideoShape
from model.sample import Recipe

MOVING = ("uniform", "bounce", "collision", "inelastic", "gravity", "pendulum")
"""Laws whose bodies are seen all the time, so that their tracks can be scored."""
FORMAT = "tenwings-world-report/1"
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class WorldPlan:
    """What is asked of a checkpoint."""

    num_scenes: int = 8
    """Clips of each law and split."""
    num_pairs: int = 90
    """Matched sets of the plausibility score in each split."""
    seed: int = 0
    """Of scenes, noise and edits."""
    splits: tuple[str, ...] = SPLITS
    """Some of SPLITS; `train` is in distribution."""
    shape: VideoShape = DEMO_SHAPE
    """Of a training clip; the split `horizon` makes longer ones."""
    num_given: int = 4
    """Frames that a predictor sees."""
    recipe: Recipe = field(default_factory=Recipe)
    """How the model samples."""

    def __post_init__(self) -> None:
        if self.num_scenes < 1 or self.num_pairs < 1:
            raise ValueError(f"expected 1 clip and 1 pair or more, got {self.num_scenes} and {self.num_pairs}")
        unknown = [split for split in self.splits if split not in SPLITS]
        if unknown or not self.splits:
            raise ValueError(f"expected splits of {', '.join(SPLITS)}, got {', '.join(self.splits) or 'none'}")
        if not 2 <= self.num_given < self.shape.num_frames:
            want = f"2 to {self.shape.num_frames - 1} given frames of {self.shape.num_frames}"
            raise ValueError(f"expected {want}, got {self.num_given}")


@dataclass(frozen=True, kw_only=True)
class SplitScores:
    """All scores in one split; dictionaries within are by predictor."""

    split: str
    """One of SPLITS."""
    tracker_floor: float
    """Position RMSE of the tracker on rendered truth, canvas heights."""
    trajectories: tuple[TrajectoryResult, ...]
    """One a law of MOVING that the split changes."""
    laws: dict[str, dict[str, Estimate]]
    """Names of motion_laws.MEASURES."""
    permanence: dict[str, Permanence]
    """Behind an occluder and under a box."""
    counting: dict[str, Counting]
    """Where bodies enter and leave; empty where the split does not change that law."""
    plausibility: PlausibilityResult
    """The model's alone: baselines have no loss."""
    frechet: FrechetScore | None
    """Of the model's clips against true ones; None without a feature network."""


@dataclass(frozen=True, kw_only=True)
class WorldReport:
    """What `evaluate` found out."""

    checkpoint_sha256: str
    """Of the checkpoint's bytes."""
    preset: str
    """The model's."""
    num_parameters: int
    """The model's."""
    plan: WorldPlan
    """What was asked."""
    splits: tuple[SplitScores, ...]
    """In the plan's order."""

    def to_json(self) -> str:
        """Canonical JSON; NaN (not measurable) is null."""
        return json.dumps({"format": FORMAT, **_plain(asdict(self))}, sort_keys=True, indent=1, allow_nan=False)


@dataclass(frozen=True, kw_only=True)
class Example:
    """One scene as every predictor continued it, to be looked at."""

    scene: Scene
    """What was continued."""
    num_given: int
    """Frames that all saw."""
    clips: dict[str, Frames]
    """By predictor, (T, H, W, 3)."""


Show = Callable[[Example], None]


def evaluate(
    checkpoint: bytes,
    *,
    num_scenes: int = WorldPlan.num_scenes,
    num_pairs: int = WorldPlan.num_pairs,
    seed: int = 0,
    splits: Sequence[str] = SPLITS,
    shape: VideoShape = DEMO_SHAPE,
    num_given: int = WorldPlan.num_given,
    recipe: Recipe | None = None,
    device: str = "cpu",
) -> WorldReport:
    """Score a checkpoint in every split; equal arguments give equal reports."""
    plan = WorldPlan(
        num_scenes=num_scenes,
        num_pairs=num_pairs,
        seed=seed,
        splits=tuple(splits),
        shape=shape,
        num_given=num_given,
        recipe=recipe or Recipe(),
    )
    return evaluate_plan(checkpoint, plan, device=device)


def evaluate_plan(
    checkpoint: bytes,
    plan: WorldPlan,
    *,
    device: str = "cpu",
    network: TorchScriptFeatures | None = None,
    tell: Tell = lambda what: None,
    show: Show = lambda example: None,
) -> WorldReport:
    """Like `evaluate`; says what it is at, hands over one example a law and split, and takes a feature network."""
    denoiser = Denoiser(load_model(checkpoint, device))
    splits = []
    for split in plan.splits:
        tell(f"split {split}")
        splits.append(_split(denoiser, plan, split, network, tell, show))
    return WorldReport(
        checkpoint_sha256=hashlib.sha256(checkpoint).hexdigest(),
        preset=denoiser.model.config.preset,
        num_parameters=sum(parameter.numel() for parameter in denoiser.model.parameters()),
        plan=plan,
        splits=tuple(splits),
    )


def _split(
    denoiser: Denoiser, plan: WorldPlan, split: str, network: TorchScriptFeatures | None, tell: Tell, show: Show
) -> SplitScores:
    predictors: dict[str, Predictor] = {
        "model": ModelPredictor(denoiser=denoiser, seed=plan.seed, recipe=plan.recipe),
        **BASELINES,
    }
    scenes: dict[str, list[Scene]] = {}
    clips: dict[str, dict[str, Frames]] = {}
    for law in laws_of(split):
        tell(f"split {split}: continuing {law}")
        scenes[law] = make_scenes(plan.num_scenes, plan.seed, plan.shape, [law], split)
        clips[law] = continue_clips(scenes[law], predictors, plan.num_given)
        first = {name: many[0] for name, many in clips[law].items()}
        show(Example(scene=scenes[law][0], num_given=plan.num_given, clips=first))
    tell(f"split {split}: tracking")
    trajectories, laws = _moving(scenes, clips, plan.num_given)
    hiding = [scene for law in HIDING for scene in scenes.get(law, [])]
    return SplitScores(
        split=split,
        tracker_floor=tracker_floor([scene for many in scenes.values() for scene in many]),
        trajectories=trajectories,
        laws=laws,
        permanence=permanence(hiding, predictors) if hiding else {},
        counting=counting(scenes["counting"], clips["counting"], plan.num_given) if "counting" in scenes else {},
        plausibility=plausibility(denoiser, num_pairs=plan.num_pairs, seed=plan.seed, split=split, shape=plan.shape),
        frechet=_frechet(network, list(clips.values())) if network else None,
    )


def _moving(
    scenes: dict[str, list[Scene]], clips: dict[str, dict[str, Frames]], num_given: int
) -> tuple[tuple[TrajectoryResult, ...], dict[str, dict[str, Estimate]]]:
    """Tracks each clip once, for trajectories and laws alike."""
    trajectories = []
    measured: dict[str, dict[str, list[float]]] = {
        name: {predictor: [] for predictor in ("model", *BASELINES)} for name in MEASURES
    }
    for law in (law for law in MOVING if law in scenes):
        errors = {}
        for predictor, many in clips[law].items():
            tracks = [observe(clip, scene) for clip, scene in zip(many, scenes[law], strict=True)]
            errors[predictor] = errors_of(scenes[law], tracks, num_given)
            for name, (measure, laws) in MEASURES.items():
                if law in laws:
                    measured[name][predictor] += [
                        measure(track, scene, num_given) for track, scene in zip(tracks, scenes[law], strict=True)
                    ]
        trajectories.append(result_of(scenes[law], errors, num_given))
    return tuple(trajectories), {
        name: {predictor: mean(np.array(values)) for predictor, values in by.items()}
        for name, by in measured.items()
        if by["model"]
    }


def _frechet(network: TorchScriptFeatures, clips: Sequence[dict[str, Frames]]) -> FrechetScore:
    real, made = (np.concatenate([many[name] for many in clips]) for name in ("oracle", "model"))
    return frechet_score(network, real, made)


def _plain(value: Any) -> Any:
    """JSON's types, with null for what could not be measured."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
