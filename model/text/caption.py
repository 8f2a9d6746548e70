"""What a captioner says of a clip, and the interface that all captioners share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sentence with the facts that it states."""

    text: str
    """One sentence."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slot name -> word; empty where a captioner writes free text alone."""


class Captioner(Protocol):
    """Looks at one clip and says what it shows."""

    def caption(self, frames: NDArray[np.uint8]) -> Caption:
        """Describe frames (T, H, W, 3)."""


def check_frames(frames: NDArray[np.uint8]) -> None:
    """Raise ValueError unless `frames` is a clip of at least one frame."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise ValueError(f"frames must be uint8 (T, H, W, 3) and not empty, got {frames.dtype} {frames.shape}")
