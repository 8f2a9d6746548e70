"""What is measured of a clip, and which clips are turned away for it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from model.data.ingest.settings import IngestSettings
from model.data.ingest.windows import Window

REASONS = {
    "jerky": "the film shows fewer pictures a second than the clip has frames",
    "flat": "black or of one colour",
    "blurred": "out of focus",
    "static": "nothing moves",
    "too fast": "moves faster than frames can follow",
    "duplicate": "looks like a clip taken before",
}
"""Why a clip is turned away, in the order in which it is asked."""
SCORES = ("motion", "activity", "sharpness", "contrast", "brightness")
_DISTINCT_SHARE = 0.9
_BUSY = 95
"""Percentile of the flow's length that `activity` takes: a small thing that moves is no static clip."""


def scores(window: Window, fps: float) -> dict[str, float]:
    """Measure a clip: SCORES, rounded so that they print alike everywhere; no motion of a still."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in window.frames]
    found = {
        "sharpness": float(np.median([cv2.Laplacian(grey, cv2.CV_64F).var() for grey in greys])),
        "contrast": float(min(grey.std() for grey in greys)),
        "brightness": float(np.mean([grey.mean() for grey in greys])),
    }
    if len(greys) > 1:
        mean, busy = _flow(window.thumbs)
        found |= {"motion": mean * fps, "activity": busy * fps}
    return {name: round(value, 4) for name, value in sorted(found.items())}


def reason(window: Window, found: Mapping[str, float], settings: IngestSettings) -> str | None:
    """Return the first of REASONS that holds, or None for a good clip; duplicates are found later."""
    num_frames = len(window.frames)
    checks = {
        "jerky": num_frames > 1 and window.num_distinct < _DISTINCT_SHARE * num_frames,
        "flat": found["contrast"] < settings.min_contrast,
        "blurred": found["sharpness"] < settings.min_sharpness,
        "static": num_frames > 1 and found["activity"] < settings.min_motion,
        "too fast": num_frames > 1 and found["motion"] > settings.max_motion,
    }
    return next((name for name, holds in checks.items() if holds), None)


def _flow(thumbs: NDArray[np.uint8]) -> tuple[float, float]:
    """Return mean and `_BUSY` percentile of the optical flow (DIS, arXiv 1603.03590), in heights a frame."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    greys = [cv2.cvtColor(thumb, cv2.COLOR_RGB2GRAY) for thumb in thumbs]
    start = np.zeros((*greys[0].shape, 2), np.float32)
    means, tops = [], []
    for before, after in pairwise(greys):
        lengths = np.hypot(*np.moveaxis(method.calc(before, after, start), 2, 0))
        means.append(lengths.mean())
        tops.append(np.percentile(lengths, _BUSY))
    height = thumbs.shape[1]
    return float(np.mean(means)) / height, float(np.mean(tops)) / height
