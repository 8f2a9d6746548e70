"""Other words for the worlds' captions: what a text encoder must learn to take as the same.

The grammar (model/data/worlds/words.py) has one sentence a law. Here each has several, made of an act and a place, and
some words have others for them. The last act of each law is kept from training, as is the last place: `new` wordings,
made of words that the others use, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

ACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "uniform": (
        "{thing} moves {direction}",
        "{thing} travels {direction} at constant speed",
        "{thing} glides steadily {direction}",
        "at constant speed {thing} glides {direction}",
    ),
    "bounce": (
        "{thing} moves {direction} and bounces off the {wall}",
        "{thing} flies {direction} and rebounds from the {wall}",
        "moving {direction}, {thing} hits the {wall} and comes back",
        "{thing} comes back from the {wall} that it hits moving {direction}",
    ),
    "collision": (
        "{thing} moves {direction} and collides with {thing2}",
        "{thing} going {direction} hits {thing2} and both spring apart",
        "moving {direction}, {thing} knocks into {thing2}",
        "both spring apart: {thing} moving {direction} collides with {thing2}",
    ),
    "inelastic": (
        "{thing} moves {direction} and bumps softly into {thing2}",
        "{thing} going {direction} hits {thing2} with a dull thud and loses speed",
        "moving {direction}, {thing} pushes into {thing2} with little rebound",
        "with a dull thud {thing} moves {direction} and bumps into {thing2}",
    ),
    "gravity": (
        "{thing} falls and bounces off the {wall}",
        "{thing} drops and jumps up again from the {wall}",
        "pulled down, {thing} hits the {wall} and rebounds",
        "{thing} jumps up from the {wall}, pulled down",
    ),
    "pendulum": (
        "{thing} swings on a string, first to the {direction}",
        "{thing} hangs from a string and swings, starting {direction}",
        "a pendulum with {thing} starts to the {direction}",
        "starting to the {direction}, {thing} swings on a pendulum string",
    ),
    "occluder": (
        "{thing} moves {direction} behind a pillar",
        "{thing} going {direction} is hidden for a while by a column",
        "moving {direction}, {thing} passes behind a post",
        "going {direction} behind a post, {thing} is hidden",
    ),
    "containment": (
        "a box comes down over {thing}, {action} and lifts",
        "{thing} is covered by a box that {action} and is raised",
        "a crate drops on {thing}, {action}, then goes up",
        "{thing} is covered, the box {action} and goes up",
    ),
    "counting": (
        "{things} drift and {change}",
        "{things} float about, {change}",
        "there are {things} in slow motion; {change}",
        "in slow motion {things} float and {change}",
    ),
}
"""Law to acts; `thing` is an article, colour and shape, `things` a number, colour and shape."""

PLACES: Final = (
    "on a {background} background",
    "against a {background} background",
    "in front of a {background} wall",
    "in front of a {background} background",
)

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "ball": ("ball", "disc", "circle"),
    "square": ("square", "block"),
    "diamond": ("diamond", "rhombus"),
    "left": ("left", "leftward"),
    "right": ("right", "rightward"),
    "up": ("up", "upward"),
    "down": ("down", "downward"),
    "stays": ("stays", "waits"),
    "slides left": ("slides left", "moves left"),
    "slides right": ("slides right", "moves right"),
    "floor": ("floor", "ground"),
    "ceiling": ("ceiling", "roof"),
    "none leaves": ("none leaves", "all of them stay"),
    "one leaves": ("one leaves", "one goes away"),
    "one enters": ("one enters", "one more comes in"),
}
"""A slot's word to words for it, itself first."""


def reworded(slots: Mapping[str, str], rng: np.random.Generator, *, wordings: str = "train") -> str:
    """Say the slots in other words; `wordings`: `train`, or `new` for acts and places that training never sees."""
    if wordings not in ("train", "new"):
        raise ValueError(f"wordings must be train or new, got {wordings!r}")
    acts, places = ACTS[slots["law"]], PLACES
    act = acts[-1] if wordings == "new" else acts[rng.integers(len(acts) - 1)]
    place = places[-1] if wordings == "new" else places[rng.integers(len(places) - 1)]
    said = {slot: _synonym(word, rng) for slot, word in slots.items()}
    for number in ("", "2"):
        if f"colour{number}" in said:
            said[f"thing{number}"] = thing(said[f"colour{number}"], said[f"shape{number}"])
    if "count" in said:
        said["things"] = f"{said['count']} {said['colour']} {plural(said['shape'])}"
    first, second = act.format(**said), place.format(**said)
    return f"{second}, {first}" if rng.random() < 0.3 else f"{first} {second}"


def thing(colour: str, shape: str) -> str:
    """An article, a colour and a shape."""
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def plural(shape: str) -> str:
    """Of a word for a shape."""
    return f"{shape}es" if shape.endswith("s") else f"{shape}s"


def _synonym(word: str, rng: np.random.Generator) -> str:
    words = SYNONYMS.get(word, (word,))
    return words[rng.integers(len(words))]
