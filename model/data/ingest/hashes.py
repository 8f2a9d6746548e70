"""Near-duplicates by perceptual hash (imagehash's phash) of three key frames, found without comparing all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITS = 64


def key_hashes(thumbs: NDArray[np.uint8]) -> tuple[int, ...]:
    """Return 64-bit hashes of the first, middle and last of (T, h, w, 3) thumbnails; of a still, of the one."""
    places = sorted({0, len(thumbs) // 2, len(thumbs) - 1})
    return tuple(int(str(imagehash.phash(Image.fromarray(thumbs[place]))), 16) for place in places)


class SeenHashes:
    """Clips seen so far: a clip is known when its hashes differ in at most `limit` bits a key frame, on average.

    Exact, by the pigeonhole principle (multi-index hashing, arXiv 1307.2982): two codes that differ in d bits agree
    whole in one of d + 1 pieces, so only clips that share a piece are compared.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buckets: dict[tuple[int, int, int], list[int]] = {}
        self._codes: list[tuple[int, str]] = []

    def match(self, key: str, hashes: Sequence[int]) -> str | None:
        """Return the key of the nearest clip that is the same, else None and remember this one."""
        if self._limit < 0:
            return None
        size, code = len(hashes), _joined(hashes)
        pieces = self._pieces(size, code)
        near = {index for piece in pieces for index in self._buckets.get(piece, ())}
        found = min(((self._codes[i][0] ^ code).bit_count(), i) for i in near) if near else None
        if found and found[0] <= self._limit * size:
            return self._codes[found[1]][1]
        for piece in pieces:
            self._buckets.setdefault(piece, []).append(len(self._codes))
        self._codes.append((code, key))
        return None

    def _pieces(self, size: int, code: int) -> list[tuple[int, int, int]]:
        """(key frames * pieces, piece, bits): stills and films never share one."""
        count = self._limit * size + 1
        edges = [size * _BITS * piece // count for piece in range(count + 1)]
        return [(size, piece, code >> low & (1 << high - low) - 1) for piece, (low, high) in enumerate(pairwise(edges))]


def _joined(hashes: Sequence[int]) -> int:
    code = 0
    for value in hashes:
        code = code << _BITS | value
    return code
