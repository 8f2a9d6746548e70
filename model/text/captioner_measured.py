"""A captioner for real footage that needs no weights: it states what can be measured, and nothing else.

Cuts, camera, motion, brightness and palette, each a slot with a small vocabulary. It never names a thing that it has
not recognised, so its captions are true and dull; a captioner with weights (captioner_hub.py) names things.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.text import palette
from model.text.caption import Caption, check_frames
from model.text.motion import Motion, find_cuts, measure_motion

_SECONDS_SLOW, _SECONDS_FAST = 0.05, 0.35
"""Camera speeds, in frame heights a second: below the first it stands, above the second it is fast."""
_NUM_LOOKS = 8
"""Frames whose colours are counted."""
_MIN_SHARE = 0.12
"""A colour is named when it fills this share of the picture."""


@dataclass(frozen=True, kw_only=True)
class MeasuredCaptioner:
    """`measured_caption` behind the interface of a captioner."""

    fps: float = 24.0
    """Frames a second of the clips, which turns motion per frame into speeds."""

    def caption(self, frames: NDArray[np.uint8]) -> Caption:
        """Describe frames (T, H, W, 3)."""
        return measured_caption(frames, self.fps)


def measured_caption(frames: NDArray[np.uint8], fps: float = 24.0) -> Caption:
    """Describe a clip (T, H, W, 3) by measurement; motion is that of its longest shot."""
    check_frames(frames)
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps must be a positive number, got {fps}")
    cuts = find_cuts(frames)
    bounds = [0, *cuts, len(frames)]
    first, last = max(pairwise(bounds), key=lambda shot: shot[1] - shot[0])
    motion = measure_motion(frames[first:last])
    looks = frames[np.unique(np.linspace(0, len(frames) - 1, _NUM_LOOKS).astype(int))]
    slots = {
        "medium": "image" if len(frames) == 1 else "clip",
        "shots": str(len(cuts) + 1),
        "light": _light(looks),
        "vividness": _vividness(looks),
        "colours": _colours(np.concatenate(list(looks))),
        "top": _dominant(looks[:, : max(1, frames.shape[1] // 3)]),
        "bottom": _dominant(looks[:, -max(1, frames.shape[1] // 3) :]),
        "camera": _camera(motion, fps),
        "motion": _amount(motion, fps),
        "heading": _heading(motion),
        "place": _place(motion),
    }
    return Caption(text=_sentence(slots), slots=slots)


def _light(looks: NDArray[np.uint8]) -> str:
    luma = looks.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    names = ("very dark", "dark", "evenly lit", "bright", "very bright")
    return names[int(np.searchsorted((35, 80, 150, 205), luma.mean()))]


def _vividness(looks: NDArray[np.uint8]) -> str:
    chroma = palette.colourfulness(np.concatenate(list(looks)))
    return ("black and white", "muted", "natural", "vivid")[int(np.searchsorted((2.5, 10, 26), chroma))]


def _colours(pixels: NDArray[np.uint8]) -> str:
    """Up to three names, joined by commas; dark, plain and light grey are one colour, named by its largest part."""
    families: dict[str, tuple[str, float]] = {}
    for name, share in palette.shares(_smaller(pixels)).items():
        family = name.split()[-1]
        first, total = families.get(family, (name, 0.0))
        families[family] = first, total + share
    ranked = sorted(families.values(), key=lambda found: -found[1])
    return ", ".join([name for name, share in ranked if share >= _MIN_SHARE][:3] or [ranked[0][0]])


def _dominant(looks: NDArray[np.uint8]) -> str:
    found = palette.shares(np.concatenate([_smaller(look) for look in looks]))
    name, share = next(iter(found.items()))
    return name if share >= 0.4 else ""


def _smaller(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most about 200 columns: shares of colours need no more."""
    step = max(1, pixels.shape[1] // 200)
    return pixels[::step, ::step]


def _camera(motion: Motion, fps: float) -> str:
    """The largest of pan, tilt, zoom and roll, with its pace."""
    # A zoom moves the edges of the picture, half a height away; so does a roll.
    moves = {
        ("pans left", "pans right"): motion.pan,
        ("tilts down", "tilts up"): motion.tilt,
        ("zooms out", "zooms in"): motion.zoom / 2,
        ("rolls left", "rolls right"): -motion.roll / 2,
    }
    words, rate = max(moves.items(), key=lambda item: abs(item[1]))
    speed = abs(rate) * fps
    if speed < _SECONDS_SLOW:
        return "stands still"
    pace = "" if speed < _SECONDS_FAST else " fast"
    return words[rate > 0] + (" slowly" if speed < 3 * _SECONDS_SLOW else pace)


def _amount(motion: Motion, fps: float) -> str:
    """How much moves against the scene: area and speed together."""
    if motion.share < 0.005 or motion.speed * fps < 0.08:
        return "nothing"
    return ("something small", "something", "much of the picture")[int(np.searchsorted((0.06, 0.35), motion.share))]


def _heading(motion: Motion) -> str:
    x, y = motion.heading
    if math.hypot(x, y) < 0.5:
        return "in several directions"
    names = ("right", "down and to the right", "down", "down and to the left", "left", "up and to the left", "up")
    around = round(math.atan2(y, x) / (math.pi / 4)) % 8
    return (*names, "up and to the right")[around]


def _place(motion: Motion) -> str:
    return ("on the left", "in the middle", "on the right")[int(np.searchsorted((0.38, 0.62), motion.place[0]))]


def _sentence(slots: dict[str, str]) -> str:
    colours = slots["colours"].split(", ")
    listed = " and ".join(filter(None, [", ".join(colours[:-1]), colours[-1]]))
    tone = {"natural": "", "black and white": " black-and-white"}.get(slots["vividness"], f" {slots['vividness']}")
    kind = "image" if slots["medium"] == "image" else "shot"
    parts = [f"{_article(slots['light'])}{tone} {kind} in {listed}{_layout(slots)}"]
    if slots["medium"] == "clip":
        parts += [f"the camera {slots['camera']}", _moving(slots)]
        parts += [f"{slots['shots']} shots"] if slots["shots"] != "1" else []
    return "; ".join(parts)


def _layout(slots: dict[str, str]) -> str:
    top, bottom = slots["top"], slots["bottom"]
    if top == bottom:
        return ""
    return ", " + " and ".join(f"{name} {where}" for name, where in ((top, "above"), (bottom, "below")) if name)


def _moving(slots: dict[str, str]) -> str:
    if slots["motion"] == "nothing":
        return "nothing moves" if slots["camera"] == "stands still" else "nothing else moves"
    heading = slots["heading"]
    way = heading if heading.startswith(("in", "up", "down")) else f"to the {heading}"
    where = "" if slots["motion"].startswith("much") else f"{slots['place']} "
    return f"{where}{slots['motion']} moves {way}"


def _article(light: str) -> str:
    return f"{'an' if light[0] in 'aeiou' else 'a'} {light}"
