"""Text encoders of the transformers library from a folder: T5 and UMT5, CLIP's text model, a causal language model.

Each gives its last hidden states: T5 as in Imagen (arXiv 2205.11487), CLIP as in latent diffusion (arXiv 2112.10752), a
language model as in Sana (arXiv 2410.10629).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model import parts
from model.text.base import EncodedText
from model.text.hub import open_model, open_tokenizer, transformers

_NAMES = {"t5": "a T5 encoder", "clip": "a CLIP text model", "llm": "a causal language model"}
_BATCH = 16


class HubTextEncoder:
    """An encoder that is loaded when the first prompt comes."""

    def __init__(self, kind: str, folder: Path, *, width: int, max_tokens: int) -> None:
        if kind not in _NAMES:
            raise ValueError(f"unknown kind {kind!r}; choose from {', '.join(_NAMES)}")
        self._kind, self._folder = kind, folder
        self._width, self._max_tokens = width, max_tokens

    @cached_property
    def digest(self) -> str:
        name = f"tenwings {self._kind} 1: {parts.folder_digest(self._folder)} x {self._max_tokens}"
        return hashlib.sha256(name.encode()).hexdigest()

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        tokens = np.zeros((len(prompts), self._max_tokens, self._width), np.float32)
        mask = np.zeros((len(prompts), self._max_tokens), np.bool_)
        for start in range(0, len(prompts), _BATCH):
            rows = slice(start, start + _BATCH)
            ids, mask[rows] = self._ids(prompts[rows])
            with torch.inference_mode():
                states = self._model(input_ids=ids, attention_mask=torch.tensor(mask[rows]).long()).last_hidden_state
            tokens[rows] = np.where(mask[rows][..., None], states.float().numpy(), 0)
        return EncodedText(tokens=tokens, mask=mask)

    def _ids(self, prompts: Sequence[str]) -> tuple[torch.Tensor, np.ndarray[Any, np.dtype[np.bool_]]]:
        """Token numbers and mask; a prompt without any token becomes one of the tokenizer's own."""
        found = self._tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        ids, mask = found["input_ids"], found["attention_mask"].bool()
        empty = ~mask.any(dim=1)
        marks = (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id, self._tokenizer.pad_token_id)
        ids[empty, 0] = next(mark for mark in marks if mark is not None)
        mask[empty, 0] = True
        return ids, mask.numpy()

    @cached_property
    def _tokenizer(self) -> Any:
        return open_tokenizer(self._folder)

    @cached_property
    def _model(self) -> Any:
        model = open_model(self._class(), self._folder, _NAMES[self._kind])
        sizes = model.config
        if sizes.hidden_size != self._width:
            raise ValueError(
                f"the run's text width is {self._width}, the model's is {sizes.hidden_size}: set text.width"
            )
        longest = getattr(sizes, "max_position_embeddings", None)
        if longest is not None and longest < self._max_tokens:
            raise ValueError(f"the model reads {longest} tokens at most, the run asks for {self._max_tokens}")
        return model

    def _class(self) -> Any:
        """The class's loader; T5 comes in three that differ in their positions."""
        library = transformers()
        if self._kind == "clip":
            return library.CLIPTextModel.from_pretrained
        if self._kind == "llm":
            return library.AutoModel.from_pretrained
        family = library.AutoConfig.from_pretrained(self._folder, local_files_only=True).model_type
        classes = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
        if family not in classes:
            raise ValueError(f"expected a model of type {', '.join(classes)} in {self._folder}, got {family}")
        return getattr(library, classes[family]).from_pretrained
