"""Marks where scenes begin: scenedetect's detectors (github.com/Breakthrough/PySceneDetect), fed with thumbnails.

A detector may point at a picture a little while after it has seen it, so pictures are held back by that many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode  # type: ignore[import-untyped]
from scenedetect.detectors import AdaptiveDetector, ContentDetector  # type: ignore[import-untyped]

from model.data.ingest.picture import Picture, thumb_size

_SHORTEST = 3
"""Pictures between two cuts; flashes are shorter."""
_LOOK_AHEAD = 2
"""Pictures on each side that the adaptive detector compares with."""


@dataclass(kw_only=True)
class Marked:
    """A picture, its thumbnail, and whether a scene begins with it."""

    picture: Picture
    """As decoded."""
    thumb: NDArray[np.uint8]
    """RGB, see `thumb_size`."""
    opens_scene: bool
    """True for the first picture too."""


def mark_scenes(pictures: Iterator[Picture], cuts: str) -> Iterator[Marked]:
    """Yield every picture once it is known whether a scene begins with it; `cuts` is one of `settings.CUTS`."""
    detector = _detector(cuts)
    held: deque[tuple[int, Marked]] = deque()
    for index, picture in enumerate(pictures):
        thumb = picture.scaled(*thumb_size(*picture.size))
        held.append((index, Marked(picture=picture, thumb=thumb, opens_scene=index == 0)))
        if detector:
            found = detector.process_frame(FrameTimecode(index, fps=25.0), cv2.cvtColor(thumb, cv2.COLOR_RGB2BGR))
            first_frames = {cut.frame_num for cut in found}
            for number, marked in held:
                marked.opens_scene |= number in first_frames
        if len(held) > _LOOK_AHEAD:
            yield held.popleft()[1]
    for _, marked in held:
        yield marked


def _detector(cuts: str) -> ContentDetector | None:
    if cuts == "none":
        return None
    if cuts == "content":
        return ContentDetector(min_scene_len=0)
    return AdaptiveDetector(min_scene_len=_SHORTEST, window_width=_LOOK_AHEAD)
