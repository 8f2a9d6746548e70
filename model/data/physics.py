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
    states = [flight.state(float(frame)) for frame in range(num_frames)]
    table = np.array(states, dtype=np.float64)
    events = tuple(flight.events)
    return Motion(positions=table[:, :2], velocities=table[:, 2:], events=events)


class _Flight:
    """The stretch since the last contact; only contacts change it, so no frame adds rounding."""

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
        self._position, self._velocity = list(body.position), list(body.velocity)
        self._time = 0.0
        self.events: list[Event] = []

    def state(self, time: float) -> tuple[float, float, float, float]:
        """Return (x, y, vx, vy) at `time`, which must not go back behind a contact."""
        while True:
            waits = self._waits()
            wall = min(range(len(WALLS)), key=waits.__getitem__)
            if self._time + waits[wall] > time:
                return self._after(time - self._time)
            self._touch(wall, waits[wall])

    def _after(self, span: float) -> tuple[float, float, float, float]:
        (x, y), (vx, vy), g = self._position, self._velocity, self._gravity
        return x + vx * span, y + vy * span + 0.5 * g * span**2, vx, vy + g * span

    def _waits(self) -> list[float]:
        (x, y), (vx, vy), g = self._position, self._velocity, self._gravity
        return [
            _first_hit(x - self._low, -vx, 0.0),
            _first_hit(self._high[0] - x, vx, 0.0),
            _first_hit(y - self._low, -vy, -g),
            _first_hit(self._high[1] - y, vy, g),
        ]

    def _touch(self, wall: int, wait: float) -> None:
        x, y, vx, vy = self._after(wait)
        self._position, self._velocity = [x, y], [vx, vy]
        self._time += wait
        axis = wall // 2
        self._position[axis] = self._low if wall % 2 == 0 else self._high[axis]
        self._velocity[axis] *= -self._restitution
        self.events.append(Event(time=self._time, wall=WALLS[wall]))
        if WALLS[wall] == "floor" and abs(self._velocity[1]) < _REST and self._gravity > 0:
            self._velocity[1], self._gravity = 0.0, 0.0


def _first_hit(distance: float, speed: float, pull: float) -> float:
    """Earliest time at which a wall `distance` ahead is met, at a speed and a pull towards it.

    A body that rounding has put a hair behind the wall meets it now.
    """
    distance = max(distance, 0.0)
    if speed <= 0 and pull <= 0:
        return math.inf
    if pull == 0:
        return distance / speed
    square = speed**2 + 2 * pull * distance
    return (math.sqrt(square) - speed) / pull if square >= 0 else math.inf
