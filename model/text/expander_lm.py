"""A small language model that writes long prompts: a causal transformer over bytes, trained on the worlds' captions.

It reads `short prompt, end of prompt` and writes the caption up to its end. Short prompts for training are captions'
slots with most of them left out. Sampling is seeded; `expand` checks what it writes.
Shapes: B rows, N bytes, D width.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.data.worlds.words import caption
from model.text.blocks import Block, initialise
from model.text.fit import Fit, FitPlan, Report, fit
from model.text.part_file import load_into, read_config, save
from model.text.slots import random_slots
from model.text.wordings import plural, thing

FORMAT = "tenwings-caption-writer/1"
BATCH = 32
LENGTH = 192
"""Bytes that it reads and writes at most."""
_PAD, _TURN, _END = 0, 1, 2
"""Codes beside the bytes of text: filling, the end of the short prompt, the end of the caption."""
_IGNORED = -100
_TEMPERATURE = 0.7


@dataclass(frozen=True, kw_only=True)
class WriterConfig:
    """The sizes of a caption writer."""

    width: int
    """Features of a byte."""
    num_layers: int
    """Blocks."""
    num_heads: int
    """Of each block."""

    def __post_init__(self) -> None:
        for name in ("width", "num_layers", "num_heads"):
            value = getattr(self, name)
            if type(value) is not int or not 0 < value <= 4096:
                raise ValueError(f"{name} must be an integer from 1 to 4096, got {value!r}")


WRITER_PRESETS: Final = {
    "nano": WriterConfig(width=32, num_layers=1, num_heads=2),
    "small": WriterConfig(width=128, num_layers=4, num_heads=4),
    "base": WriterConfig(width=256, num_layers=6, num_heads=4),
}


class CaptionModel(nn.Module):
    """Bytes -> logits of the next byte."""

    def __init__(self, config: WriterConfig) -> None:
        super().__init__()
        self.config = config
        self.byte = nn.Embedding(256, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.num_heads, causal=True) for _ in range(config.num_layers)
        )
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.next = nn.Linear(config.width, 256)

    def forward(self, codes_BN: Tensor) -> Tensor:
        """Return logits (B, N, 256)."""
        x_BND = self.byte(codes_BN)
        for block in self.blocks:
            x_BND = block(x_BND)
        result: Tensor = self.next(self.norm(x_BND))
        return result


class LmWriter:
    """A trained `CaptionModel` that proposes long prompts."""

    name = "lm"

    def __init__(self, module: CaptionModel) -> None:
        self._module = module.eval()

    def propose(self, prompt: str, seed: int) -> str:
        """Sample a caption; `""` where the prompt is too long for it."""
        codes = [*prompt.encode()[:LENGTH], _TURN]
        generator = torch.Generator().manual_seed(seed)
        written: list[int] = []
        with torch.inference_mode():
            while len(codes) < LENGTH:
                logits = self._module(torch.tensor([codes]))[0, -1] / _TEMPERATURE
                code = int(torch.multinomial(logits.softmax(0), 1, generator=generator))
                if code in (_END, _PAD, _TURN):
                    break
                codes.append(code)
                written.append(code)
        return bytes(written).decode(errors="replace")


def train_writer(
    config: WriterConfig, plan: FitPlan, *, device: str = "cpu", report: Report = lambda _: None
) -> tuple[CaptionModel, Fit]:
    """Train from scratch; on a CPU, equal arguments give equal weights where steps end the training."""
    module = CaptionModel(config)
    initialise(module, plan.seed)
    module.to(device)

    def loss_of(rng: np.random.Generator) -> Tensor:
        rows = [random_slots(rng) for _ in range(BATCH)]
        codes, targets = _rows([(short_prompt(slots, rng), caption(slots)) for slots in rows])
        logits = module(codes.to(device))
        return F.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten(), ignore_index=_IGNORED)

    done = fit(module, loss_of, plan, report)
    return module.cpu(), done


def short_prompt(slots: Mapping[str, str], rng: np.random.Generator) -> str:
    """A few words of what a caption says: the thing, then each of act and place with even odds."""
    one = slots["law"] != "counting"
    things = (
        thing(slots["colour"], slots["shape"])
        if one
        else f"{slots['count']} {slots['colour']} {plural(slots['shape'])}"
    )
    bare = slots["shape"] if one else f"{slots['count']} {plural(slots['shape'])}"
    words = [(things, things.split(" ", 1)[1] if one else things, bare)[int(rng.integers(3))]]
    if rng.random() < 0.5:
        words += [_ACTS[slots["law"]].format(**slots, one=thing(slots.get("colour2", "x"), slots.get("shape2", "x")))]
    if rng.random() < 0.3:
        words += [f"on a {slots['background']} background"]
    return " ".join(words)


_ACTS: Final[Mapping[str, str]] = {
    "uniform": "moves {direction}",
    "bounce": "bounces off the {wall}",
    "collision": "collides with {one}",
    "inelastic": "bumps softly into {one}",
    "gravity": "falls",
    "pendulum": "swings on a string",
    "occluder": "moves {direction} behind a pillar",
    "containment": "is covered by a box",
    "counting": "drift",
}


def _rows(pairs: list[tuple[str, str]]) -> tuple[Tensor, Tensor]:
    """Codes and next codes (B, N); only the caption and its end are asked for."""
    codes = torch.full((len(pairs), LENGTH), _PAD)
    targets = torch.full((len(pairs), LENGTH), _IGNORED)
    longest = 0
    for row, (short, long) in enumerate(pairs):
        text = [*short.encode(), _TURN, *long.encode(), _END][: LENGTH + 1]
        codes[row, : len(text) - 1] = torch.tensor(text[:-1])
        start = len(short.encode())
        targets[row, start : len(text) - 1] = torch.tensor(text[start + 1 :])
        longest = max(longest, len(text) - 1)
    return codes[:, :longest], targets[:, :longest]


def save_writer(module: CaptionModel) -> bytes:
    """Serialise a caption writer."""
    return save(module, module.config, FORMAT)


def load_writer(data: bytes) -> LmWriter:
    """Read `save_writer` back; another file raises ValueError."""
    module = CaptionModel(read_config(data, WriterConfig, FORMAT))
    load_into(module, data)
    return LmWriter(module)
