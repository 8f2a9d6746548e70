"""A scene of the procedural world: what is drawn, where everything is at every frame, and the words for it.

x runs right and y runs down from the top left corner; lengths are in canvas heights, times in frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.data.worlds import words
from model.job import VideoShape

LAWS = (
    "uniform",
    "bounce",
    "collision",
    "inelastic",
    "gravity",
    "pendulum",
    "occluder",
    "containment",
    "counting",
)
SPLITS = ("train", "velocity", "radius", "gravity", "combinations", "horizon")
"""`train` is the distribution that is trained on; each of the others leaves it in one way."""
WALLS = ("left wall", "right wall", "ceiling", "floor")

Colour = tuple[int, int, int]

SHAPES = ("ball", "square", "diamond")
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


@dataclass(frozen=True, kw_only=True)
class SceneBody:
    """A thing that moves."""

    shape: str
    """One of SHAPES; a square's radius is half its side, a diamond's half its diagonal."""
    colour: str
    """A key of COLOURS."""
    radius: float
    """From the centre to a wall at contact."""
    mass: float = 1.0
    """The drawn area, at density one: what is seen tells what is heavy."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens at an instant."""

    time: float
    """In frames, not rounded."""
    kind: str
    """`wall`, `contact`, `turn`, `hide`, `appear`, `enter` or `leave`."""
    bodies: tuple[int, ...]
    """Whom it befalls, as indices of `Scene.bodies`."""
    wall: str = ""
    """One of WALLS, for the kind `wall`."""


@dataclass(frozen=True, kw_only=True)
class Pillar:
    """A full-height occluder in front of the bodies."""

    centre: float
    """x of its middle."""
    half_width: float
    """Half its width."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """An opaque box in front of the bodies."""

    positions: NDArray[np.float64]
    """(frames, 2), its middle."""
    half: float
    """Half its side."""


@dataclass(frozen=True, kw_only=True)
class Props:
    """What is drawn beside the bodies."""

    pillar: Pillar | None = None
    container: Container | None = None
    pivot: tuple[float, float] | None = None
    """Where the string of a pendulum hangs; it ends at the first body."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One clip's ground truth. Everything drawn follows from `positions`, `exists`, `bodies`, `background`, `props`."""

    law: str
    """One of LAWS."""
    split: str
    """One of SPLITS."""
    seed: int
    index: int
    """Which scene of its seed."""
    shape: VideoShape
    """Of this clip; longer than asked for in the split `horizon`."""
    span: int
    """Frames of a clip of the split `train` less one: the time unit in which speeds and gravity are drawn."""
    background: str
    """A key of BACKGROUNDS."""
    bodies: tuple[SceneBody, ...]
    positions: NDArray[np.float64]
    """(bodies, frames, 2), centres."""
    velocities: NDArray[np.float64]
    """(bodies, frames, 2), heights per frame, after any event at that instant."""
    exists: NDArray[np.bool_]
    """(bodies, frames), False where a body is wholly outside the picture."""
    visible: NDArray[np.bool_]
    """(bodies, frames), False also where a pillar or a container covers every pixel of the body."""
    events: tuple[Event, ...]
    """In order of time."""
    gravity: float = 0.0
    """Downward acceleration, heights per frame squared."""
    restitution: float = 1.0
    """Share of the normal speed that survives a contact: with the walls, or between bodies in `inelastic`."""
    props: Props = field(default_factory=Props)

    @property
    def slots(self) -> Mapping[str, str]:
        """The words that its caption is filled with, read off the state."""
        return words.slots_of(self)

    @property
    def caption(self) -> str:
        """A true sentence about it."""
        return words.caption(self.slots)


def covered(scene_positions: NDArray[np.float64], radius: float, props: Props, height: int) -> NDArray[np.bool_]:
    """Where a prop hides a body at (frames, 2) wholly, as (frames,); soft edges of a pixel and a half are left out."""
    edge = 1.5 / height
    hidden = np.zeros(len(scene_positions), np.bool_)
    if props.pillar is not None:
        room = props.pillar.half_width - radius - edge
        hidden |= np.abs(scene_positions[:, 0] - props.pillar.centre) <= room
    if props.container is not None:
        room = props.container.half - radius - edge
        hidden |= np.abs(scene_positions - props.container.positions).max(axis=1) <= room
    return hidden
