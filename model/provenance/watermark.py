"""An invisible watermark with a public detector: spread spectrum in the DCT of the luma (Cox et al., IEEE TIP 1997).

A fixed pattern of random signs, the same in every frame, is added to the two bands of middling frequency of 8 x 8
blocks of a 256 x 256 picture. A quarter of the coefficients is the pilot that tells whether there is a mark; the
others carry 32 bits. The signs are public, so anyone can detect the mark and anyone who tries can remove or forge it:
it finds honest copies that lost their manifest; only the manifest's signature proves anything.

What is said of chance: a score is a sum of numbers with random signs divided by their 2-norm, so for any picture
that was made without regard to the signs it exceeds z with probability at most exp(-z^2 / 2) (Hoeffding, 1963).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 256
"""Rows and columns of the picture that a mark is laid in and looked for in, whatever the video's size."""
NUM_BITS = 32
MAX_CHANCE = 1e-9
"""Above this chance a mark is not called found: a pilot of 6.4 or less."""
STRENGTH = 2.0
"""Root mean square of the pattern in levels of 255: 42.1 dB below full scale."""
KEY = 2026
_BLOCK = 8
_BANDS = (3, 4)
"""Sums of the two frequencies of a coefficient; lower ones drown in the picture, higher ones in H.264."""
_PILOT_SHARE = 0.25
_MAX_FRAMES = 600

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What a picture says of a mark."""

    pilot: float
    """Standard deviations above a picture without a mark."""
    bits: tuple[float, ...]
    """The same for each bit, most significant first; its sign is the bit."""

    @property
    def chance(self) -> float:
        """At most the probability of such a pilot without a mark."""
        return min(1.0, math.exp(-0.5 * max(self.pilot, 0.0) ** 2))

    @property
    def found(self) -> bool:
        """Whether chance is ruled out."""
        return self.chance <= MAX_CHANCE

    @property
    def payload(self) -> int:
        """The bits read; meaningless unless found."""
        return sum(1 << (NUM_BITS - 1 - i) for i, score in enumerate(self.bits) if score > 0)

    def agreeing(self, payload: int) -> int:
        """How many of the 32 bits agree with a payload; by chance 16, all of them once in four thousand million."""
        return NUM_BITS - (self.payload ^ payload).bit_count()


def payload_of(checkpoint: str) -> int:
    """The 32 bits that stand for a checkpoint: the first of the SHA-256 of its CID or digest as text."""
    return int.from_bytes(hashlib.sha256(checkpoint.encode()).digest()[:4], "big")


def add_watermark(frames: NDArray[np.uint8], payload: int) -> NDArray[np.uint8]:
    """Lay the mark into a frame (H, W, 3) or frames (T, H, W, 3) of 256 pixels or more a side.

    Mark frames at the size at which they are written. Raises ValueError for smaller ones.
    """
    if not 0 <= payload < 1 << NUM_BITS:
        raise ValueError(f"expected a payload of {NUM_BITS} bits, got {payload}")
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or frames.shape[-1] != 3:
        raise ValueError(f"frames must be uint8 (..., H, W, 3), got {frames.dtype} {frames.shape}")
    height, width = frames.shape[-3:-1]
    if min(height, width) < SIDE:
        raise ValueError(f"expected frames of {SIDE} pixels or more a side, got {width} x {height}; enlarge them first")
    marked = np.rint(frames + _pattern(payload, height, width)[..., None])
    return np.asarray(np.clip(marked, 0, 255), np.uint8)


def detect(lumas: Iterable[NDArray[np.uint8]], key: int = KEY) -> Detection:
    """Look for a mark in the mean of frames (256, 256) of luma."""
    total, num = np.zeros((SIDE, SIDE)), 0
    for luma in lumas:
        if luma.shape != (SIDE, SIDE):
            raise ValueError(f"expected luma frames of {SIDE} x {SIDE}, got {luma.shape}")
        total, num = total + luma, num + 1
    if not num:
        raise ValueError("expected frames to look for a watermark in, got none")
    scores = _scores(_coefficients(total / num), *_plan(key))
    return Detection(pilot=float(scores[NUM_BITS]), bits=tuple(float(score) for score in scores[:NUM_BITS]))


def detect_in(path: Path) -> Detection:
    """Look for a mark in a video file, in its first 600 frames. Raises ValueError for a file that has no video."""
    lumas = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(container.streams.video[0]):
                lumas.append(np.asarray(frame.to_ndarray(format="gray", width=SIDE, height=SIDE), np.uint8))
                if len(lumas) == _MAX_FRAMES:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"cannot decode {path} as a video: {error}") from error
    return detect(lumas)


@lru_cache(maxsize=4)
def _plan(key: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sign of each coefficient and the bit that it carries (NUM_BITS: the pilot)."""
    num = (SIDE // _BLOCK) ** 2 * len(_places())
    rng = np.random.Generator(np.random.Philox(key))
    signs, order = rng.integers(0, 2, num) * 2 - 1, rng.permutation(num)
    num_pilot = round(_PILOT_SHARE * num)
    carries = np.full(num, NUM_BITS)
    carries[order[num_pilot:]] = np.arange(num - num_pilot) % NUM_BITS
    return signs, carries


@lru_cache(maxsize=4)
def _pattern(payload: int, height: int, width: int) -> NDArray[np.float32]:
    signs, carries = _plan(KEY)
    bits = [1 if payload >> (NUM_BITS - 1 - i) & 1 else -1 for i in range(NUM_BITS)]
    blocks = SIDE // _BLOCK
    values = (signs * np.array([*bits, 1])[carries] * _amplitude()).reshape(blocks, blocks, -1)
    spectrum = np.zeros((blocks, blocks, _BLOCK, _BLOCK))
    for i, (down, across) in enumerate(_places()):
        spectrum[..., down, across] = values[..., i]
    basis = _cosines()
    picture = (basis.T @ spectrum @ basis).swapaxes(1, 2).reshape(SIDE, SIDE).astype(np.float32)
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def _coefficients(luma: Floats) -> Floats:
    """Those of the bands, in the order of the plan."""
    blocks, basis = SIDE // _BLOCK, _cosines()
    spectrum = basis @ luma.reshape(blocks, _BLOCK, blocks, _BLOCK).swapaxes(1, 2) @ basis.T
    return np.stack([spectrum[..., down, across] for down, across in _places()], axis=-1).ravel()


def _scores(values: Floats, signs: NDArray[np.int64], carries: NDArray[np.int64]) -> Floats:
    """For each bit and the pilot: the sum over its coefficients, limited so that edges do not drown the rest."""
    limited = np.clip(values / (2 * _amplitude()), -1, 1)
    sums = np.bincount(carries, weights=signs * limited, minlength=NUM_BITS + 1)
    norms = np.sqrt(np.bincount(carries, weights=limited**2, minlength=NUM_BITS + 1))
    return np.asarray(sums / np.maximum(norms, 1e-9))


@lru_cache(maxsize=1)
def _places() -> tuple[tuple[int, int], ...]:
    square = [(down, across) for down in range(_BLOCK) for across in range(_BLOCK)]
    return tuple(place for place in square if sum(place) in _BANDS)


def _amplitude() -> float:
    """Of a coefficient, so that the pattern has the root mean square STRENGTH."""
    return STRENGTH * _BLOCK / math.sqrt(len(_places()))


@lru_cache(maxsize=1)
def _cosines() -> Floats:
    """The orthonormal DCT-II."""
    frequency, place = np.arange(_BLOCK)[:, None], np.arange(_BLOCK)[None, :]
    basis = np.cos(math.pi * (place + 0.5) * frequency / _BLOCK) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return np.asarray(basis)
