"""The procedural 2-D world: exact, event by event, seeded, with state, events and captions for every clip.

scene = make_scene("collision", seed=1)               # bodies, positions, velocities, events, caption, slots
frames = render(scene)                                # uint8 (T, H, W, 3)
clips = make_clips(num_clips=96, seed=1, split="horizon")
"""

from __future__ import annotations

from model.data.worlds.make import ATTRIBUTION, make_clips, make_scene, make_scenes
from model.data.worlds.render import render
from model.data.worlds.scene import (
    BACKGROUNDS,
    COLOURS,
    LAWS,
    SHAPES,
    SPLITS,
    WALLS,
    Container,
    Event,
    Pillar,
    Props,
    Scene,
    SceneBody,
    covered,
)
from model.data.worlds.splits import HORIZON, held_out, laws_of, quantities
from model.data.worlds.words import GRAMMAR, read_caption

__all__ = [
    "ATTRIBUTION",
    "BACKGROUNDS",
    "COLOURS",
    "GRAMMAR",
    "HORIZON",
    "LAWS",
    "SHAPES",
    "SPLITS",
    "WALLS",
    "Container",
    "Event",
    "Pillar",
    "Props",
    "Scene",
    "SceneBody",
    "covered",
    "held_out",
    "laws_of",
    "make_clips",
    "make_scene",
    "make_scenes",
    "quantities",
    "read_caption",
    "render",
]
