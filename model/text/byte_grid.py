"""Prompts as a grid of bytes: a row a word, after an empty row that starts every prompt.

There is no vocabulary: any language and any spelling has its bytes. Case is folded. A run of letters and digits is a
word (bytes from 0x80 on count as letters); what is longer than a row goes on in the next one. Punctuation that can
carry sense (comma, full stop, question mark, hyphen between words is a space) is dropped, as in byte_words.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROW_BYTES = 12
"""Bytes of a row: long enough for nearly every English word."""
EMPTY, START, HIDDEN = 0, 256, 257
"""Codes beside the bytes 1 to 255: nothing, the start of a prompt, and a word that training hides."""
NUM_CODES = 258
_WORD = re.compile(rb"[0-9a-z\x80-\xff]+")


def words_of(prompt: str, max_tokens: int) -> list[bytes]:
    """The rows of a prompt after the start, cut to what `max_tokens` leaves room for."""
    found = _WORD.findall(prompt.lower().encode())
    rows = [word[i : i + ROW_BYTES] for word in found for i in range(0, len(word), ROW_BYTES)]
    return rows[: max_tokens - 1]


def byte_grid(prompts: Sequence[str], max_tokens: int) -> NDArray[np.int64]:
    """Return codes (prompts, max_tokens, ROW_BYTES); a row whose first code is EMPTY holds no token."""
    grid = np.zeros((len(prompts), max_tokens, ROW_BYTES), np.int64)
    grid[:, 0, 0] = START
    for row, prompt in enumerate(prompts):
        for place, word in enumerate(words_of(prompt, max_tokens)):
            grid[row, place + 1, : len(word)] = list(word)
    return grid
