"""What the laws of the world draw on and what they return: a stage, and a draft of the scene that plays on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.data.worlds.engine import Laws, Motion, Particle, simulate
from model.data.worlds.scene import Event, Props, SceneBody
from model.data.worlds.splits import Dice

AREAS = {"ball": math.pi, "square": 4.0, "diamond": 2.0}
"""Drawn area of each shape at radius one."""

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where and for how long a law plays."""

    dice: Dice
    span: int
    """Frames of a training clip less one."""
    num_frames: int
    """Of this clip."""
    height: int
    """Rows of a frame."""
    box: float
    """Width of the picture, in heights."""

    @property
    def clips(self) -> float:
        """How many training clips this one lasts."""
        return (self.num_frames - 1) / self.span

    @property
    def pixel_margin(self) -> float:
        """How far a cover has to reach beyond a body to hide its soft edge too; less on coarse pictures."""
        return min(1.75 / self.height, 0.06)

    def body(self, look: tuple[str, str], radius: float) -> SceneBody:
        """A body of a shape and colour."""
        shape, colour = look
        return SceneBody(shape=shape, colour=colour, radius=radius, mass=AREAS[shape] * radius**2)

    def particle(self, position: Point, velocity: Point, body: SceneBody) -> Particle:
        """A body at frame 0, its velocity given in heights per training clip."""
        per_frame = velocity[0] / self.span, velocity[1] / self.span
        return Particle(position=position, velocity=per_frame, radius=body.radius, mass=body.mass)

    def play(self, particles: list[Particle], laws: Laws) -> Motion:
        """The exact motion over this clip."""
        return simulate(particles, self.num_frames, laws)

    def inside(self, position: Point, radius: float) -> bool:
        """Whether a body lies wholly in the picture."""
        return radius <= position[0] <= self.box - radius and radius <= position[1] <= 1 - radius

    def place(self, low: float, high: float, travel: float) -> float | None:
        """A start from which `travel` stays inside [low, high], or None where there is none."""
        low, high = low - min(0.0, travel), high - max(0.0, travel)
        return self.dice.uniform(low, high) if low < high else None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A law's part of a scene; see `Scene`."""

    bodies: tuple[SceneBody, ...]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    events: tuple[Event, ...] = ()
    exists: NDArray[np.bool_] | None = None
    """None: always."""
    gravity: float = 0.0
    restitution: float = 1.0
    props: Props = field(default_factory=Props)


def heading(dice: Dice, spread: float) -> Point:
    """A unit vector within `spread` radians of right, down, left or up, so that words for it are plain."""
    angle = float(dice.rng.integers(4)) * math.pi / 2 + dice.uniform(-spread, spread)
    return math.cos(angle), math.sin(angle)


def turned(direction: Point, angle: float) -> Point:
    """A vector turned by `angle` radians."""
    (x, y), c, s = direction, math.cos(angle), math.sin(angle)
    return x * c - y * s, x * s + y * c
