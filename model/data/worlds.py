"""The procedural 2-D world: seeded scenes with exact state, events and a caption that states them.

- bounce: uniform motion, elastic contacts with the walls
- gravity: a fall with restitution on the floor
- occluder: uniform motion behind a pillar that hides the body whole
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.data.clips import Clips
from model.data.physics import Body, Motion, simulate
from model.data.render import Colour, canvas, draw_box, draw_disc, to_frame
from model.job import DEMO_SHAPE, VideoShape

KINDS = ("bounce", "gravity", "occluder")
SHAPES = ("ball", "square")
COLOURS: dict[str, Colour] = {
    "red": (220, 45, 45),
    "orange": (240, 135, 20),
    "yellow": (235, 205, 30),
    "green": (35, 150, 70),
    "blue": (35, 90, 215),
    "purple": (135, 50, 170),
}
BACKGROUNDS: dict[str, Colour] = {
    "white": (245, 245, 245),
    "cream": (246, 230, 200),
    "sky blue": (165, 210, 240),
    "mint": (185, 230, 205),
    "navy": (25, 30, 70),
}
ATTRIBUTION = "Ten Wings procedural worlds, CC0-1.0"
_PILLAR: Colour = (95, 85, 80)


@dataclass(frozen=True, kw_only=True)
class Pillar:
    """A full-height occluder in front of the body."""

    centre: float
    """x of its middle, in canvas heights."""
    half_width: float
    """Half its width."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One scene: what was drawn, the exact motion, and the words for it."""

    kind: str
    """One of KINDS."""
    shape: str
    """One of SHAPES; a square's radius is half its side."""
    colour: str
    """A key of COLOURS."""
    background: str
    """A key of BACKGROUNDS."""
    body: Body
    """The body at frame 0 and its laws."""
    motion: Motion
    """Its positions, velocities and contacts."""
    pillar: Pillar | None = None
    """The occluder, where the kind has one."""

    @property
    def caption(self) -> str:
        """A sentence that states subject, motion, background and first contact."""
        thing = f"{'an' if self.colour[0] in 'aeiou' else 'a'} {self.colour} {self.shape}"
        place = f"on a {self.background} background"
        if self.kind == "occluder":
            return f"{thing} moves {self.heading} behind a pillar {place}"
        verb = "falls" if self.kind == "gravity" else f"moves {self.heading}"
        walls = [event.wall for event in self.motion.events]
        return f"{thing} {verb} {place}" + (f" and bounces off the {walls[0]}" if walls else "")

    @property
    def heading(self) -> str:
        """The larger component of the first velocity, in words."""
        x, y = self.body.velocity
        if abs(x) >= abs(y):
            return "right" if x > 0 else "left"
        return "down" if y > 0 else "up"

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """(frames,), True where the pillar hides the whole body."""
        if self.pillar is None:
            return np.zeros(len(self.motion.positions), np.bool_)
        room = self.pillar.half_width - self.body.radius
        return np.asarray(np.abs(self.motion.positions[:, 0] - self.pillar.centre) <= room)


def make_world(kind: str, seed: int, shape: VideoShape = DEMO_SHAPE) -> World:
    """Draw a scene; its body moves through about a box in `shape.num_frames` frames."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; choose from {', '.join(KINDS)}")
    rng = np.random.Generator(np.random.Philox(key=[seed, KINDS.index(kind)]))
    box_width = shape.width / shape.height
    draw = {"bounce": _bounce, "gravity": _gravity, "occluder": _occluder}[kind]
    body, pillar = draw(rng, max(shape.num_frames - 1, 1), box_width)
    return World(
        kind=kind,
        shape=SHAPES[rng.integers(len(SHAPES))],
        colour=list(COLOURS)[rng.integers(len(COLOURS))],
        background=list(BACKGROUNDS)[rng.integers(len(BACKGROUNDS))],
        body=body,
        motion=simulate(body, shape.num_frames, box_width),
        pillar=pillar,
    )


def render(world: World, shape: VideoShape = DEMO_SHAPE) -> NDArray[np.uint8]:
    """Draw a scene as uint8 (frames, height, width, 3)."""
    frames = [_frame(world, position, shape) for position in world.motion.positions]
    return np.stack(frames)


def make_clips(*, num_clips: int, seed: int, shape: VideoShape = DEMO_SHAPE, kinds: Sequence[str] = KINDS) -> Clips:
    """Return clips that go through `kinds` in turn; equal arguments give equal clips."""
    worlds = [make_world(kinds[i % len(kinds)], seed * 1_000_003 + i, shape) for i in range(num_clips)]
    return Clips(
        frames=np.stack([render(world, shape) for world in worlds]),
        captions=tuple(world.caption for world in worlds),
        attributions=(ATTRIBUTION,) * num_clips,
    )


def _frame(world: World, position: NDArray[np.float64], shape: VideoShape) -> NDArray[np.uint8]:
    target = canvas(shape.height, shape.width, BACKGROUNDS[world.background])
    (x, y), radius, colour = position, world.body.radius, COLOURS[world.colour]
    if world.shape == "ball":
        draw_disc(target, x, y, radius, colour)
    else:
        draw_box(target, x, y, (radius, radius), colour)
    if world.pillar:
        draw_box(target, world.pillar.centre, 0.5, (world.pillar.half_width, 0.5), _PILLAR)
    return to_frame(target)


def _bounce(rng: np.random.Generator, span: int, box: float) -> tuple[Body, None]:
    radius = rng.uniform(0.1, 0.17)
    axis, sign = rng.integers(2), rng.choice((-1.0, 1.0))
    fast, slow = sign * rng.uniform(0.5, 1.0) / span, rng.uniform(-0.3, 0.3) / span
    velocity = (fast * box, slow) if axis == 0 else (slow * box, fast)
    position = rng.uniform(radius, box - radius), rng.uniform(radius, 1 - radius)
    return Body(position=position, velocity=velocity, radius=radius), None


def _gravity(rng: np.random.Generator, span: int, box: float) -> tuple[Body, None]:
    radius = rng.uniform(0.1, 0.17)
    position = rng.uniform(radius, box - radius), rng.uniform(radius, 0.4)
    body = Body(
        position=position,
        velocity=(rng.uniform(-0.4, 0.4) * box / span, 0.0),
        radius=radius,
        gravity=rng.uniform(2.0, 4.0) / span**2,
        restitution=rng.uniform(0.6, 0.9),
    )
    return body, None


def _occluder(rng: np.random.Generator, span: int, box: float) -> tuple[Body, Pillar]:
    radius = rng.uniform(0.1, 0.14)
    pillar = Pillar(centre=box * rng.uniform(0.45, 0.55), half_width=radius + 0.08)
    leftward = bool(rng.integers(2))
    start = rng.uniform(radius, radius + 0.05)
    travel = box - 2 * start
    x, speed = (box - start, -travel / span) if leftward else (start, travel / span)
    position = x, rng.uniform(0.25, 0.75)
    return Body(position=position, velocity=(speed, 0.0), radius=radius), pillar
