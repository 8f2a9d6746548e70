"""A text encoder without weights: each word is a fixed random code of its bytes.

Frozen and outside the DiT, on purpose. A learned embedding would ride in every update, and its rows
would be trained only by the members whose captions use them; a seeded random network would tie the run
to one library's generator. Here a word is the sum of sign vectors hashed from its byte n-grams (fastText,
arXiv 1607.04606; random indexing, Kanerva 2000), so words are nearly orthogonal, related spellings are
near, every language works, and the codes are the same integers on every machine. The DiT learns what
they mean through its own text projection and cross-attention.

A token binds its word to the word before it (rolled by one place, as in holographic codes), so that
"red" in "red circle" differs from "red" in "red wall", and to its position.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from model.text.base import EncodedText

_WORD = re.compile(rb"[0-9a-z\x80-\xff]+")
_BEFORE, _PLACE = 0.5, 0.25
"""Share of the previous word and of the position in a token."""


class ByteWordEncoder:
    """One token a word after a start token; the empty prompt is the start token alone."""

    def __init__(self, width: int = 256, max_tokens: int = 24) -> None:
        if width < 8 or width % 8:
            raise ValueError(f"width must be a positive multiple of 8, got {width}")
        if max_tokens < 2:
            raise ValueError(f"max_tokens must be at least 2, got {max_tokens}")
        self._width, self._max_tokens = width, max_tokens

    @property
    def digest(self) -> str:
        name = f"tenwings byte words 1: {self._width} x {self._max_tokens}, {_BEFORE}, {_PLACE}"
        return hashlib.sha256(name.encode()).hexdigest()

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        tokens = np.zeros((len(prompts), self._max_tokens, self._width), np.float32)
        mask = np.zeros((len(prompts), self._max_tokens), np.bool_)
        for row, prompt in enumerate(prompts):
            words = self._words(prompt)
            tokens[row, : len(words)] = [self._token(words, i) for i in range(len(words))]
            mask[row, : len(words)] = True
        return EncodedText(tokens=tokens, mask=mask)

    def _words(self, prompt: str) -> list[bytes]:
        found = _WORD.findall(prompt.lower().encode())
        return [b"\x02", *found][: self._max_tokens]

    def _token(self, words: list[bytes], place: int) -> NDArray[np.float32]:
        token = _word_code(words[place], self._width).copy()
        if place:
            token += _BEFORE * np.roll(_word_code(words[place - 1], self._width), 1)
        return token + _PLACE * _signs(b"place %d" % place, self._width)


@lru_cache(maxsize=4096)
def _word_code(word: bytes, width: int) -> NDArray[np.float32]:
    """Unit-variance code: half the whole word, half its byte trigrams."""
    framed = b"<" + word + b">"
    grams = [framed[i : i + 3] for i in range(len(framed) - 2)]
    parts = np.sum([_signs(b"gram " + gram, width) for gram in grams], axis=0)
    code = _signs(b"word " + word, width) + parts / np.float32(np.sqrt(len(grams)))
    result: NDArray[np.float32] = (code / np.float32(np.sqrt(2.0))).astype(np.float32)
    result.setflags(write=False)
    return result


def _signs(key: bytes, width: int) -> NDArray[np.float32]:
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(key).digest(width // 8), np.uint8))
    return bits.astype(np.float32) * 2 - 1
