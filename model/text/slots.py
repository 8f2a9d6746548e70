"""The slots of the worlds' captions: which words each can hold, which law has which, and random ones for training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from model.data.worlds.scene import BACKGROUNDS, COLOURS, LAWS, SHAPES, WALLS
from model.data.worlds.splits import held_out
from model.data.worlds.words import GRAMMAR

VOCABULARY: Final[Mapping[str, tuple[str, ...]]] = {
    "law": LAWS,
    "colour": tuple(COLOURS),
    "shape": SHAPES,
    "background": tuple(BACKGROUNDS),
    "direction": ("left", "right", "up", "down"),
    "wall": WALLS,
    "colour2": tuple(COLOURS),
    "shape2": SHAPES,
    "action": ("stays", "slides left", "slides right"),
    "count": ("one", "two", "three", "four", "five"),
    "change": ("none leaves", "one leaves", "one enters"),
}
"""Slot to the words it can hold, in the order in which a classifier numbers them."""


def _slots(law: str) -> tuple[str, ...]:
    places = re.findall(r"\{(\w+)\}", GRAMMAR[law])
    return ("law", *(name for name in VOCABULARY if name in places))


LAW_SLOTS: Final[Mapping[str, tuple[str, ...]]] = {law: _slots(law) for law in LAWS}
"""Law to the slots of its sentence, `law` first."""

_NARROW: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("gravity", "wall"): ("floor",),
    ("pendulum", "direction"): ("left", "right"),
    ("occluder", "direction"): ("left", "right"),
}
"""Where a law's slot holds fewer words."""


def words_for(law: str, slot: str) -> tuple[str, ...]:
    """The words that a slot can hold under a law."""
    return _NARROW.get((law, slot), VOCABULARY[slot])


def random_slots(
    rng: np.random.Generator, *, given: Mapping[str, str] | None = None, combinations: str = "any"
) -> dict[str, str]:
    """Draw the slots of one sentence around `given` ones, which stay.

    `combinations`: `any`; `train` for those of law, shape and colour that training may see; `new` for the others.
    Raises ValueError where a given slot or word is none of the law's.
    """
    fixed = dict(given or {})
    _check(fixed)
    while True:
        law = fixed.get("law") or _draw(rng, _laws_with(fixed))
        slots = {slot: fixed.get(slot) or _draw(rng, words_for(law, slot)) for slot in LAW_SLOTS[law] if slot != "law"}
        slots = {"law": law, **slots}
        if slots.get("colour2") == slots["colour"] and "colour2" not in fixed:
            continue
        new = held_out(law, slots["shape"], slots["colour"])
        if combinations == "any" or new == (combinations == "new"):
            return slots


def _laws_with(fixed: Mapping[str, str]) -> tuple[str, ...]:
    """Laws whose sentence has a place for every given word."""
    return tuple(
        law
        for law in LAWS
        if all(slot in LAW_SLOTS[law] and word in words_for(law, slot) for slot, word in fixed.items())
    )


def _check(fixed: Mapping[str, str]) -> None:
    laws = (fixed["law"],) if fixed.get("law") in LAWS else LAWS
    for slot, word in fixed.items():
        if slot not in VOCABULARY or word not in VOCABULARY[slot]:
            known = ", ".join(VOCABULARY.get(slot, VOCABULARY))
            raise ValueError(f"expected slot {slot!r} to be one of: {known}; got {word!r}")
        others = {name: value for name, value in fixed.items() if name != "law"}
        if not any(all(s in LAW_SLOTS[law] and w in words_for(law, s) for s, w in others.items()) for law in laws):
            raise ValueError(f"no sentence of {', '.join(laws)} has a place for {others}")


def _draw(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]
