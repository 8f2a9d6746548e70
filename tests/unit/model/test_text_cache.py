from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.text import ByteWordEncoder, EncodedText
from model.text.cache import CachedEncoder


class _Counting:
    """An encoder that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._inner = ByteWordEncoder(width=16, max_tokens=6)
        self.digest = self._inner.digest

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        self.asked += prompts
        return self._inner.encode(prompts)


def test_each_prompt_is_encoded_once_and_comes_back_equal(tmp_path: Path) -> None:
    inner = _Counting()
    prompts = ["a red ball", "", "a red ball", "a blue ball"]
    first = CachedEncoder(inner, tmp_path).encode(prompts)
    again = CachedEncoder(inner, tmp_path).encode(prompts[::-1])
    plain = ByteWordEncoder(width=16, max_tokens=6).encode(prompts)
    assert inner.asked == ["a red ball", "", "a blue ball"]
    assert np.array_equal(first.tokens, plain.tokens)
    assert np.array_equal(first.mask, plain.mask)
    assert np.array_equal(again.tokens, plain.tokens[::-1])


def test_a_damaged_file_is_written_anew_with_the_same_bytes(tmp_path: Path) -> None:
    inner = _Counting()
    CachedEncoder(inner, tmp_path).encode(["a red ball"])
    (path,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    CachedEncoder(inner, tmp_path).encode(["a red ball"])
    assert path.read_bytes() == whole
    assert inner.asked == ["a red ball"] * 2


def test_the_oldest_leave_when_there_is_no_room(tmp_path: Path) -> None:
    inner = _Counting()
    CachedEncoder(inner, tmp_path).encode(["one"])
    size = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    small = CachedEncoder(inner, tmp_path, max_bytes=2 * size)
    small.encode(["two", "six"])
    small.encode(["six"])
    small.encode(["one"])
    assert inner.asked == ["one", "two", "six", "one"]


def test_no_prompts_are_no_rows(tmp_path: Path) -> None:
    assert CachedEncoder(_Counting(), tmp_path).encode([]).tokens.shape == (0, 6, 16)
