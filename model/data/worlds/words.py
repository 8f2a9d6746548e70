"""The grammar of the worlds' captions: one sentence a law, filled with words that are read off the state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from model.data.worlds.scene import Scene

_THING = "{article} {colour} {shape}"
_PLACE = "on a {background} background"
GRAMMAR: dict[str, str] = {
    "uniform": f"{_THING} moves {{direction}} {_PLACE}",
    "bounce": f"{_THING} moves {{direction}} {_PLACE} and bounces off the {{wall}}",
    "collision": f"{_THING} moves {{direction}} {_PLACE} and collides with {{article2}} {{colour2}} {{shape2}}",
    "inelastic": f"{_THING} moves {{direction}} {_PLACE} and bumps softly into {{article2}} {{colour2}} {{shape2}}",
    "gravity": f"{_THING} falls {_PLACE} and bounces off the {{wall}}",
    "pendulum": f"{_THING} swings on a string {_PLACE}, first to the {{direction}}",
    "occluder": f"{_THING} moves {{direction}} behind a pillar {_PLACE}",
    "containment": f"a box comes down over {_THING} {_PLACE}, {{action}} and lifts",
    "counting": f"{{count}} {{colour}} {{shape}}s drift {_PLACE} and {{change}}",
}
"""Law to sentence. `article` and `article2` follow from the colours and are no slots."""

NUMBERS = ("no", "one", "two", "three", "four", "five")
_WORDS = {
    "article": "an?",
    "article2": "an?",
    "direction": "left|right|up|down",
    "wall": "left wall|right wall|ceiling|floor",
    "action": "stays|slides left|slides right",
    "count": "|".join(NUMBERS),
    "change": "none leaves|one leaves|one enters",
}
_ANY_WORDS = r"[a-z]+(?: [a-z]+)?"


def slots_of(scene: Scene) -> dict[str, str]:
    """Slot to word: `law`, `colour`, `shape`, `background` and what else the law's sentence has a place for."""
    first = scene.bodies[0]
    slots = {"law": scene.law, "colour": first.colour, "shape": first.shape, "background": scene.background}
    if "{direction}" in GRAMMAR[scene.law]:
        slots["direction"] = _heading(scene)
    if "{wall}" in GRAMMAR[scene.law]:
        slots["wall"] = next(event.wall for event in scene.events if event.kind == "wall")
    if "{colour2}" in GRAMMAR[scene.law]:
        slots |= {"colour2": scene.bodies[1].colour, "shape2": scene.bodies[1].shape}
    if scene.law == "containment":
        slots["action"] = _action(scene)
    if scene.law == "counting":
        slots["count"] = NUMBERS[int(scene.exists[:, 0].sum())]
        changes = [event.kind for event in scene.events if event.kind in ("leave", "enter")]
        slots["change"] = f"one {changes[0]}s" if changes else "none leaves"
    return slots


def caption(slots: Mapping[str, str]) -> str:
    """The sentence of a scene's slots."""
    articles = {f"article{n}": _article(slots[f"colour{n}"]) for n in ("", "2") if f"colour{n}" in slots}
    return GRAMMAR[slots["law"]].format(**slots, **articles)


def read_caption(sentence: str) -> dict[str, str] | None:
    """The slots of a sentence of the grammar, or None for any other: the inverse of `caption`."""
    for law in GRAMMAR:
        match = _pattern(law).fullmatch(sentence)
        if match:
            found = {name: word for name, word in match.groupdict().items() if not name.startswith("article")}
            return {"law": law, **found}
    return None


@cache
def _pattern(law: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", GRAMMAR[law])
    texts = [re.escape(part) if i % 2 == 0 else f"(?P<{part}>{_words(part)})" for i, part in enumerate(parts)]
    return re.compile("".join(texts))


def _words(slot: str) -> str:
    return _WORDS.get(slot, _ANY_WORDS if slot == "background" else "[a-z]+?")


def _article(colour: str) -> str:
    return "an" if colour[0] in "aeiou" else "a"


def _heading(scene: Scene) -> str:
    """The larger component of the first velocity, in words; a pendulum is released at rest and is asked later."""
    x, y = scene.velocities[0, 0]
    if scene.law == "pendulum":
        assert scene.props.pivot is not None, "a pendulum hangs from a pivot"
        return "right" if scene.positions[0, 0, 0] < scene.props.pivot[0] else "left"
    if abs(x) >= abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


def _action(scene: Scene) -> str:
    shift = float(scene.positions[0, -1, 0] - scene.positions[0, 0, 0])
    if np.isclose(shift, 0.0):
        return "stays"
    return "slides right" if shift > 0 else "slides left"
