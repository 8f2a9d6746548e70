"""How a camera and what it films move: dense optical flow (DIS, arXiv 1603.03590) and a similarity fitted by RANSAC.

Signs: x grows to the right and y down. Flow says where a pixel goes; a camera that pans right moves pixels left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

_ROWS = 128
"""Rows that a frame is scaled to: enough texture for corners, few enough pixels for speed."""
_MAX_PAIRS = 16
_MIN_CORNERS = 24
_MIN_SPREAD = 0.2
"""Corners that agree must span this share of the picture; on less it may be a thing that moves, not the camera."""
_CUT, _STANDS_OUT, _AROUND = 0.15, 4, 3
"""A cut changes the colours of this share of pixels, and so many times more than each of the jumps around it."""
_NOISE = 0.004
"""Flow below this many frame heights a frame is noise of compression."""
_CHANGE = 8
"""Grey levels by which a pixel must change, the camera's motion undone: flow on a plain wall is a guess."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One shot's motion; lengths in frame heights, times in frames."""

    pan: float
    """Of the camera, to the right."""
    tilt: float
    """Of the camera, up."""
    zoom: float
    """Growth of the picture, in natural logarithms."""
    roll: float
    """Turn of the picture, clockwise, in radians."""
    speed: float
    """Of what moves, against the scene."""
    share: float
    """Of the picture's area that moves against the scene."""
    heading: tuple[float, float]
    """Mean direction (x, y) of what moves; short when parts move in all directions."""
    place: tuple[float, float]
    """Where it moves: (x, y) from 0 to 1 of width and height."""


STILL = Motion(pan=0, tilt=0, zoom=0, roll=0, speed=0, share=0, heading=(0.0, 0.0), place=(0.5, 0.5))


def find_cuts(frames: NDArray[np.uint8]) -> list[int]:
    """Return the first frame of every shot but the first."""
    histograms = [_histogram(frame) for frame in frames]
    jumps = np.array([_distance(a, b) for a, b in pairwise(histograms)])
    around = np.pad(jumps, _AROUND)
    sides = [(*around[i : i + _AROUND], *around[i + _AROUND + 1 : i + 2 * _AROUND + 1]) for i in range(len(jumps))]
    return [i + 1 for i, jump in enumerate(jumps) if jump > max(_CUT, _STANDS_OUT * max(sides[i]))]


def measure_motion(frames: NDArray[np.uint8]) -> Motion:
    """Return the motion over up to 16 neighbouring pairs of a shot's frames (T, H, W, 3).

    The camera's is the median over pairs: something large that passes must not turn it.
    """
    if len(frames) < 2:
        return STILL
    grey = [_grey(frame) for frame in frames]
    starts = np.unique(np.linspace(0, len(grey) - 2, min(_MAX_PAIRS, len(grey) - 1)).round().astype(int))
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    pairs = [_pair(solver, grey[i], grey[i + 1]) for i in starts]
    cameras = np.array([camera for camera, _ in pairs])
    moving = np.array([residual for _, residual in pairs])
    pan, tilt, zoom, roll = (float(v) for v in np.median(cameras, axis=0))
    speed, share, x, y, across, down = (float(v) for v in _weighted(moving))
    return Motion(
        pan=pan, tilt=tilt, zoom=zoom, roll=roll, speed=speed, share=share, heading=(x, y), place=(across, down)
    )


def _pair(
    solver: cv2.DISOpticalFlow, first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[tuple[float, float, float, float], tuple[float, ...]]:
    """(pan, tilt, zoom, roll) of the camera, and what else moves."""
    height, width = first.shape
    flow = np.asarray(solver.calc(first, second, np.zeros((height, width, 2), np.float32)), np.float32)
    matrix = _similarity(first, flow)
    middle = np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    shift = matrix @ middle - middle[:2]
    zoom = float(np.log(np.hypot(matrix[0, 0], matrix[1, 0])))
    roll = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
    camera = -shift[0] / height, shift[1] / height, zoom, roll
    return camera, _residual(flow, matrix, _changed(first, second, matrix))


def _similarity(grey: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.float64]:
    """The 2 x 3 similarity that most of the picture's corners follow; the identity where too few agree."""
    still = np.eye(2, 3)
    found = cv2.goodFeaturesToTrack(grey, 300, 0.01, 4)
    if found is None or len(found) < _MIN_CORNERS:
        return still
    corners = found.reshape(-1, 2)
    moved = corners + flow[corners[:, 1].astype(int), corners[:, 0].astype(int)]
    matrix, inliers = cv2.estimateAffinePartial2D(corners, moved, ransacReprojThreshold=1.0)
    if matrix is None or inliers.mean() < 0.4:
        return still
    kept = corners[inliers.ravel().astype(bool)]
    # The span between the 10th and 90th percentiles: one far corner must not vouch for a whole picture.
    span = np.prod(np.percentile(kept, 90, axis=0) - np.percentile(kept, 10, axis=0))
    return np.asarray(matrix, np.float64) if span > _MIN_SPREAD * grey.size else still


def _changed(first: NDArray[np.uint8], second: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the second frame differs from the first one seen by the moved camera, a little widened."""
    height, width = first.shape
    seen = cv2.warpAffine(first, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    changed = (cv2.absdiff(seen, second) > _CHANGE).astype(np.uint8)
    return cv2.dilate(changed, np.ones((5, 5), np.uint8)).astype(np.bool_)


def _residual(flow: NDArray[np.float32], matrix: NDArray[np.float64], changed: NDArray[np.bool_]) -> tuple[float, ...]:
    """(speed, share, heading x, y, place x, y) of the flow that the camera does not explain."""
    height, width = flow.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    rest = [
        flow[..., i] - (m[0] * xs + m[1] * ys + m[2] - at) for i, m, at in zip((0, 1), matrix, (xs, ys), strict=True)
    ]
    length = np.hypot(rest[0], rest[1]) / height
    moves = (length > _NOISE) & changed
    if not moves.any():
        return (0.0, 0.0, 0.0, 0.0, 0.5, 0.5)
    weight = length[moves] / length[moves].sum()
    heading = [float((weight * axis[moves] / height / length[moves]).sum()) for axis in rest]
    place = [float((weight * at[moves]).sum() / size) for at, size in ((xs, width), (ys, height))]
    return (float(length[moves].mean()), float(moves.mean()), *heading, *place)


def _weighted(moving: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over pairs; headings and places count by the motion that has them."""
    means = moving.mean(0)
    weight = moving[:, 0] * moving[:, 1]
    if weight.sum() > 0:
        means[2:] = (weight[:, None] * moving[:, 2:]).sum(0) / weight.sum()
    return np.asarray(means)


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    wide = max(16, round(_ROWS * width / height))
    method = cv2.INTER_AREA if height > _ROWS else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, (wide, _ROWS), interpolation=method), np.uint8)


def _histogram(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares of 512 colours, (512,)."""
    coarse = frame.astype(np.int64) >> 5
    codes = coarse[..., 0] << 6 | coarse[..., 1] << 3 | coarse[..., 2]
    return np.asarray(np.bincount(codes.ravel(), minlength=512) / codes.size)


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Half the L1 distance: the share of pixels that changed colour."""
    return float(np.abs(first - second).sum() / 2)
