"""Trains the learned captioner on the worlds' scenes, drawn and rendered as it goes, and scores it slot by slot.

Shapes: B clips, T frames, G cells a side of the map of things.
"""

# ruff: noqa: N812, N815 (tensor names carry their shape)

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from model.data.worlds import Scene, make_scene, make_scenes, render
from model.data.worlds.scene import LAWS, SHAPES
from model.job import VideoShape
from model.text.blocks import initialise
from model.text.captioner_learned import (
    GRID,
    NUM_LOOKS,
    SIZE,
    CaptionerConfig,
    ClipReader,
    LearnedCaptioner,
    Sight,
    as_input,
)
from model.text.fit import Fit, FitPlan, Report, fit
from model.text.slot_heads import slot_targets
from model.text.slots import VOCABULARY

BATCH = 16
_FRESH_SHARE = 3 / 8
"""Of a batch, clips drawn anew; the rest comes from the pool again."""
_TURNS = (*LAWS, "collision", "inelastic")
"""Laws in the order in which they are drawn; two bodies, and how much bounce they lose, are hardest to tell."""
_POOL = 4096
_SHAPE = VideoShape(num_frames=NUM_LOOKS, height=SIZE, width=SIZE)
_EMPTY_WEIGHT = 0.1
"""Of a cell without a body in the loss; there are many."""
_MIRRORED = {"left": "right", "right": "left"}
_TRAIN_SEED = 77
"""Scenes of training; scores are taken on other seeds."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One clip with all that is known of it."""

    looks: NDArray[np.uint8]
    """(T, H, W, 3)."""
    slots: Mapping[str, str]
    """What is to be said."""
    things_TGG: NDArray[np.int64]
    """0, or 1 + colour x shapes + shape of the body whose middle is in the cell."""
    offset_TAGG: NDArray[np.float32]
    """Its place (x, y) in the cell, from 0 to 1."""

    def mirrored(self) -> Lesson:
        """Left and right exchanged."""
        words = {slot: " ".join(_MIRRORED.get(w, w) for w in word.split()) for slot, word in self.slots.items()}
        offset = self.offset_TAGG[..., ::-1].copy()
        offset[:, 0] = 1 - offset[:, 0]
        return Lesson(
            looks=self.looks[:, :, ::-1], slots=words, things_TGG=self.things_TGG[..., ::-1], offset_TAGG=offset
        )


def lesson_of(scene: Scene) -> Lesson:
    """Render a scene and note where its visible bodies are."""
    num_frames = scene.shape.num_frames
    things, offset = np.zeros((num_frames, GRID, GRID), np.int64), np.zeros((num_frames, 2, GRID, GRID), np.float32)
    for body, places, visible in zip(scene.bodies, scene.positions, scene.visible, strict=True):
        colour, shape = VOCABULARY["colour"].index(body.colour), SHAPES.index(body.shape)
        for frame, place in enumerate(places * GRID):
            x, y = (int(np.floor(value)) for value in place)
            if visible[frame] and 0 <= x < GRID and 0 <= y < GRID:
                things[frame, y, x] = 1 + colour * len(SHAPES) + shape
                offset[frame, :, y, x] = place - (x, y)
    return Lesson(looks=render(scene), slots=scene.slots, things_TGG=things, offset_TAGG=offset)


class LessonPool:
    """The latest scenes: rendering is paid once, and a scene is seen a few times."""

    def __init__(self, seed: int) -> None:
        self._seed, self._drawn = seed, 0
        self._lessons: deque[Lesson] = deque(maxlen=_POOL)

    def batch(self, rng: np.random.Generator) -> list[Lesson]:
        """Return BATCH lessons, about half of them mirrored, after new ones have joined the pool."""
        fresh = [self._next() for _ in range(round(_FRESH_SHARE * BATCH) if self._lessons else BATCH)]
        self._lessons.extend(fresh)
        again = [self._lessons[int(i)] for i in rng.integers(len(self._lessons), size=BATCH - len(fresh))]
        return [lesson.mirrored() if rng.random() < 0.5 else lesson for lesson in [*fresh, *again]]

    def _next(self) -> Lesson:
        law = _TURNS[self._drawn % len(_TURNS)]
        self._drawn += 1
        return lesson_of(make_scene(law, self._seed, _SHAPE, index=self._drawn))


def train_captioner(
    config: CaptionerConfig, plan: FitPlan, *, device: str = "cpu", report: Report = lambda _: None
) -> tuple[ClipReader, Fit]:
    """Train from scratch; on a CPU, equal arguments give equal weights where steps end the training."""
    module = ClipReader(config)
    initialise(module, plan.seed)
    module.to(device)
    pool = LessonPool(plan.seed + _TRAIN_SEED)

    def loss_of(rng: np.random.Generator) -> Tensor:
        lessons = pool.batch(rng)
        sight = module(as_input(np.stack([lesson.looks for lesson in lessons]), device))
        targets = torch.tensor(slot_targets([lesson.slots for lesson in lessons]), device=device)
        return module.heads.loss(sight.features_BD, targets) + pointing_loss(sight, lessons)

    done = fit(module, loss_of, plan, report)
    return module.cpu(), done


def pointing_loss(sight: Sight, lessons: Sequence[Lesson]) -> Tensor:
    """Colour of every cell, shape and place of every body, per body."""
    device = sight.colour_NCGG.device
    things = torch.tensor(np.concatenate([lesson.things_TGG for lesson in lessons]), device=device)
    places = torch.tensor(np.concatenate([lesson.offset_TAGG for lesson in lessons]), device=device)
    there = things > 0
    colour = torch.where(there, 1 + (things - 1) // len(SHAPES), 0)
    weight = torch.where(there, 1.0, _EMPTY_WEIGHT)
    of_colour = (F.cross_entropy(sight.colour_NCGG, colour, reduction="none") * weight).sum()
    shape = sight.shape_NCGG.permute(0, 2, 3, 1)[there]
    of_shape = F.cross_entropy(shape, (things[there] - 1) % len(SHAPES), reduction="sum")
    of_place = (sight.offset_NCGG - places).abs().permute(0, 2, 3, 1)[there].sum()
    return (of_colour + of_shape + of_place) / there.sum().clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class SlotScores:
    """How a captioner does on one split."""

    accuracy: Mapping[str, float]
    """Slot to the share of scenes with that slot whose word is said."""
    majority: Mapping[str, float]
    """The same for whoever always says the most frequent word of the split."""
    sentences: float
    """Share of captions that are right to the last word."""
    num_clips: int
    """That were captioned."""

    @property
    def mean(self) -> float:
        """Over slots."""
        return float(np.mean(list(self.accuracy.values())))

    @property
    def mean_majority(self) -> float:
        """Over slots."""
        return float(np.mean(list(self.majority.values())))


def score_captioner(captioner: LearnedCaptioner, *, split: str, seed: int, num_clips: int) -> SlotScores:
    """Caption scenes of a split that training never saw and compare slot by slot."""
    scenes = make_scenes(num_clips, seed, _SHAPE, split=split)
    said = [caption.slots for caption in captioner.caption_all([render(scene) for scene in scenes])]
    return compare(said, [scene.slots for scene in scenes])


def compare(said: Sequence[Mapping[str, str]], truth: Sequence[Mapping[str, str]]) -> SlotScores:
    """Score captions' slots against the true ones."""
    accuracy, majority = {}, {}
    for slot in VOCABULARY:
        pairs = [(mine.get(slot), own[slot]) for mine, own in zip(said, truth, strict=True) if slot in own]
        if pairs:
            accuracy[slot] = float(np.mean([mine == own for mine, own in pairs]))
            majority[slot] = Counter(own for _, own in pairs).most_common(1)[0][1] / len(pairs)
    right = float(np.mean([dict(mine) == dict(own) for mine, own in zip(said, truth, strict=True)]))
    return SlotScores(accuracy=accuracy, majority=majority, sentences=right, num_clips=len(truth))
