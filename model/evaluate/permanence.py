"""Permanence: what comes out from behind an occluder or from under a box, and how many bodies there are.

A predictor sees the clip until the body is wholly hidden, and goes on. It keeps the body if, at the last frame in
which the truth shows it again, exactly one body is to be seen, in the right colour, less than a radius off. Places are
compared with the tracked truth, so a half covered body is compared with a half covered one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.worlds import Scene, render
from model.evaluate.intervals import Estimate, mean, share
from model.evaluate.observe import MISSING, blobs_of, clear, follow_blobs
from model.evaluate.predictors import Predictor
from model.evaluate.tracker import Blob, Floats, Frames, Tracks

HIDING = ("occluder", "containment")
"""Laws that hide a body and show it again."""
_SHOWN = 0.3
"""A body counts as seen from this share of its area on."""
_AREAS = {"ball": np.pi, "square": 4.0, "diamond": 2.0}


@dataclass(frozen=True, kw_only=True)
class Permanence:
    """One predictor's memory of what it cannot see."""

    kept: Estimate
    """Share of clips in which colour, count and place are all right."""
    colour: Estimate
    """Share in which the largest body seen has the right colour."""
    count: Estimate
    """Share in which exactly the right number of bodies is seen."""
    place: Estimate
    """Distance from the truth in canvas heights, over all frames after the re-appearance."""
    time: Estimate
    """Frames between re-appearance and true re-appearance; to the clip's end where it never comes."""


@dataclass(frozen=True, kw_only=True)
class Counting:
    """One predictor's number of bodies."""

    exact: Estimate
    """Share of predicted frames with exactly the right number, over clips."""
    error: Estimate
    """Bodies too many or too few, mean over predicted frames."""


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A scene and when its body is hidden."""

    scene: Scene
    num_given: int
    truth: Tracks
    back: tuple[int, ...]
    """Frames after the hiding in which the truth shows the body."""


def permanence(scenes: Sequence[Scene], predictors: dict[str, Predictor]) -> dict[str, Permanence]:
    """Score predictors on scenes of the laws in HIDING; scenes that hide or show too little are left out."""
    cases = [case for scene in scenes for case in _case(scene)]
    groups: dict[tuple[int, object], list[_Case]] = defaultdict(list)
    for case in cases:
        groups[case.num_given, case.scene.shape].append(case)
    found = {}
    for name, predict in predictors.items():
        rows = [row for (num_given, _), group in groups.items() for row in _rows(group, predict, num_given)]
        found[name] = _summary(np.array(rows, np.float64).reshape(len(rows), 5))
    return found


def counting(scenes: Sequence[Scene], clips: dict[str, Frames], num_given: int) -> dict[str, Counting]:
    """Score continued clips (scenes, T, H, W, 3) by their number of bodies, where all that exist are whole."""
    found = {}
    for name, many in clips.items():
        rows = [_miscounts(clip, scene, num_given) for clip, scene in zip(many, scenes, strict=True)]
        rows = [row for row in rows if len(row)]
        found[name] = Counting(
            exact=mean(np.array([(row == 0).mean() for row in rows])),
            error=mean(np.array([np.abs(row).mean() for row in rows])),
        )
    return found


def _case(scene: Scene) -> list[_Case]:
    hidden = np.flatnonzero(scene.exists[0] & ~scene.visible[0])
    if scene.law not in HIDING:
        raise ValueError(f"expected a law of {', '.join(HIDING)}, got {scene.law!r}")
    if not len(hidden) or hidden[0] < 2:
        return []
    after = np.flatnonzero(scene.visible[0, hidden[0] :])
    truth = follow_blobs(blobs_of(render(scene), scene), scene)
    body = scene.bodies[0]
    areas = np.nan_to_num(np.pi * truth.radii[0] ** 2) / (_AREAS[body.shape] * body.radius**2)
    back = tuple(int(t) for t in after + hidden[0] if areas[t] >= _SHOWN)
    return [_Case(scene=scene, num_given=int(hidden[0]) + 1, truth=truth, back=back)] if back else []


def _rows(group: Sequence[_Case], predict: Predictor, num_given: int) -> list[tuple[float, ...]]:
    scenes = [case.scene for case in group]
    given = np.stack([render(scene)[:num_given] for scene in scenes])
    clips = predict(given, scenes, scenes[0].shape.num_frames)
    return [_row(case, clip) for case, clip in zip(group, clips, strict=True)]


def _row(case: _Case, clip: Frames) -> tuple[float, ...]:
    """(kept, colour, count, place, time)."""
    scene, blobs = case.scene, blobs_of(clip, case.scene)
    tracks, last = follow_blobs(blobs, scene), case.back[-1]
    gaps = np.hypot(*(tracks.positions[0] - case.truth.positions[0]).T)
    gaps = np.where(tracks.found[0], gaps, MISSING)
    seen: Sequence[Blob] = blobs[last]
    colour = bool(seen) and seen[0].colour == scene.bodies[0].colour
    kept = colour and len(seen) == 1 and gaps[last] < scene.bodies[0].radius
    late = abs(_first_shown(tracks, case.num_given) - _first_shown(case.truth, case.num_given))
    place = float(np.sqrt((gaps[list(case.back)] ** 2).mean()))
    return float(kept), float(colour), float(len(seen) == 1), place, float(late)


def _first_shown(tracks: Tracks, num_given: int) -> int:
    """The first predicted frame in which the body is found; the clip's length where there is none."""
    num_frames = tracks.found.shape[1]
    return next((t for t in range(num_given, num_frames) if tracks.found[0, t]), num_frames)


def _summary(rows: Floats) -> Permanence:
    kept, colour, count = (share(float(column.sum()), len(column)) for column in rows.T[:3])
    place, time = (mean(column) for column in rows.T[3:])
    return Permanence(kept=kept, colour=colour, count=count, place=place, time=time)


def _miscounts(clip: Frames, scene: Scene, num_given: int) -> Floats:
    """Bodies too many in each predicted frame in which every body that exists is whole."""
    whole = (clear(scene) | ~scene.exists).all(axis=0)
    frames = [t for t in np.flatnonzero(whole) if t >= num_given]
    blobs = blobs_of(clip, scene)
    return np.array([len(blobs[t]) - int(scene.exists[:, t].sum()) for t in frames], np.float64)
