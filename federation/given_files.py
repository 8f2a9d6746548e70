"""Pictures and videos that a person hands to the sampler: read, fitted to the clip, cut to what a task needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from model.data.footage import decode
from model.extend import default_overlap
from model.given import Frames
from model.job import VideoShape
from node.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class GivenFiles:
    """What is given of the clip, by files."""

    images: Sequence[Path] = ()
    """One frame each, in the order of time."""
    video: Path | None = None
    """All of its frames, as they follow each other."""
    num_frames: int = 0
    """Frames to take of what is there; 0 leaves it to the task."""

    def __post_init__(self) -> None:
        if self.images and self.video:
            raise ConfigError("expected images or a video, got both")
        if self.num_frames < 0:
            raise ConfigError(f"expected a number of given frames of at least 0, got {self.num_frames}")

    @property
    def natural_task(self) -> str:
        """What such files are most likely meant for."""
        if self.video:
            return "predict"
        return {0: "unconditional", 1: "first_frame", 2: "first_last"}.get(len(self.images), "interpolate")

    def read(self, shape: VideoShape) -> Frames | None:
        """Return all frames at the clip's size, (frames, H, W, 3); None where there are no files."""
        if self.video:
            return _video(self.video, shape)
        return np.stack([_image(path, shape) for path in self.images]) if self.images else None

    def for_task(self, task: str, shape: VideoShape, time_factor: int) -> Frames | None:
        """Return the frames that `task` gives of one clip, in order; a still is held where a codec needs several."""
        frames = self.read(shape)
        if frames is None:
            return None
        if task == "first_last":
            return np.concatenate([frames[:1], *self._end(frames, time_factor)])
        count = self.num_frames or _natural_count(task, len(frames), shape, time_factor)
        if count > len(frames):
            raise ConfigError(f"expected {count} given frames for task {task}, got {len(frames)}")
        return frames[-count:] if task == "predict" else frames[:count]

    def _end(self, frames: Frames, time_factor: int) -> list[Frames]:
        if len(frames) < 2:
            raise ConfigError(f"expected two images or a video for task first_last, got {len(frames)} frame")
        return [frames[-time_factor:] if self.video else frames[-1:].repeat(time_factor, axis=0)]


def _natural_count(task: str, num_frames: int, shape: VideoShape, time_factor: int) -> int:
    if task == "first_frame":
        return 1
    if task == "tube":
        return shape.num_frames
    if task == "predict":
        return min(num_frames, default_overlap(shape, time_factor))
    if task == "backward":
        return min(num_frames, max(1, shape.num_frames // 2 // time_factor) * time_factor)
    return num_frames


def _image(path: Path, shape: VideoShape) -> Frames:
    try:
        with Image.open(path) as image:
            fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (shape.width, shape.height))
    except FileNotFoundError as error:
        raise ConfigError(f"expected an image at {path}, there is none") from error
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise ConfigError(f"cannot read {path} as an image: {error}") from error
    return np.asarray(fitted, dtype=np.uint8)


def _video(path: Path, shape: VideoShape) -> Frames:
    """Scaled to cover the clip's frame, the middle kept."""
    if not path.is_file():
        raise ConfigError(f"expected a video at {path}, there is none")
    frames = decode(path, shape.height)
    if frames.shape[2] < shape.width:
        frames = decode(path, math.ceil(shape.height * shape.width / frames.shape[2]))
    top, left = (frames.shape[1] - shape.height) // 2, (frames.shape[2] - shape.width) // 2
    return frames[:, top : top + shape.height, left : left + shape.width]
