"""Exact motion of discs in a box, event by event: no integration error, so states are ground truth.

Between events a body moves on a parabola; walls turn its normal speed round, two bodies exchange an impulse along
the line of their centres. Lengths are in box heights, times in frames, y runs down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.data.worlds.scene import WALLS, Event

_REST_HEIGHT = 0.003
"""A rebound from the floor that rises less than this ends there: the body then lies on the floor."""
_MAX_EVENTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Particle:
    """A body at frame 0."""

    position: tuple[float, float]
    velocity: tuple[float, float]
    """Heights per frame."""
    radius: float
    mass: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.radius < 0.5 or not self.mass > 0:
            raise ValueError(f"expected a radius inside (0, 0.5) and a mass above 0, got {self.radius}, {self.mass}")


@dataclass(frozen=True, kw_only=True)
class Laws:
    """What the bodies obey."""

    box_width: float | None = 1.0
    """None: no walls."""
    gravity: float = 0.0
    """Downward, heights per frame squared; for one body."""
    wall_restitution: float = 1.0
    """Share of the normal speed that survives a wall."""
    pair_restitution: float = 1.0
    """Share of the approach that survives a contact of two bodies."""

    def __post_init__(self) -> None:
        shares = self.wall_restitution, self.pair_restitution
        if self.gravity < 0 or not all(0 <= share <= 1 for share in shares):
            raise ValueError(
                f"gravity must be 0 or more and restitution inside [0, 1], got {self.gravity} and {shares}"
            )


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Where the bodies are at every frame and what they touched before the last one."""

    positions: NDArray[np.float64]
    """(bodies, frames, 2)."""
    velocities: NDArray[np.float64]
    """(bodies, frames, 2), after any contact at that instant."""
    events: tuple[Event, ...]
    """In order of time."""


class InelasticCollapse(ArithmeticError):
    """Contacts follow one another without end in a finite time, as between a wall and a body that pushes against it."""


def simulate(particles: Sequence[Particle], num_frames: int, laws: Laws) -> Motion:
    """Return the motion at frames 0 .. num_frames - 1. Raises InelasticCollapse where contacts have no end."""
    flight = _Flight(particles, laws)
    flight.run(float(num_frames - 1))
    frames = np.arange(num_frames, dtype=np.float64)
    times = np.array([time for time, _ in flight.pieces])
    states = np.array([state for _, state in flight.pieces])  # pieces, bodies, (x, y, vx, vy, g)
    piece = np.searchsorted(times, frames, side="right") - 1
    now = states[piece].transpose(1, 0, 2)
    span = (frames - times[piece])[None, :, None]
    pull = np.stack([np.zeros_like(now[..., 4]), now[..., 4]], axis=-1)
    return Motion(
        positions=now[..., :2] + now[..., 2:4] * span + 0.5 * pull * span**2,
        velocities=now[..., 2:4] + pull * span,
        events=tuple(flight.events),
    )


class _Flight:
    """The states right after each event; only events change them, so no frame adds rounding."""

    def __init__(self, particles: Sequence[Particle], laws: Laws) -> None:
        self._laws, self._particles = laws, particles
        self._check()
        self._state = [[*p.position, *p.velocity, laws.gravity] for p in particles]
        self._time = 0.0
        self.events: list[Event] = []
        self.pieces: list[tuple[float, list[list[float]]]] = [(0.0, self._copy())]

    def run(self, end: float) -> None:
        """Play all events up to and with the time `end`."""
        for _ in range(_MAX_EVENTS):
            wait, bodies, wall = self._next()
            if self._time + wait > end:
                return
            self._advance(wait)
            if wall >= 0:
                self._touch(bodies[0], wall)
            else:
                self._collide(*bodies)
            self.events.append(
                Event(
                    time=self._time,
                    kind="wall" if wall >= 0 else "contact",
                    bodies=bodies,
                    wall=WALLS[wall] if wall >= 0 else "",
                )
            )
            self.pieces.append((self._time, self._copy()))
        raise InelasticCollapse(f"more than {_MAX_EVENTS} events in {end} frames")

    def _check(self) -> None:
        width, particles = self._laws.box_width, self._particles
        if self._laws.gravity and len(particles) > 1:
            raise ValueError(f"gravity pulls one body, got {len(particles)}; drop the others or the gravity")
        for p in particles:
            inside = width is None or (
                p.radius <= p.position[0] <= width - p.radius and p.radius <= p.position[1] <= 1 - p.radius
            )
            if not inside:
                raise ValueError(
                    f"the body must start inside the box, got centre {p.position} with "
                    f"radius {p.radius} in a box of {width} x 1"
                )

    def _copy(self) -> list[list[float]]:
        return [list(state) for state in self._state]

    def _advance(self, wait: float) -> None:
        self._time += wait
        for state in self._state:
            x, y, vx, vy, g = state
            state[:4] = x + vx * wait, y + vy * wait + 0.5 * g * wait**2, vx, vy + g * wait

    def _next(self) -> tuple[float, tuple[int, ...], int]:
        """The wait for the next event, whose it is and which wall (-1: the other body)."""
        found: list[tuple[float, tuple[int, ...], int]] = [(math.inf, (0,), 0)]
        for i in range(len(self._state)):
            if self._laws.box_width is not None:
                found += [(wait, (i,), wall) for wall, wait in enumerate(self._wall_waits(i))]
            found += [(self._pair_wait(i, j), (i, j), -1) for j in range(i + 1, len(self._state))]
        return min(found, key=lambda candidate: candidate[0])

    def _wall_waits(self, body: int) -> list[float]:
        (x, y, vx, vy, g), low = self._state[body], self._particles[body].radius
        assert self._laws.box_width is not None, "walls need a box"
        return [
            _first_hit(x - low, -vx, 0.0),
            _first_hit(self._laws.box_width - low - x, vx, 0.0),
            _first_hit(y - low, -vy, -g),
            _first_hit(1.0 - low - y, vy, g),
        ]

    def _pair_wait(self, one: int, two: int) -> float:
        """When the distance of two centres becomes the sum of the radii, from a quadratic without cancellation."""
        a, b = self._state[one], self._state[two]
        dx, dy, wx, wy = (b[k] - a[k] for k in range(4))
        closing = dx * wx + dy * wy
        reach = self._particles[one].radius + self._particles[two].radius
        gap = max(dx * dx + dy * dy - reach * reach, 0.0)
        root = closing * closing - (wx * wx + wy * wy) * gap
        if closing >= 0 or root < 0:
            return math.inf
        return gap / (math.sqrt(root) - closing)

    def _touch(self, body: int, wall: int) -> None:
        state, low, width = self._state[body], self._particles[body].radius, self._laws.box_width
        assert width is not None, "walls need a box"
        axis = wall // 2
        state[axis] = low if wall % 2 == 0 else (width, 1.0)[axis] - low
        state[2 + axis] *= -self._laws.wall_restitution
        if WALLS[wall] == "floor" and state[4] > 0 and state[3] ** 2 < 2 * state[4] * _REST_HEIGHT:
            state[3] = state[4] = 0.0

    def _collide(self, one: int, two: int) -> None:
        a, b = self._state[one], self._state[two]
        dx, dy, wx, wy = (b[k] - a[k] for k in range(4))
        distance = math.hypot(dx, dy)
        nx, ny = dx / distance, dy / distance
        shares = 1 / self._particles[one].mass, 1 / self._particles[two].mass
        push = -(1 + self._laws.pair_restitution) * (wx * nx + wy * ny) / sum(shares)
        a[2], a[3] = a[2] - push * nx * shares[0], a[3] - push * ny * shares[0]
        b[2], b[3] = b[2] + push * nx * shares[1], b[3] + push * ny * shares[1]


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
