"""The laws in which all is seen: uniform motion, walls, collisions, gravity and the pendulum.

Each draws one scene, or returns None where the draw does not show its law and the caller should draw again.
"""

from __future__ import annotations

import math

import numpy as np

from model.data.worlds.draft import Draft, Point, Stage, heading, turned
from model.data.worlds.engine import InelasticCollapse, Laws, Motion
from model.data.worlds.pendulum import period, swing
from model.data.worlds.scene import Event, Props, SceneBody

_SPREAD = 0.45
"""Radians by which a heading may differ from right, down, left or up."""


def uniform(stage: Stage) -> Draft | None:
    """A body that meets nothing."""
    dice = stage.dice
    body, speed = stage.body(dice.looks(1)[0], dice.radius()), dice.speed()
    velocity = _scaled(heading(dice, _SPREAD), speed)
    x, y = (
        stage.place(body.radius, size - body.radius, along * stage.clips)
        for size, along in zip((stage.box, 1.0), velocity, strict=True)
    )
    if x is None or y is None:
        return None
    motion = stage.play([stage.particle((x, y), velocity, body)], Laws(box_width=stage.box))
    return None if motion.events else _drafted((body,), motion)


def bounce(stage: Stage) -> Draft | None:
    """A body that turns at elastic walls, at the first one where it can be seen."""
    dice = stage.dice
    body, speed = stage.body(dice.looks(1)[0], dice.radius()), dice.speed()
    position = dice.uniform(body.radius, stage.box - body.radius), dice.uniform(body.radius, 1 - body.radius)
    particle = stage.particle(position, _scaled(heading(dice, _SPREAD), speed), body)
    motion = stage.play([particle], Laws(box_width=stage.box))
    return _drafted((body,), motion) if _first_between(motion, stage, 0.1, 0.8) else None


def collision(stage: Stage) -> Draft | None:
    """Two bodies that exchange momentum and keep their energy."""
    return _collision(stage, 1.0)


def inelastic(stage: Stage) -> Draft | None:
    """Two bodies that exchange momentum and lose energy."""
    return _collision(stage, stage.dice.restitution())


def gravity(stage: Stage) -> Draft | None:
    """A body that falls and loses speed at every contact."""
    dice = stage.dice
    body = stage.body(dice.looks(1)[0], dice.radius())
    pull, restitution = dice.gravity() / stage.span**2, dice.restitution()
    position = dice.uniform(body.radius, stage.box - body.radius), dice.uniform(body.radius, 0.45)
    particle = stage.particle(position, (dice.sign() * dice.speed(), 0.0), body)
    motion = stage.play([particle], Laws(box_width=stage.box, gravity=pull, wall_restitution=restitution))
    floor = [event.time for event in motion.events if event.wall == "floor"]
    if not floor or floor[0] > 0.85 * stage.span:
        return None
    return _drafted((body,), motion, gravity=pull, restitution=restitution)


def pendulum(stage: Stage) -> Draft | None:
    """A body on a string, released at rest."""
    dice = stage.dice
    body = stage.body(dice.looks(1)[0], dice.radius())
    pull, length = dice.gravity() / stage.span**2, dice.uniform(0.42, 0.6)
    amplitude = dice.sign() * dice.uniform(0.35, 0.9)
    pivot = stage.box / 2 + dice.uniform(-0.1, 0.1), 0.06
    reach = length * math.sin(abs(amplitude)) + body.radius
    if not reach <= pivot[0] <= stage.box - reach:
        return None
    angle, rate = swing(np.arange(stage.num_frames, dtype=np.float64), amplitude, length, pull)
    sine, cosine = np.sin(angle), np.cos(angle)
    positions = np.stack([pivot[0] + length * sine, pivot[1] + length * cosine], axis=-1)
    velocities = (length * rate)[:, None] * np.stack([cosine, -sine], axis=-1)
    half = period(amplitude, length, pull) / 2
    turns = [Event(time=n * half, kind="turn", bodies=(0,)) for n in range(1, int((stage.num_frames - 1) / half) + 1)]
    return Draft(
        bodies=(body,),
        positions=positions[None],
        velocities=velocities[None],
        events=tuple(turns),
        gravity=pull,
        props=Props(pivot=pivot),
    )


def _collision(stage: Stage, restitution: float) -> Draft | None:
    """Drawn from the contact backwards. Bodies that are not both balls meet head-on, so what touches is what is drawn.

    No wall is met in a training clip, except in the split `velocity` after the contact.
    """
    dice = stage.dice
    one, two = (stage.body(look, dice.radius()) for look in dice.looks(2))
    round_ones = one.shape == two.shape == "ball"
    ahead, speed, when = heading(dice, 0.3 if round_ones else 0.0), dice.speed(), dice.uniform(0.3, 0.7)
    normal = turned(ahead, dice.uniform(-0.7, 0.7)) if round_ones else ahead
    contact = dice.uniform(one.radius, stage.box - one.radius), dice.uniform(one.radius, 1 - one.radius)
    reach = one.radius + two.radius
    beyond = contact[0] + reach * normal[0], contact[1] + reach * normal[1]
    oncoming = dice.uniform(0.1, 0.5) * float(dice.rng.integers(2))
    velocities = _scaled(ahead, speed), _scaled(ahead, -oncoming * speed)
    starts = [_back(place, v, when) for place, v in zip((contact, beyond), velocities, strict=True)]
    if not all(stage.inside(place, b.radius) for place, b in zip(starts, (one, two), strict=True)):
        return None
    particles = [stage.particle(p, v, b) for p, v, b in zip(starts, velocities, (one, two), strict=True)]
    try:
        motion = stage.play(particles, Laws(box_width=stage.box, pair_restitution=restitution))
    except InelasticCollapse:
        return None
    early = [event.kind for event in motion.events if event.time <= stage.span]
    if early[:1] != ["contact"] or (len(early) > 1 and dice.split != "velocity"):
        return None
    return _drafted((one, two), motion, restitution=restitution)


def _drafted(bodies: tuple[SceneBody, ...], motion: Motion, gravity: float = 0.0, restitution: float = 1.0) -> Draft:
    return Draft(
        bodies=bodies,
        positions=motion.positions,
        velocities=motion.velocities,
        events=motion.events,
        gravity=gravity,
        restitution=restitution,
    )


def _first_between(motion: Motion, stage: Stage, low: float, high: float) -> bool:
    return bool(motion.events) and low <= motion.events[0].time / stage.span <= high


def _scaled(vector: Point, length: float) -> Point:
    return vector[0] * length, vector[1] * length


def _back(place: Point, velocity: Point, time: float) -> Point:
    return place[0] - velocity[0] * time, place[1] - velocity[1] * time
