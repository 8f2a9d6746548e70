"""Films that tests write themselves: a textured picture that slides, so that it is sharp, moves and is no duplicate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np


def sliding(num_frames: int, *, seed: int, height: int = 72, width: int = 96, pixels: int = 2) -> Any:
    """uint8 (frames, height, width, 3): coloured noise that moves right by `pixels` a frame."""
    rng = np.random.Generator(np.random.Philox(seed))
    wide = width + pixels * num_frames
    coarse = rng.integers(0, 256, (height // 8, wide // 8 + 1, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (wide, height), interpolation=cv2.INTER_CUBIC)
    starts = [pixels * (num_frames - i) for i in range(num_frames)]
    return np.stack([picture[:, start : start + width] for start in starts])


def write_film(
    path: Path,
    frames: Any,
    *,
    fps: float = 8,
    codec: str = "libx264",
    layout: str = "yuv420p",
    times: Sequence[float] | None = None,
    turn: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write frames; `times` in seconds make the rate variable, `turn` in degrees goes into the display matrix."""
    rate = Fraction(fps).limit_denominator(1001)
    channels = "rgba" if frames.shape[3] == 4 else "rgb24"
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], layout
        stream.thread_count = 1
        if turn:
            stream.set_display_rotation(turn)
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=channels)
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[index]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path, seconds: float = 0.5) -> Path:
    """Write a file that holds silence and no video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, round(16_000 * seconds)), np.float32), "fltp", "mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
