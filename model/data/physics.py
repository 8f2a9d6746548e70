"""Exact motion of one body in a box, event by event: no integration error, so states are ground truth.

x runs right and y runs down from the top left corner; the box is one unit high; time is in frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WALLS = ("left wall", "right wall", "ceiling", "floor")
_REST = 0.02
"""Rebounds slower than this (units per frame) end a bounce: the body then lies on the floor."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A contact with a wall."""

    time: float
    """In frames."""
    wall: str
    """One of WALLS."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Where a body is at every frame and what it touched before the last one."""

    positions: NDArray[np.float64]
    """(frames, 2), the centre's x and y."""
    velocities: NDArray[np.float64]
    """(frames, 2), units per frame, after any contact at that instant."""
    events: tuple[Event, ...]
    """In order of time."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A body at frame 0 and the laws that it obeys."""

    position: tuple[float, float]
    """Centre."""
    velocity: tuple[float, float]
    """Units per frame."""
    radius: float
    """Distance from centre to walls at contact."""
    gravity: float = 0.0
    """Downward acceleration, units per frame squared."""
    restitution: float = 1.0
    """Share of the normal speed that survives a contact."""

    def __post_init__(self) -> None:
        if not 0 < self.radius < 0.5:
            raise ValueError(f"radius must be inside (0, 0.5), got {self.radius}")
        if self.gravity < 0 or not 0 <= self.restitution <= 1:
            raise ValueError(
                f"gravity must be 0 or more and restitution inside [0, 1], got {self.gravity} and {self.restitution}"
            )


def simulate(body: Body, num_frames: int, box_width: float = 1.0) -> Motion:
    """Return the body's motion at frames 0 .. num_frames - 1."""
    flight = _Flight(body, box_width)
    states = []
    for frame in range(num_frames):
        flight.advance(float(frame))
        states.append((*flight.position, *flight.velocity))
    table = np.array(states, dtype=np.float64)
    events = tuple(flight.events)
    return Motion(positions=table[:, :2], velocities=table[:, 2:], events=events)


class _Flight:
    def __init__(self, body: Body, box_width: float) -> None:
        low, high = body.radius, (box_width - body.radius, 1.0 - body.radius)
        inside = all(low <= p <= h for p, h in zip(body.position, high, strict=True))
        if not inside:
            raise ValueError(
                f"the body must start inside the box, got centre {body.position} with "
                f"radius {body.radius} in a box of {box_width} x 1"
            )
        self._low, self._high = low, high
        self._gravity, self._restitution = body.gravity, body.restitution
        self.position, self.velocity = list(body.position), list(body.velocity)
        self.time, self.events = 0.0, list[Event]()

    def advance(self, until: float) -> None:
        while True:
            waits = self._waits()
            wall = min(range(4), key=waits.__getitem__)
            if self.time + waits[wall] > until:
                break
            self._move(waits[wall])
            self._touch(wall)
        self._move(until - self.time)

    def _waits(self) -> list[float]:
        (x, y), (vx, vy), g = self.position, self.velocity, self._gravity
        left = (self._low - x) / vx if vx < 0 else math.inf
        right = (self._high[0] - x) / vx if vx > 0 else math.inf
        return [left, right, _first_hit(self._low - y, vy, g, -1), self._floor(y, vy, g)]

    def _floor(self, y: float, vy: float, g: float) -> float:
        return math.inf if g == 0 and vy <= 0 else _first_hit(self._high[1] - y, vy, g, 1)

    def _move(self, span: float) -> None:
        self.position[0] += self.velocity[0] * span
        self.position[1] += self.velocity[1] * span + 0.5 * self._gravity * span**2
        self.velocity[1] += self._gravity * span
        self.time += span

    def _touch(self, wall: int) -> None:
        axis = wall // 2
        self.position[axis] = self._low if wall % 2 == 0 else self._high[axis]
        self.velocity[axis] *= -self._restitution
        self.events.append(Event(time=self.time, wall=WALLS[wall]))
        if WALLS[wall] == "floor" and abs(self.velocity[1]) < _REST and self._gravity > 0:
            self.velocity[1], self._gravity = 0.0, 0.0


def _first_hit(distance: float, speed: float, gravity: float, side: int) -> float:
    """Earliest time > 0 at which speed t + gravity t^2 / 2 = distance, moving towards `side`."""
    if gravity == 0:
        return distance / speed if speed * side > 0 else math.inf
    square = speed**2 + 2 * gravity * distance
    if square < 0 or (side < 0 and speed >= 0):
        return math.inf
    time = (-speed + side * math.sqrt(square)) / gravity
    return time if time > 0 else math.inf
