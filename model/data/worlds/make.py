"""Scenes and clips from seeds: every (seed, index, law, split) has a random stream of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.data.clips import Clips
from model.data.worlds import hiding, moving
from model.data.worlds.draft import Draft, Stage
from model.data.worlds.render import render
from model.data.worlds.scene import BACKGROUNDS, LAWS, SPLITS, Props, Scene, SceneBody, covered
from model.data.worlds.splits import HORIZON, Dice, laws_of
from model.job import DEMO_SHAPE, VideoShape

ATTRIBUTION = "Ten Wings procedural worlds, CC0-1.0"
_DRAWS: dict[str, Callable[[Stage], Draft | None]] = {
    "uniform": moving.uniform,
    "bounce": moving.bounce,
    "collision": moving.collision,
    "inelastic": moving.inelastic,
    "gravity": moving.gravity,
    "pendulum": moving.pendulum,
    "occluder": hiding.occluder,
    "containment": hiding.containment,
    "counting": hiding.counting,
}
_MAX_TRIES = 5000


def make_scene(law: str, seed: int, shape: VideoShape = DEMO_SHAPE, split: str = "train", *, index: int = 0) -> Scene:
    """Draw a scene. `shape` is that of a training clip; the split `horizon` makes it HORIZON times as long.

    Speeds are drawn per training clip, so that few frames show the same as many. Raises ValueError for an unknown
    law or split, a law that the split does not change, a seed outside 64 bits, a clip of one frame, and a picture so
    narrow that no scene fits.
    """
    _check(law, seed, shape, split)
    rng = _stream(law, seed, split, index)
    span = shape.num_frames - 1
    long = replace(shape, num_frames=span * (HORIZON if split == "horizon" else 1) + 1)
    stage = Stage(
        dice=Dice(rng=rng, law=law, split=split),
        span=span,
        num_frames=long.num_frames,
        height=shape.height,
        box=shape.width / shape.height,
    )
    draft = _first_fit(stage)
    exists = np.ones(draft.positions.shape[:2], np.bool_) if draft.exists is None else draft.exists
    return Scene(
        law=law,
        split=split,
        seed=seed,
        index=index,
        shape=long,
        span=span,
        background=list(BACKGROUNDS)[rng.integers(len(BACKGROUNDS))],
        bodies=draft.bodies,
        positions=draft.positions,
        velocities=draft.velocities,
        exists=exists,
        visible=exists & ~_hidden(draft.bodies, draft.positions, draft.props, shape.height),
        events=draft.events,
        gravity=draft.gravity,
        restitution=draft.restitution,
        props=draft.props,
    )


def make_scenes(
    num: int,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    laws: Sequence[str] | None = None,
    split: str = "train",
) -> list[Scene]:
    """Return scenes that go through `laws` in turn (default: all that the split changes)."""
    turns = laws_of(split) if laws is None else tuple(laws)
    if num < 0 or not turns:
        raise ValueError(f"expected 0 scenes or more of at least one law, got {num} of {turns}")
    return [make_scene(turns[i % len(turns)], seed, shape, split, index=i) for i in range(num)]


def make_clips(
    *,
    num_clips: int,
    seed: int,
    shape: VideoShape = DEMO_SHAPE,
    laws: Sequence[str] | None = None,
    split: str = "train",
) -> Clips:
    """Return the clips of `make_scenes`; equal arguments give equal clips."""
    scenes = make_scenes(num_clips, seed, shape, laws, split)
    return Clips(
        frames=np.stack([render(scene) for scene in scenes]),
        captions=tuple(scene.caption for scene in scenes),
        attributions=(ATTRIBUTION,) * num_clips,
    )


def _check(law: str, seed: int, shape: VideoShape, split: str) -> None:
    if law not in LAWS:
        raise ValueError(f"unknown law {law!r}; choose from {', '.join(LAWS)}")
    if law not in laws_of(split):
        raise ValueError(f"the split {split!r} changes {', '.join(laws_of(split))}; it has no {law!r}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"expected a seed of 64 bits, got {seed}")
    if 2 * shape.width < shape.height:
        raise ValueError(f"expected a picture at least half as wide as high, got {shape.width} x {shape.height}")
    if shape.num_frames < 2:
        raise ValueError(f"expected 2 frames or more to show motion, got {shape.num_frames}")


def _stream(law: str, seed: int, split: str, index: int) -> np.random.Generator:
    """Seed, split and law make the key and the index the counter's highest word, so no two streams ever overlap."""
    key = np.array([seed, SPLITS.index(split) * len(LAWS) + LAWS.index(law)], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, index], np.uint64)))


def _first_fit(stage: Stage) -> Draft:
    for _ in range(_MAX_TRIES):
        draft = _DRAWS[stage.dice.law](stage)
        if draft is not None:
            return draft
    raise ValueError(
        f"no {stage.dice.law} scene fits a picture {stage.box:.2f} times as wide as high in the split "
        f"{stage.dice.split!r}; choose a wider shape"
    )


def _hidden(
    bodies: Sequence[SceneBody], positions: NDArray[np.float64], props: Props, height: int
) -> NDArray[np.bool_]:
    return np.stack([covered(place, body.radius, props, height) for body, place in zip(bodies, positions, strict=True)])
