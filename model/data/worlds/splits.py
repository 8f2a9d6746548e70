"""What is trained on and what is not: ranges inside and outside, and the colour, shape and law that never meet.

Speeds are in canvas heights per training clip, gravity in heights per clip squared, radii in heights. The occluder's
speed is per canvas width, because its body has to cross the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.data.worlds.scene import COLOURS, LAWS, SHAPES, SPLITS, Scene

HORIZON = 2
"""A clip of the split `horizon` lasts this many training clips."""

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """Where a quantity is drawn from."""

    train: Range
    outside: tuple[Range, ...]
    """Apart from `train`: one of these is drawn first, in equal shares."""


_RADIUS = Ranges(train=(0.09, 0.13), outside=((0.05, 0.07), (0.15, 0.18)))
RADIUS = dict.fromkeys(LAWS, _RADIUS) | {
    "counting": Ranges(train=(0.07, 0.09), outside=((0.04, 0.055), (0.1, 0.115))),
}
SPEED = {
    "uniform": Ranges(train=(0.2, 0.45), outside=((0.05, 0.12), (0.55, 0.65))),
    "bounce": Ranges(train=(0.5, 1.0), outside=((0.2, 0.35), (1.3, 1.7))),
    "collision": Ranges(train=(0.3, 0.5), outside=((0.12, 0.2), (0.7, 0.9))),
    "inelastic": Ranges(train=(0.3, 0.5), outside=((0.12, 0.2), (0.7, 0.9))),
    "gravity": Ranges(train=(0.05, 0.4), outside=((0.55, 0.8),)),
    "occluder": Ranges(train=(0.6, 0.8), outside=((0.42, 0.5), (0.92, 1.0))),
    "containment": Ranges(train=(0.6, 1.0), outside=((0.2, 0.4), (1.2, 1.3))),
    "counting": Ranges(train=(0.3, 0.6), outside=((0.12, 0.2), (0.8, 1.1))),
}
"""Of the first body at the start: sideways under gravity, of the slide in a container, of the one that enters or
leaves when counting. A pendulum starts at rest."""
GRAVITY = {
    "gravity": Ranges(train=(2.0, 4.0), outside=((1.2, 1.6), (5.0, 7.0))),
    "pendulum": Ranges(train=(14.0, 26.0), outside=((7.0, 10.0), (34.0, 44.0))),
}
RESTITUTION = {"gravity": (0.6, 0.9), "inelastic": (0.2, 0.7)}
"""Inside every split."""


def laws_of(split: str) -> tuple[str, ...]:
    """The laws that a split changes: those with a speed, or with gravity, or all of them."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose from {', '.join(SPLITS)}")
    table = {"velocity": SPEED, "gravity": GRAVITY}.get(split)
    return LAWS if table is None else tuple(law for law in LAWS if law in table)


def held_out(law: str, shape: str, colour: str) -> bool:
    """Whether the three never meet outside the split `combinations`: a Latin square.

    The places of law, shape and colour in LAWS, SHAPES and COLOURS add up to a multiple of the six colours. So every
    law and shape lack one colour, and all pairs of two are trained on.
    """
    return (LAWS.index(law) + SHAPES.index(shape) + list(COLOURS).index(colour)) % len(COLOURS) == 0


@dataclass(frozen=True, kw_only=True)
class Dice:
    """Draws for one scene, inside or outside the ranges as its split asks."""

    rng: np.random.Generator
    law: str
    split: str

    def uniform(self, low: float, high: float) -> float:
        """A number of [low, high)."""
        return float(self.rng.uniform(low, high))

    def sign(self) -> float:
        """-1 or 1."""
        return float(self.rng.integers(2) * 2 - 1)

    def radius(self) -> float:
        """In heights."""
        return self._of(RADIUS[self.law], "radius")

    def speed(self) -> float:
        """In heights per training clip."""
        return self._of(SPEED[self.law], "velocity")

    def gravity(self) -> float:
        """In heights per training clip squared."""
        return self._of(GRAVITY[self.law], "gravity")

    def restitution(self) -> float:
        """Of the contacts that lose speed."""
        return self.uniform(*RESTITUTION[self.law])

    def looks(self, num: int) -> list[tuple[str, str]]:
        """Shape and colour of `num` bodies of different colours."""
        wanted = self.split == "combinations"
        pairs = [(s, c) for s in SHAPES for c in COLOURS if held_out(self.law, s, c) == wanted]
        order = self.rng.permutation(len(pairs))
        chosen: dict[str, tuple[str, str]] = {}
        for i in order:
            chosen.setdefault(pairs[i][1], pairs[i])
        return list(chosen.values())[:num]

    def _of(self, ranges: Ranges, split: str) -> float:
        if self.split != split:
            return self.uniform(*ranges.train)
        return self.uniform(*ranges.outside[self.rng.integers(len(ranges.outside))])


def quantities(scene: Scene) -> dict[str, float]:
    """Speed, radius and gravity of a scene in the units of the ranges, measured from its state."""
    found = {"radius": scene.bodies[0].radius}
    speeds = np.hypot(*np.moveaxis(scene.velocities[0], -1, 0)) * scene.span
    if scene.law in GRAVITY:
        found["gravity"] = scene.gravity * scene.span**2
    if scene.law == "containment":
        found["speed"] = float(speeds.max())
    elif scene.law == "occluder":
        found["speed"] = float(speeds[0]) * scene.shape.height / scene.shape.width
    elif scene.law in SPEED:
        found["speed"] = float(speeds[0])
    return found
