from __future__ import annotations

import hashlib

import numpy as np
import pytest

from model.config import TextConfig
from model.text import ByteWordEncoder, build_text_encoder


def _nearness(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def test_a_token_a_word_after_the_start() -> None:
    encoded = ByteWordEncoder(width=64, max_tokens=6).encode(["A red, red ball!", ""])
    assert encoded.tokens.shape == (2, 6, 64)
    assert encoded.mask.tolist() == [[True] * 5 + [False], [True] + [False] * 5]
    assert not encoded.tokens[~encoded.mask].any()


def test_long_prompts_are_cut() -> None:
    assert ByteWordEncoder(width=64, max_tokens=3).encode(["a b c d e"]).mask.all()


def test_case_and_punctuation_do_not_matter_and_every_script_does() -> None:
    encoder = ByteWordEncoder()
    plain, loud, other = encoder.encode(["red ball", "RED -- Ball.", "红 球"]).tokens
    assert np.array_equal(plain, loud)
    assert not np.array_equal(plain, other)


def test_different_words_are_nearly_orthogonal_and_related_ones_near() -> None:
    rows = ByteWordEncoder(width=256).encode(["bounce", "bounces", "purple"]).tokens[:, 1]
    assert _nearness(rows[0], rows[1]) > _nearness(rows[0], rows[2]) + 0.15
    assert _nearness(rows[0], rows[2]) < 0.35


def test_a_word_knows_the_word_before_it() -> None:
    first, second = ByteWordEncoder().encode(["red ball", "blue ball"]).tokens[:, 2]
    assert 0.5 < _nearness(first, second) < 0.95


def test_the_codes_are_the_same_on_every_machine() -> None:
    tokens = ByteWordEncoder().encode(["a red ball"]).tokens
    rounded = np.round(tokens * 1000).astype("<i4").tobytes()
    assert hashlib.sha256(rounded).hexdigest() == "44ea3d516785f00771203dd61e6580e5c5c2f4ae29514a0648f6c5406ccc9d62"


def test_the_digest_names_width_and_length() -> None:
    digests = {ByteWordEncoder(width=w, max_tokens=n).digest for w, n in [(64, 8), (128, 8), (64, 9)]}
    assert len(digests) == 3
    assert build_text_encoder(TextConfig(width=64, max_tokens=8)).digest in digests


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8, got 12"):
        ByteWordEncoder(width=12)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        ByteWordEncoder(max_tokens=1)
