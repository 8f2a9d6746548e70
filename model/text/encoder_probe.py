"""What a text encoder's embedding tells: slots of a caption read off its mean token by a linear map.

Ridge regression onto one-hot words, fitted on prompts of training combinations in training wordings. Scored on new
prompts of that kind, on combinations of law, shape and colour that were not in it, and on wordings that were not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.data.worlds.words import caption
from model.text.base import TextEncoder
from model.text.slots import VOCABULARY, random_slots
from model.text.wordings import reworded

SPLITS: Final[Mapping[str, tuple[str, str]]] = {
    "in distribution": ("train", "train"),
    "new combinations": ("new", "train"),
    "new wordings": ("train", "new"),
}
"""Split to (combinations, wordings)."""
_RIDGE = 1e-3
Slots = dict[str, str]


def probe_slots(
    encoder: TextEncoder, *, seed: int, num_train: int = 2000, num_test: int = 600
) -> dict[str, dict[str, float]]:
    """Return the share of right words by split and slot."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 32]))
    features, facts = _draw(encoder, rng, num_train, *SPLITS["in distribution"])
    tests = {split: _draw(encoder, rng, num_test, *kind) for split, kind in SPLITS.items()}
    scores: dict[str, dict[str, float]] = {split: {} for split in SPLITS}
    for slot in VOCABULARY:
        rows, words = _with(slot, facts)
        weights = _ridge(features[rows], np.eye(len(VOCABULARY[slot]))[words])
        for split, (seen, truth) in tests.items():
            rows, words = _with(slot, truth)
            scores[split][slot] = float((np.argmax(_with_one(seen[rows]) @ weights, axis=1) == words).mean())
    return scores


def pooled(encoder: TextEncoder, prompts: list[str]) -> NDArray[np.float64]:
    """Mean of the real tokens, (prompts, width)."""
    encoded = encoder.encode(prompts)
    return np.asarray(encoded.tokens.sum(1) / encoded.mask.sum(1, keepdims=True), np.float64)


def _draw(
    encoder: TextEncoder, rng: np.random.Generator, num: int, combinations: str, wordings: str
) -> tuple[NDArray[np.float64], list[Slots]]:
    facts = [random_slots(rng, combinations=combinations) for _ in range(num)]
    plain = [wordings == "train" and rng.random() < 0.5 for _ in facts]
    prompts = [caption(s) if p else reworded(s, rng, wordings=wordings) for s, p in zip(facts, plain, strict=True)]
    return pooled(encoder, prompts), facts


def _with(slot: str, facts: list[Slots]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows that have a slot, and the number of its word in each."""
    rows = [i for i, slots in enumerate(facts) if slot in slots]
    return np.array(rows), np.array([VOCABULARY[slot].index(facts[i][slot]) for i in rows])


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x = _with_one(x)
    return np.asarray(np.linalg.solve(x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y))


def _with_one(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
