"""Trains the learned text encoder on the worlds' grammar and its rewordings: hidden words are spelt, facts are told.

Two losses: a hidden word's bytes from the tokens around it (BERT, arXiv 1810.04805, a word at a time), and the slots of
a sentence by a linear map of its mean token, so that wordings of the same facts come to lie together. Sentences of
other corpora can be mixed in (`texts`); they take part in the first loss alone.
Shapes: B prompts, L tokens, W bytes of a word, D width.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data.worlds.words import caption
from model.text.blocks import initialise
from model.text.byte_grid import EMPTY, HIDDEN, NUM_CODES, ROW_BYTES, byte_grid
from model.text.fit import Fit, FitPlan, Report, fit
from model.text.learned import ByteTransformer, EncoderConfig
from model.text.slot_heads import SlotHeads, slot_targets
from model.text.slots import random_slots
from model.text.wordings import reworded

BATCH = 32
_TOKENS = 32
"""Tokens of a training prompt at most; the trained encoder takes any number."""
_HIDE = 0.15
_OTHER_SHARE = 4
"""One prompt in so many comes from `texts`, where there are any."""


class _Objective(nn.Module):
    """The encoder with the two heads that only training needs."""

    def __init__(self, encoder: ByteTransformer) -> None:
        super().__init__()
        self.encoder = encoder
        self.spell = nn.Linear(encoder.config.width, ROW_BYTES * NUM_CODES)
        self.tell = SlotHeads(encoder.config.width)

    def forward(self, codes_BLW: Tensor, hidden_BL: Tensor, targets_BS: Tensor) -> Tensor:
        """Return the sum of both losses; the first rows of the batch have targets."""
        shown = codes_BLW.clone()
        shown[hidden_BL] = torch.tensor([HIDDEN] + [EMPTY] * (ROW_BYTES - 1), device=shown.device)
        logits = self.spell(self.encoder(shown)[hidden_BL]).unflatten(1, (ROW_BYTES, NUM_CODES))
        spelling = F.cross_entropy(logits.flatten(0, 1), codes_BLW[hidden_BL].flatten())
        told = codes_BLW[: len(targets_BS)]
        mean_BD = self.encoder(told).sum(1) / (told[..., 0] != EMPTY).sum(1, keepdim=True)
        return spelling + self.tell.loss(mean_BD, targets_BS)


def train_encoder(
    config: EncoderConfig,
    plan: FitPlan,
    *,
    texts: Sequence[str] = (),
    device: str = "cpu",
    report: Report = lambda _: None,
) -> tuple[ByteTransformer, Fit]:
    """Train from scratch; on a CPU, equal arguments give equal weights where steps end the training."""
    objective = _Objective(ByteTransformer(config))
    initialise(objective, plan.seed)
    objective.to(device)

    def loss_of(rng: np.random.Generator) -> Tensor:
        facts, prompts = _draw(rng, texts)
        codes = byte_grid(prompts, _TOKENS)
        tensors = (codes, _hidden(codes, rng), slot_targets(facts))
        loss: Tensor = objective(*(torch.tensor(array, device=device) for array in tensors))
        return loss

    done = fit(objective, loss_of, plan, report)
    return objective.encoder.cpu(), done


def _draw(rng: np.random.Generator, texts: Sequence[str]) -> tuple[list[dict[str, str]], list[str]]:
    """Facts, and a batch of prompts that begins with their sentences."""
    num_texts = BATCH // _OTHER_SHARE if texts else 0
    facts = [random_slots(rng, combinations="train") for _ in range(BATCH - num_texts)]
    prompts = [caption(slots) if rng.random() < 0.5 else reworded(slots, rng) for slots in facts]
    return facts, prompts + [texts[int(rng.integers(len(texts)))] for _ in range(num_texts)]


def _hidden(codes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which words to hide, (B, L): never the start, at least one of the batch."""
    words: NDArray[np.bool_] = codes[..., 0] != EMPTY
    words[:, 0] = False
    hidden: NDArray[np.bool_] = words & (rng.random(words.shape) < _HIDE)
    hidden[0, 1] |= words[0, 1]
    return hidden
