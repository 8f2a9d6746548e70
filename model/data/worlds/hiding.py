"""The laws of permanence: behind a pillar, in a box, and in and out of the picture.

Each draws one scene, or returns None where the draw does not show its law and the caller should draw again.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.data.worlds.draft import Draft, Stage
from model.data.worlds.engine import Laws, Motion
from model.data.worlds.scene import Container, Event, Pillar, Props, SceneBody

LANES = 4
"""Rows of a counting scene: bodies that never meet."""


def occluder(stage: Stage) -> Draft | None:
    """A body that goes behind a pillar and comes out again."""
    dice = stage.dice
    body, speed, sign = stage.body(dice.looks(1)[0], dice.radius()), dice.speed() * stage.box, dice.sign()
    margin = max(0.06, stage.pixel_margin + min(0.55 * speed / stage.span, 0.08))
    pillar = Pillar(centre=stage.box * dice.uniform(0.45, 0.55), half_width=body.radius + margin)
    position = dice.uniform(body.radius, stage.box - body.radius), dice.uniform(0.25, 0.75)
    motion = stage.play([stage.particle(position, (sign * speed, 0.0), body)], Laws(box_width=stage.box))
    shown = _passes(motion, stage, body, pillar)
    early = [event.kind for event in shown if event.time <= stage.span]
    starts_seen = abs(position[0] - pillar.centre) >= pillar.half_width
    if not starts_seen or early != ["hide", "appear"] or abs(_at_clip_end(motion, stage) - pillar.centre) <= margin:
        return None
    events = sorted((*motion.events, *shown), key=lambda event: event.time)
    return Draft(
        bodies=(body,),
        positions=motion.positions,
        velocities=motion.velocities,
        events=tuple(events),
        props=Props(pillar=pillar),
    )


def containment(stage: Stage) -> Draft | None:
    """A body at rest over which a box comes down; the box may carry it along before it lifts."""
    dice = stage.dice
    body = stage.body(dice.looks(1)[0], dice.radius())
    half = body.radius + max(0.035, stage.pixel_margin)
    carried = dice.split == "velocity" or dice.rng.integers(3) > 0
    shift = dice.sign() * dice.speed() * 0.4 if carried else 0.0
    x = stage.place(half, stage.box - half, shift)
    if x is None:
        return None
    y, wait = dice.uniform(0.5, 1 - half), stage.clips - 1
    times = np.array([0.0, 0.25, 0.3, 0.7, 0.75 + wait, 1.0 + wait]) * stage.span
    sideways = np.array([x, x, x, x + shift, x + shift, x + shift])
    rest, lid = np.full(6, y), np.array([-half, y, y, y, y, -half])
    places, velocities = _along(times, np.stack([sideways, rest], axis=-1), stage.num_frames)
    box_places, _ = _along(times, np.stack([sideways, lid], axis=-1), stage.num_frames)
    covers = 0.25 * stage.span * (1 - (half - body.radius) / (y + half))
    hide = Event(time=covers, kind="hide", bodies=(0,))
    appear = Event(time=times[-1] - covers, kind="appear", bodies=(0,))
    return Draft(
        bodies=(body,),
        positions=places[None],
        velocities=velocities[None],
        events=(hide, appear),
        props=Props(container=Container(positions=box_places, half=half)),
    )


def counting(stage: Stage) -> Draft | None:
    """Bodies of one look that drift in lanes of their own; one more may enter, or one leave."""
    dice = stage.dice
    look, radius, num = dice.looks(1)[0], dice.radius(), int(dice.rng.integers(2, 4))
    change = ("enter", "leave", "none")[dice.rng.integers(2 if dice.split == "velocity" else 3)]
    heights = (dice.rng.permutation(LANES) + 0.5) / LANES
    mover = _mover(stage, change, radius) if change != "none" else None
    if change != "none" and mover is None:
        return None
    paths = [mover[0]] if mover else []
    while len(paths) < num + (change == "enter"):
        drift = dice.sign() * dice.uniform(0.03, 0.12)
        x = stage.place(radius, stage.box - radius, drift * stage.clips)
        if x is None:
            return None
        paths.append((x, drift))
    starts, speeds = np.array(paths).T
    speeds = speeds / stage.span
    across = starts[:, None] + speeds[:, None] * np.arange(stage.num_frames)
    down = np.broadcast_to(heights[: len(paths), None], across.shape)
    still = np.zeros_like(across)
    return Draft(
        bodies=(stage.body(look, radius),) * len(paths),
        positions=np.stack([across, down], axis=-1),
        velocities=np.stack([still + speeds[:, None], still], axis=-1),
        events=(mover[1],) if mover else (),
        exists=(across > -radius) & (across < stage.box + radius),
    )


def _mover(stage: Stage, change: str, radius: float) -> tuple[tuple[float, float], Event] | None:
    """Start, speed per clip and event of the body that crosses an edge of the picture."""
    dice = stage.dice
    speed, when, right = dice.speed(), dice.uniform(*((0.1, 0.5) if change == "enter" else (0.5, 0.9))), dice.sign()
    depth = speed * when - radius  # of its centre inside the edge at frame 0
    if change == "leave":
        fits, velocity = 0 <= depth <= stage.box - radius, right * speed
    else:
        depth = -depth - 2 * radius
        end = speed * (stage.clips - when)
        fits, velocity = speed * (1 - when) >= radius and end <= stage.box, -right * speed
    start = stage.box - depth if right > 0 else depth
    event = Event(time=when * stage.span, kind=change, bodies=(0,))
    return ((start, velocity), event) if fits else None


def _passes(motion: Motion, stage: Stage, body: SceneBody, pillar: Pillar) -> list[Event]:
    """When the pillar begins and ceases to cover the whole body: crossings of pieces of uniform motion."""
    walls = {"left wall": body.radius, "right wall": stage.box - body.radius}
    knots = [(0.0, float(motion.positions[0, 0, 0]))]
    knots += [(event.time, walls[event.wall]) for event in motion.events]
    knots += [(float(stage.num_frames - 1), float(motion.positions[0, -1, 0]))]
    room, found = pillar.half_width - body.radius, []
    for (t0, x0), (t1, x1) in pairwise(knots):
        rightward = x1 > x0
        for edge, kind in ((pillar.centre - room, "hide"), (pillar.centre + room, "appear")):
            if min(x0, x1) < edge <= max(x0, x1):
                time = t0 + (edge - x0) / (x1 - x0) * (t1 - t0)
                turned = {"hide": "appear", "appear": "hide"}[kind]
                found.append(Event(time=time, kind=kind if rightward else turned, bodies=(0,)))
    return sorted(found, key=lambda event: event.time)


def _at_clip_end(motion: Motion, stage: Stage) -> float:
    return float(motion.positions[0, stage.span, 0])


def _along(
    times: NDArray[np.float64], knots: NDArray[np.float64], num_frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions and velocities at the frames on the line through `knots` (times, 2); at rest after the last."""
    frames = np.arange(num_frames, dtype=np.float64)
    slopes = np.concatenate([np.diff(knots, axis=0) / np.diff(times)[:, None], np.zeros((1, 2))])
    places = np.stack([np.interp(frames, times, knots[:, axis]) for axis in range(2)], axis=-1)
    return places, slopes[np.searchsorted(times, frames, side="right") - 1]
