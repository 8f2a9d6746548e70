"""A classifier a slot on one feature vector: what the captioner says and what the text encoder's training asks.

Shapes: B rows, D width, S slots in the order of VOCABULARY.
"""

# ruff: noqa: N803, N812 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.text.slots import LAW_SLOTS, VOCABULARY, words_for

ABSENT = -100
"""Target of a slot that a sentence does not have; the loss passes over it."""


class SlotHeads(nn.Module):
    """One linear map whose outputs are split among the slots."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sizes = [len(words) for words in VOCABULARY.values()]
        self.linear = nn.Linear(width, sum(self.sizes))

    def forward(self, features_BD: Tensor) -> tuple[Tensor, ...]:
        """Return logits (B, words) of every slot."""
        return torch.split(self.linear(features_BD), self.sizes, dim=1)

    def loss(self, features_BD: Tensor, targets_BS: Tensor) -> Tensor:
        """Cross-entropy a slot, averaged over all slots that are there."""
        parts = [
            F.cross_entropy(logits, targets_BS[:, i], ignore_index=ABSENT, reduction="sum")
            for i, logits in enumerate(self(features_BD))
        ]
        return torch.stack(parts).sum() / (targets_BS != ABSENT).sum().clamp(min=1)

    def decode(self, features_BD: Tensor) -> list[dict[str, str]]:
        """The likeliest law of each row and, among the words that it allows, the likeliest of each of its slots."""
        logits = dict(zip(VOCABULARY, self(features_BD), strict=True))
        return [self._row({slot: part[row] for slot, part in logits.items()}) for row in range(len(features_BD))]

    def _row(self, logits: Mapping[str, Tensor]) -> dict[str, str]:
        law = VOCABULARY["law"][int(logits["law"].argmax())]
        slots = {"law": law}
        for slot in LAW_SLOTS[law][1:]:
            allowed = words_for(law, slot)
            numbers = [VOCABULARY[slot].index(word) for word in allowed]
            slots[slot] = allowed[int(logits[slot][numbers].argmax())]
        return slots


def slot_targets(facts: Sequence[Mapping[str, str]]) -> NDArray[np.int64]:
    """The number of each slot's word, (B, S); ABSENT where a sentence lacks the slot."""
    rows = [
        [words.index(slots[slot]) if slot in slots else ABSENT for slot, words in VOCABULARY.items()] for slots in facts
    ]
    return np.array(rows, np.int64).reshape(len(facts), len(VOCABULARY))
