"""Impossible clips, matched to valid ones frame by frame (the design of IntPhys, arXiv 1803.07616).

An edit turns a scene into another valid one: without its body, in another colour, mirrored, at rest, at another pace.
Cut both at one frame and swap the ends: each clip now breaks one law at one instant, and the two impossible clips hold
exactly the frames of the two valid ones. So a score that only knows how easy frames are sees no difference. Edits for
which that cannot be had are kept apart (UNMATCHED).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.data.worlds import COLOURS, LAWS, Scene, laws_of, make_scene, render
from model.evaluate.tracker import Floats, Frames
from model.job import VideoShape

_SLOW = 0.4
"""The pace of a slow twin."""
_MIN_JUMP = 2.5
"""A mirrored body is at least so many radii away where it jumps."""
_MIN_STEP = 0.004
"""Canvas heights a frame below which a body counts as resting."""
_MIN_PIXELS = 0.002
"""Share of pixels that must differ clearly, or nothing is to be seen."""
_MAX_TRIES = 100


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Valid clips and impossible ones."""

    scene: Scene
    """The first valid one; its caption, where one is wanted, goes with all."""
    edit: str
    """One of EDITS."""
    frame: int
    """The first frame that is wrong."""
    valid: tuple[Frames, ...]
    """One or two clips (T, H, W, 3)."""
    impossible: tuple[Frames, ...]
    """As many, of the same frames where there are two."""


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """Where to break a scene."""

    scene: Scene
    frame: int
    rng: np.random.Generator

    @property
    def before(self) -> Floats:
        """(bodies, 2), where everything is in the last frame before the cut."""
        return np.asarray(self.scene.positions[:, self.frame - 1])

    def moved(self, positions: Floats) -> Scene:
        return replace(self.scene, positions=positions)

    def mirrored(self, axis: int) -> Floats:
        """Positions mirrored left to right (0) or top to bottom (1)."""
        size = (self.scene.shape.width / self.scene.shape.height, 1.0)[axis]
        positions = np.array(self.scene.positions)
        positions[..., axis] = size - positions[..., axis]
        return positions


def _teleport(cut: _Cut) -> Scene | None:
    """All is mirrored: bodies are elsewhere from one frame to the next."""
    radius = max(body.radius for body in cut.scene.bodies)
    axes = [axis for axis in _mirrors(cut.scene.law) if _jump(cut, axis) >= _MIN_JUMP * radius]
    return cut.moved(cut.mirrored(axes[0])) if axes else None


def _vanish(cut: _Cut) -> Scene | None:
    """A body that is there, and one that is not."""
    there = np.flatnonzero(cut.scene.exists[:, cut.frame - 1 : cut.frame + 1].all(axis=1))
    if not len(there):
        return None
    exists = np.array(cut.scene.exists)
    exists[there[cut.rng.integers(len(there))]] = False
    return replace(cut.scene, exists=exists)


def _double(cut: _Cut) -> Scene | None:
    """A mirrored second body that the first never meets."""
    scene, body = cut.scene, cut.scene.bodies[0]
    for axis in _mirrors(scene.law):
        other = cut.mirrored(axis)
        if np.hypot(*(other[0] - scene.positions[0]).T).min() > 2.5 * body.radius:
            return replace(
                scene,
                bodies=(body, body),
                positions=np.concatenate([scene.positions, other]),
                velocities=np.concatenate([scene.velocities, scene.velocities]),
                exists=np.concatenate([scene.exists, scene.exists]),
                visible=np.concatenate([scene.visible, scene.visible]),
            )
    return None


def _colour(cut: _Cut) -> Scene | None:
    """Another colour for one body."""
    index = int(cut.rng.integers(len(cut.scene.bodies)))
    taken = {body.colour for body in cut.scene.bodies}
    free = [colour for colour in COLOURS if colour not in taken]
    changed = replace(cut.scene.bodies[index], colour=free[cut.rng.integers(len(free))])
    bodies = (*cut.scene.bodies[:index], changed, *cut.scene.bodies[index + 1 :])
    return replace(cut.scene, bodies=bodies)


def _stop(cut: _Cut) -> Scene | None:
    """At rest all along where the moving one is cut: it stops for no reason, and starts for none."""
    return cut.moved(np.repeat(cut.before[:, None], cut.scene.shape.num_frames, axis=1))


def _turn(cut: _Cut) -> Scene | None:
    """The way back in time: spliced in the middle, bodies turn with nothing there to turn them."""
    return cut.moved(cut.scene.positions[:, ::-1].copy())


def _pace(cut: _Cut) -> Scene | None:
    """The same path, slower, equal at the cut: it loses speed for no reason, and gains some for none."""
    time = np.arange(cut.scene.shape.num_frames, dtype=np.float64)
    slow = (cut.frame - 1) + _SLOW * (time - cut.frame + 1)
    paths = [[np.interp(slow, time, axis) for axis in path.T] for path in cut.scene.positions]
    return cut.moved(np.array(paths).transpose(0, 2, 1))


def _through(cut: _Cut) -> Scene | None:
    """Two bodies go on through each other."""
    positions = np.array(cut.scene.positions)
    pace = cut.before - positions[:, cut.frame - 2]
    steps = np.arange(1, cut.scene.shape.num_frames - cut.frame + 1)
    positions[:, cut.frame :] = cut.before[:, None] + pace[:, None] * steps[:, None]
    return cut.moved(positions) if _in_picture(cut.scene, positions) else None


def _float(cut: _Cut) -> Scene | None:
    """Gravity turns round: it falls up, as far as the ceiling."""
    positions, pull = np.array(cut.scene.positions), cut.scene.gravity
    steps = np.arange(1, cut.scene.shape.num_frames - cut.frame + 1)
    pace = cut.before[0, 1] - positions[0, cut.frame - 2, 1] + pull / 2
    risen = cut.before[0, 1] + pace * steps - pull * steps**2 / 2
    positions[0, cut.frame :, 1] = np.maximum(risen, cut.scene.bodies[0].radius)
    return cut.moved(positions) if _in_picture(cut.scene, positions) else None


_Edit = tuple[Callable[[_Cut], Scene | None], tuple[str, ...]]
MATCHED: dict[str, _Edit] = {
    "teleport": (_teleport, ("uniform", "bounce", "collision", "inelastic", "gravity", "occluder", "counting")),
    "vanish": (_vanish, ("uniform", "bounce", "gravity", "occluder", "containment", "counting")),
    "double": (_double, ("uniform", "bounce", "gravity")),
    "colour": (_colour, LAWS),
    "stop": (_stop, ("uniform", "bounce", "occluder")),
    "pace": (_pace, ("uniform", "bounce", "collision", "inelastic", "occluder")),
}
"""Name -> what makes the twin, and the laws under which twin and scene are both valid but not together."""
UNMATCHED: dict[str, _Edit] = {
    "turn": (_turn, ("uniform", "bounce", "collision", "occluder", "pendulum")),
    "through": (_through, ("collision", "inelastic")),
    "float": (_float, ("gravity",)),
}
"""Edits that a score can tell without knowing any law, so they are no part of an error's mean: after a turn every
frame comes twice in one clip, which helps whoever averages over time, and the other two show other frames."""
_ALONE = ("through", "float")
"""Edits whose twin is itself impossible from the cut on."""
EDITS = MATCHED | UNMATCHED
_OF_MOTION = ("stop", "turn", "pace", "float")
"""Edits that need a body in motion and no contact nearby, which would be a cause."""


def match(scene: Scene, edit: str, seed: int) -> Matched | None:
    """Return the matched clips of a scene, or None where the edit does not break its law or could not be seen.

    Behind an occluder and in a container things change out of sight: what comes out is not what went in.
    """
    if edit not in EDITS:
        raise ValueError(f"unknown edit {edit!r}; choose from {', '.join(EDITS)}")
    make, laws = EDITS[edit]
    rng = np.random.Generator(np.random.Philox(key=[seed, list(EDITS).index(edit)]))
    frame = _frame(scene, edit, rng) if scene.law in laws else None
    twin = None if frame is None else make(_Cut(scene=scene, frame=frame, rng=rng))
    if frame is None or twin is None:
        return None
    one, two = render(scene), render(twin)
    if not (_differ(one[:frame], two[:frame]) or edit in _ALONE) or not _differ(one[frame:], two[frame:]):
        return None
    if edit in _ALONE:
        return Matched(scene=scene, edit=edit, frame=frame, valid=(one,), impossible=(two,))
    crossed = tuple(np.concatenate([a[:frame], b[frame:]]) for a, b in ((one, two), (two, one)))
    return Matched(scene=scene, edit=edit, frame=frame, valid=(one, two), impossible=crossed)


def make_matched(
    num: int,
    *,
    seed: int,
    shape: VideoShape,
    split: str = "train",
    laws: Sequence[str] | None = None,
    edits: Sequence[str] = tuple(MATCHED),
) -> list[Matched]:
    """Return sets that go through `edits` in turn, and for each edit through those of `laws` that it breaks.

    Every set has a scene of its own, so sets are independent. Raises ValueError where nothing can be edited.
    """
    wanted = set(laws_of(split)) & set(LAWS if laws is None else laws)
    turns = [(edit, [law for law in EDITS[edit][1] if law in wanted]) for edit in edits if edit in EDITS]
    turns = [(edit, broken) for edit, broken in turns if broken]
    if not turns or num < 1:
        raise ValueError(f"expected 1 set or more and edits that break one of {sorted(wanted)}, got {num}, {edits}")
    found: list[Matched] = []
    for index in range(_MAX_TRIES * num):
        edit, broken = turns[len(found) % len(turns)]
        scene = make_scene(broken[index % len(broken)], seed, shape, split, index=index)
        matched = match(scene, edit, seed + index)
        found += [matched] if matched else []
        if len(found) == num:
            return found
    raise ValueError(f"no scene of {shape} shows the edit {turns[len(found) % len(turns)][0]!r}; add frames or pixels")


def _frame(scene: Scene, edit: str, rng: np.random.Generator) -> int | None:
    """The first wrong frame: at the contact, in the middle, out of sight, or anywhere in the middle third."""
    num = scene.shape.num_frames
    if edit == "through":
        times = [event.time for event in scene.events if event.kind == "contact"]
        frame = int(np.ceil(times[0])) if times else 0
    elif edit == "turn":
        frame = (num + 1) // 2
    elif scene.law in ("occluder", "containment"):
        hidden = np.flatnonzero(scene.exists[0] & ~scene.visible[0])
        frame = int(hidden[len(hidden) // 2]) if len(hidden) else 0
    else:
        frame = int(rng.integers(max(2, num // 3), max(3, (2 * num + 2) // 3)))
    if not 2 <= frame < num:
        return None
    return frame if edit not in _OF_MOTION or _free(scene, frame) else None


def _free(scene: Scene, frame: int) -> bool:
    """Whether everything moves around a frame and nothing befalls it."""
    steps = np.hypot(*(scene.positions[:, frame] - scene.positions[:, frame - 1]).T)
    befalls = [event.time for event in scene.events if event.kind in ("wall", "contact", "turn")]
    return bool(steps.max() > _MIN_STEP) and not any(frame - 2 <= time <= frame + 1 for time in befalls)


def _mirrors(law: str) -> tuple[int, ...]:
    """Axes along which a mirrored scene obeys its law: props stand where they stand, gravity points down."""
    return {"occluder": (1,), "gravity": (0,)}.get(law, (0, 1))


def _jump(cut: _Cut, axis: int) -> float:
    """How far the first body jumps if mirrored at the cut."""
    return float(np.abs(cut.mirrored(axis)[0, cut.frame, axis] - cut.scene.positions[0, cut.frame, axis]))


def _in_picture(scene: Scene, positions: Floats) -> bool:
    radii = np.array([body.radius for body in scene.bodies])[:, None, None]
    size = np.array([scene.shape.width / scene.shape.height, 1.0])
    return bool((positions >= radii).all() and (positions <= size - radii).all())


def _differ(one: Frames, two: Frames) -> bool:
    change: NDArray[np.int16] = np.abs(one.astype(np.int16) - two.astype(np.int16)).max(axis=-1)
    return float((change > 32).mean()) >= _MIN_PIXELS
