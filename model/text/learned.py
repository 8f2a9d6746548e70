"""A learned byte-level text encoder: bytes of a word -> one token, words -> a transformer that reads them together.

As in CANINE (arXiv 2103.06874) bytes are gathered before the deep part, so that a prompt costs the video model a token
a word, not a token a byte. Trained by encoder_training.py; about 5M parameters at preset `base`.
Shapes: B prompts, L tokens, W bytes of a word, D width.
"""

# ruff: noqa: N803, N806 (tensor names carry their shape)

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from model.config import TextConfig
from model.text.base import EncodedText
from model.text.blocks import Block
from model.text.byte_grid import EMPTY, NUM_CODES, ROW_BYTES, byte_grid
from model.text.part_file import load_into, read_config, save

FORMAT = "tenwings-text-encoder/1"
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The sizes of a learned encoder."""

    width: int
    """Features of a token."""
    num_layers: int
    """Blocks over words."""
    num_heads: int
    """Of each block."""

    def __post_init__(self) -> None:
        for name in ("width", "num_layers", "num_heads"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 < value <= 4096:
                raise ValueError(f"{name} must be an integer from 1 to 4096, got {value!r}")
        if self.width % 8:
            raise ValueError(f"width must be a multiple of 8, got {self.width}")


ENCODER_PRESETS: Final = {
    "nano": EncoderConfig(width=64, num_layers=2, num_heads=2),
    "small": EncoderConfig(width=128, num_layers=4, num_heads=4),
    "base": EncoderConfig(width=256, num_layers=5, num_heads=4),
}


class ByteTransformer(nn.Module):
    """Byte codes -> tokens of unit variance."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.byte = nn.Embedding(NUM_CODES, config.width)
        self.speller = Block(config.width, config.num_heads)
        self.gather = nn.Linear(ROW_BYTES * config.width // 4, config.width)
        self.narrow = nn.Linear(config.width, config.width // 4)
        self.blocks = nn.ModuleList(Block(config.width, config.num_heads) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.width, eps=1e-6, elementwise_affine=False)

    def forward(self, codes_BLW: Tensor) -> Tensor:
        """Return tokens (B, L, D), zero where a row is empty."""
        mask_BL = codes_BLW[..., 0] != EMPTY
        longest = int(mask_BL.sum(1).max())
        kept, mask = codes_BLW[:, :longest], mask_BL[:, :longest]
        tokens = torch.zeros(*mask.shape, self.config.width, device=codes_BLW.device)
        tokens[mask] = self._spell(kept[mask])
        for block in self.blocks:
            tokens = block(tokens, mask)
        tokens = self.norm(tokens) * mask[..., None]
        return nn.functional.pad(tokens, (0, 0, 0, codes_BLW.shape[1] - longest))

    def _spell(self, codes_NW: Tensor) -> Tensor:
        """One token a word, from its letters and their order; a word that comes again is spelt once."""
        once_MW, which_N = torch.unique(codes_NW, dim=0, return_inverse=True)
        real = once_MW != EMPTY
        letters = self.narrow(self.speller(self.byte(once_MW), real)) * real[..., None]
        result: Tensor = self.gather(letters.flatten(1))[which_N]
        return result


class LearnedTextEncoder:
    """A trained `ByteTransformer` behind the interface of a text encoder."""

    def __init__(self, module: ByteTransformer, *, max_tokens: int = 24) -> None:
        if max_tokens < 2:
            raise ValueError(f"max_tokens must be at least 2, got {max_tokens}")
        self._module, self._max_tokens = module.eval(), max_tokens

    @cached_property
    def digest(self) -> str:
        part = hashlib.sha256(save_encoder(self._module)).hexdigest()
        return hashlib.sha256(f"tenwings learned text 1: {part} x {self._max_tokens}".encode()).hexdigest()

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        grid = byte_grid(prompts, self._max_tokens)
        tokens = np.zeros((*grid.shape[:2], self._module.config.width), np.float32)
        with torch.inference_mode():
            for start in range(0, len(grid), _BATCH):
                rows = slice(start, start + _BATCH)
                tokens[rows] = self._module(torch.tensor(grid[rows])).numpy()
        return EncodedText(tokens=tokens, mask=grid[..., 0] != EMPTY)


def save_encoder(module: ByteTransformer) -> bytes:
    """Serialise an encoder; the SHA-256 of these bytes is `TextConfig.digest`."""
    return save(module, module.config, FORMAT)


def load_encoder(data: bytes, *, width: int, max_tokens: int) -> LearnedTextEncoder:
    """Read `save_encoder` back; a width other than the run's raises ValueError."""
    config = read_config(data, EncoderConfig, FORMAT)
    if config.width != width:
        raise ValueError(f"the run's text width is {width}, this encoder's is {config.width}; set text.width to it")
    module = ByteTransformer(config)
    load_into(module, data)
    return LearnedTextEncoder(module, max_tokens=max_tokens)


def text_config(data: bytes, *, max_tokens: int = 24) -> TextConfig:
    """Return what a model's configuration must say to be given the encoder in a file."""
    width = read_config(data, EncoderConfig, FORMAT).width
    digest = hashlib.sha256(data).hexdigest()
    return TextConfig(kind="learned", width=width, max_tokens=max_tokens, digest=digest)
