"""What the tracker sees of a clip, and where the truth can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.data.worlds import COLOURS, Scene, render
from model.data.worlds.render import PROP_COLOURS
from model.evaluate.tracker import Blob, Floats, Frames, Tracks, find_blobs, follow

MISSING = 3**-0.5
"""What a body that is not found costs: the root mean square distance of two random points of the unit square."""
_EDGE = 1.0
"""Pixels around a body that must be free for its centre to be measured."""


def backdrop(scene: Scene) -> Frames:
    """The scene without its bodies, uint8 (T, H, W, 3)."""
    return render(replace(scene, exists=np.zeros_like(scene.exists)))


def blobs_of(frames: Frames, scene: Scene) -> list[list[Blob]]:
    """All blobs of palette colours in each frame of a clip (T, H, W, 3) of this scene."""
    empty = backdrop(scene)
    if len(frames) > len(empty) or frames.shape[1:] != empty.shape[1:]:
        raise ValueError(f"expected at most {len(empty)} frames {empty.shape[1:]}, got {frames.shape}")
    return [find_blobs(frame, behind, COLOURS, PROP_COLOURS) for frame, behind in zip(frames, empty, strict=False)]


def observe(frames: Frames, scene: Scene) -> Tracks:
    """Where the tracker finds the scene's bodies in a clip that shows or continues it."""
    return follow_blobs(blobs_of(frames, scene), scene)


def follow_blobs(blobs: Sequence[Sequence[Blob]], scene: Scene) -> Tracks:
    """Give the scene's bodies their blobs; each is first looked for where it first exists."""
    first = scene.exists.argmax(axis=1)
    starts = scene.positions[np.arange(len(scene.bodies)), first]
    return follow(blobs, [body.colour for body in scene.bodies], starts)


def clear(scene: Scene) -> NDArray[np.bool_]:
    """(bodies, frames): wholly inside the picture, uncovered by props and apart from bodies of its colour."""
    height, width = scene.shape.height, scene.shape.width / scene.shape.height
    edge = _EDGE / height
    free = scene.exists & scene.visible
    for index, body in enumerate(scene.bodies):
        x, y = scene.positions[index].T
        reach = body.radius - edge  # a body that touches a wall is still whole
        free[index] &= (x >= reach) & (x <= width - reach) & (y >= reach) & (y <= 1 - reach)
        free[index] &= ~_behind_props(scene, index, body.radius + edge)
        for other, rival in enumerate(scene.bodies):
            if other != index:
                gap = np.hypot(*(scene.positions[other] - scene.positions[index]).T) - body.radius - rival.radius
                alike = 2 * edge if rival.colour == body.colour else -edge
                free[index] &= (gap > alike) | ~scene.exists[other]
    return free


def _behind_props(scene: Scene, index: int, reach: float) -> NDArray[np.bool_]:
    """(frames,): where a prop may cover a part of the body."""
    at, props = scene.positions[index], scene.props
    touched = np.zeros(len(at), np.bool_)
    if props.pillar is not None:
        touched |= np.abs(at[:, 0] - props.pillar.centre) < props.pillar.half_width + reach
    if props.container is not None:
        touched |= np.abs(at - props.container.positions).max(axis=1) < props.container.half + reach
    return touched


def position_errors(tracks: Tracks, scene: Scene) -> Floats:
    """(bodies, frames) distance from the truth; NaN where truth is not clear, `MISSING` where nothing was found."""
    frames = tracks.positions.shape[1]
    distance = np.hypot(*np.moveaxis(tracks.positions - scene.positions[:, :frames], -1, 0))
    distance = np.where(tracks.found, distance, MISSING)
    return np.where(clear(scene)[:, :frames], distance, np.nan)
