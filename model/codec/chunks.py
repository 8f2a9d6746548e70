"""How a clip is cut in time, so that memory stays bounded whatever its length."""

from __future__ import annotations

from collections.abc import Iterator

DEFAULT_PIXELS = 2**20
"""Pixels of one pass, frames counted: 15 clips of 17x64x64, or 4 frames of 480x544."""


def clips_a_pass(num_frames: int, frame_pixels: int, max_pixels: int) -> int:
    """Return how many clips go through at once; at least one."""
    return max(1, max_pixels // (num_frames * frame_pixels))


def chunks(num_latents: int, frame_pixels: int, time_factor: int, max_pixels: int) -> Iterator[slice]:
    """Cut latent frames into chunks of at most `max_pixels` pixels, and at least one latent frame each."""
    size = max(1, max_pixels // (frame_pixels * time_factor))
    for start in range(0, num_latents, size):
        yield slice(start, min(start + size, num_latents))


def frames_of_chunk(latents: slice, time_factor: int) -> slice:
    """Return the frames that a chunk of latent frames holds."""
    start = 0 if latents.start == 0 else 1 + (latents.start - 1) * time_factor
    return slice(start, 1 + (latents.stop - 1) * time_factor)
