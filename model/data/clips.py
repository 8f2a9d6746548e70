"""A set of captioned clips, the unit that shards hold and trainers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.job import VideoShape


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Clips of one shape with what is said of each."""

    frames: NDArray[np.uint8]
    """(clips, T, H, W, 3), RGB."""
    captions: tuple[str, ...]
    """One sentence a clip."""
    attributions: tuple[str, ...]
    """Author and licence of each clip."""

    def __post_init__(self) -> None:
        frames = self.frames
        if frames.dtype != np.uint8 or frames.ndim != 5 or frames.shape[4] != 3 or not frames.size:
            raise ValueError(
                f"frames must be uint8 (clips, T, H, W, 3) and not empty, got {frames.dtype} {frames.shape}"
            )
        for name in ("captions", "attributions"):
            texts = getattr(self, name)
            if len(texts) != len(frames) or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"{name} must be {len(frames)} texts, got {len(texts)}")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def shape(self) -> VideoShape:
        """Frames and pixels of every clip."""
        _, num_frames, height, width, _ = self.frames.shape
        return VideoShape(num_frames=num_frames, height=height, width=width)

    def take(self, indices: Sequence[int]) -> Clips:
        """Return the clips at `indices`, in that order."""
        return Clips(
            frames=self.frames[list(indices)],
            captions=tuple(self.captions[i] for i in indices),
            attributions=tuple(self.attributions[i] for i in indices),
        )


def concatenate(parts: Sequence[Clips]) -> Clips:
    """Join sets of clips of one shape."""
    shapes = {part.shape for part in parts}
    if len(shapes) != 1:
        raise ValueError(f"expected clips of one shape, got {sorted(map(str, shapes))}")
    return Clips(
        frames=np.concatenate([part.frames for part in parts]),
        captions=tuple(text for part in parts for text in part.captions),
        attributions=tuple(text for part in parts for text in part.attributions),
    )


def shuffled(clips: Clips, seed: int) -> Clips:
    """Return the clips in an order fixed by `seed`."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(clips))
    return clips.take([int(i) for i in order])
