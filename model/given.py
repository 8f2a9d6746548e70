"""What is known of a clip before it is made: placed in time, hidden from the codec where unknown, put back at the end.

A causal codec's latent of a late frame has seen the frames before it, hidden ones too. Given frames are therefore
encoded out of a clip in which everything hidden is painted over (`encode_given`); the codec cannot tell what it
never saw. Convolutions look sideways as well, so this holds for boxes in space as for frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.codec.base import VideoCodec, frames_of, num_latent_frames
from model.job import VideoShape
from model.masks import TASKS, Mask, require_hidden

GREY = 128
"""Of pixels that are given in no frame."""

Frames = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Given:
    """Known pixels of clips that are to be made."""

    frames: Frames
    """(clips, T, H, W, 3); what is hidden may hold anything. One clip serves any number of prompts."""
    mask: Mask
    """(T, H, W), True where a pixel is given."""

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 5 or self.frames.shape[4] != 3 or not self.frames.size:
            raise ValueError(f"given frames must be uint8 (clips, T, H, W, 3), got {_words(self.frames)}")
        if self.mask.dtype != np.bool_ or self.mask.shape != self.frames.shape[1:4]:
            raise ValueError(f"given mask must be bool {self.frames.shape[1:4]}, got {_words(self.mask)}")
        require_hidden(self.mask)

    def repeated(self, num_clips: int) -> Given:
        """Return one row a clip."""
        if len(self.frames) not in (1, num_clips):
            raise ValueError(f"expected given frames of 1 or {num_clips} clips, got {len(self.frames)}")
        return Given(frames=np.broadcast_to(self.frames, (num_clips, *self.frames.shape[1:])), mask=self.mask)

    def paste(self, videos: Frames) -> Frames:
        """Return `videos` with the given pixels as they were given, bit for bit."""
        return np.where(self.mask[..., None], self.frames, videos)


def place(
    task: str,
    frames: Frames | None,
    shape: VideoShape,
    *,
    time_factor: int = 1,
    at: Sequence[int] = (),
    box: tuple[int, int, int, int] | None = None,
) -> Given | None:
    """Put what the caller has where `task` wants it; None for `unconditional`.

    `frames` is (G, H, W, 3) or (clips, G, H, W, 3): the given frames in order, or for `tube` the whole clip, whose
    `box` (top, left, height, width in pixels; the middle quarter by default) is to be made. `at` names the places
    of `random_frames`. `time_factor` is the codec's. Raises ValueError for whatever does not fit.
    """
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; choose one of {', '.join(TASKS)}")
    if (frames is None) != (task == "unconditional"):
        need = "no given frames" if task == "unconditional" else "given frames"
        raise ValueError(f"task {task!r} needs {need}, got {'none' if frames is None else _words(frames)}")
    if frames is None:
        return None
    known = frames[None] if frames.ndim == 4 else frames
    if known.dtype != np.uint8 or known.ndim != 5 or known.shape[2:] != (shape.height, shape.width, 3):
        want = f"uint8 (frames, {shape.height}, {shape.width}, 3)"
        raise ValueError(f"given frames must be {want}, got {_words(frames)}")
    num_given = known.shape[1]
    if task == "tube":
        places, mask = list(range(num_given)), _outside(box, shape)
    else:
        places = list(at) if task == "random_frames" else given_frames(task, num_given, shape.num_frames, time_factor)
        mask = np.zeros((shape.num_frames, shape.height, shape.width), np.bool_)
        mask[_checked(places, shape.num_frames)] = True
    if num_given != (shape.num_frames if task == "tube" else len(places)):
        raise ValueError(f"task {task!r} of {shape.num_frames} frames and {len(places)} places got {num_given} frames")
    clips = np.full((len(known), shape.num_frames, shape.height, shape.width, 3), GREY, np.uint8)
    clips[:, places] = known
    return Given(frames=clips, mask=mask)


def given_frames(task: str, num_given: int, num_frames: int, time_factor: int = 1) -> list[int]:
    """Return which frames of a clip a frame task gives; a number that fills no latent frames raises ValueError."""
    if not 1 <= num_given < num_frames:
        raise ValueError(f"expected 1 to {num_frames - 1} given frames of a clip of {num_frames}, got {num_given}")
    if task == "predict":
        return list(range(num_given))
    if task == "backward" and num_given >= time_factor:
        return list(range(num_frames - num_given, num_frames))
    latents = _latents(task, num_given, num_frames, time_factor)
    if latents is None:
        want = {
            "first_frame": "1 frame",
            "backward": f"at least {time_factor} frames",
            "first_last": f"the first frame and the last {time_factor}",
            "interpolate": f"1 + {time_factor} k frames, k at least 1",
        }
        raise ValueError(f"task {task!r} with a codec of time factor {time_factor} takes {want[task]}, got {num_given}")
    return [t for latent in latents for t in frames_of(latent, time_factor)]


def encode_given(codec: VideoCodec, frames: Frames, given: Mask) -> Tensor:
    """Encode clips (B, T, H, W, 3) of which only `given`, (T, H, W) or (B, T, H, W), is known.

    The latents depend on given pixels alone; those of hidden tokens are to be ignored.
    """
    return codec.encode(painted(frames, given))


def painted(frames: Frames, given: Mask) -> Frames:
    """Return clips whose hidden pixels repeat the nearest given frame's, earlier before later; grey where none is."""
    given = np.broadcast_to(given, frames.shape[:4])
    time = np.arange(frames.shape[1])[None, :, None, None]
    far = 2 * frames.shape[1]
    before = np.maximum.accumulate(np.where(given, time, -far), axis=1)
    after = np.minimum.accumulate(np.where(given, time, 2 * far)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(time - before <= after - time, before, after)
    known: Mask = np.any(given, axis=1, keepdims=True)
    source = np.where(known, nearest, 0)[..., None]
    return np.where(known[..., None], np.take_along_axis(frames, source, axis=1), np.uint8(GREY))


def _latents(task: str, num_given: int, num_frames: int, time_factor: int) -> Sequence[int] | None:
    """Which latent frames a task gives; None where `num_given` frames do not fill them."""
    last, (later, rest) = num_latent_frames(num_frames, time_factor) - 1, divmod(num_given - 1, time_factor)
    if task == "first_frame" and num_given == 1:
        return [0]
    if task == "first_last" and (later, rest) == (1, 0):
        return [0, last]
    if task == "interpolate" and later and not rest:
        return range(0, later * (last // later) + 1, last // later)
    return None


def _outside(box: tuple[int, int, int, int] | None, shape: VideoShape) -> Mask:
    top, left, height, width = box or (shape.height // 4, shape.width // 4, shape.height // 2, shape.width // 2)
    if min(top, left) < 0 or min(height, width) < 1 or top + height > shape.height or left + width > shape.width:
        raise ValueError(
            f"expected a box (top, left, height, width) inside {shape.height}x{shape.width} pixels, "
            f"got {(top, left, height, width)}"
        )
    mask = np.ones((shape.num_frames, shape.height, shape.width), np.bool_)
    mask[:, top : top + height, left : left + width] = False
    return mask


def _checked(places: Sequence[int], num_frames: int) -> list[int]:
    if len(set(places)) != len(places) or any(not 0 <= place < num_frames for place in places) or not places:
        raise ValueError(f"expected different places from 0 to {num_frames - 1}, got {list(places)}")
    return list(places)


def _words(array: NDArray[np.generic]) -> str:
    return f"{array.dtype} {array.shape}"
