"""Long videos by extension: each window continues the last frames of the one before (VDT, arXiv 2305.13311).

Frames leave as soon as they are made. What is held is one window, however long the video.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.denoiser import Denoiser
from model.given import Frames, Given, given_frames, place
from model.job import DEMO_SHAPE, VideoShape
from model.sample import Recipe, generator, sample_clips

PLAIN = Recipe()


def extend(
    denoiser: Denoiser,
    prompt: str,
    *,
    seed: int,
    num_frames: int,
    window: VideoShape = DEMO_SHAPE,
    overlap: int | None = None,
    given: Frames | None = None,
    recipe: Recipe = PLAIN,
) -> Iterator[Frames]:
    """Yield a video of `num_frames` piece by piece, each uint8 (frames, H, W, 3).

    A window shows the network `overlap` frames (by default about half a window) and adds the rest. `given`,
    (G, H, W, 3), are the video's first frames; they come out unchanged, and the last of them that fit an overlap are
    continued. Without them the first window is the very clip that `sample` makes. Raises ValueError for lengths that
    do not fit.
    """
    factor = denoiser.codec.time_factor
    overlap = default_overlap(window, factor) if overlap is None else overlap
    num_given = 0 if given is None else len(given)
    given_frames("predict", overlap, window.num_frames)
    if (overlap - 1) % factor:
        raise ValueError(f"overlap must be 1 + {factor} k frames, got {overlap}")
    if num_frames <= num_given:
        raise ValueError(f"num_frames must be more than the {num_given} given, got {num_frames}")
    return _pieces(denoiser, prompt, seed, num_frames, window, overlap, given, recipe)


def default_overlap(window: VideoShape, time_factor: int) -> int:
    """Return half a window's frames, rounded down to whole latent frames."""
    half = window.num_frames // 2
    return max(1, 1 + (half - 1) // time_factor * time_factor)


def _pieces(
    denoiser: Denoiser,
    prompt: str,
    seed: int,
    num_frames: int,
    window: VideoShape,
    overlap: int,
    given: Frames | None,
    recipe: Recipe,
) -> Iterator[Frames]:
    rng = generator(seed)
    left, context = num_frames, given
    if given is not None:
        left -= len(given)
        yield given
    while left:
        known = _context(context, window, overlap, denoiser.codec.time_factor)
        (clip,) = sample_clips(denoiser, [prompt], rng, window, known, recipe)
        seen = 0 if known is None else int(known.mask[:, 0, 0].sum())
        piece = clip[seen : seen + left]
        left -= len(piece)
        context = clip[-overlap:]
        yield piece


def _context(frames: Frames | None, window: VideoShape, overlap: int, time_factor: int) -> Given | None:
    """The last frames made, at the head of a new window; as many as fill whole latent frames."""
    if frames is None:
        return None
    num = min(len(frames), overlap)
    num -= (num - 1) % time_factor
    return place("predict", frames[-num:], window, time_factor=time_factor)
