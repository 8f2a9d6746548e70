"""A causal language model of the transformers library, from a folder, as a writer of long prompts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from model.text.hub import open_model, open_tokenizer, transformers

_TASK = (
    "Rewrite the short description of a video as one longer sentence. Keep every word of it, add what the things look "
    "like, how they move, the place and the camera, and write nothing else.\nShort: {prompt}\nLong:"
)


class HubWriter:
    """It samples with a seed and keeps the first line of what the model says."""

    name = "llm"

    def __init__(self, folder: Path, *, max_new_tokens: int = 96) -> None:
        self._folder, self._max_new_tokens = folder, max_new_tokens

    def propose(self, prompt: str, seed: int) -> str:
        """Return the model's first line, which may be empty."""
        inputs = self._inputs(_TASK.format(prompt=prompt))
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            output = self._model.generate(
                **inputs,
                do_sample=True,
                temperature=0.8,
                top_p=0.95,
                max_new_tokens=self._max_new_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        written = self._tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return str(written).strip().split("\n")[0]

    def _inputs(self, task: str) -> Any:
        """As a chat where the tokenizer knows how."""
        if self._tokenizer.chat_template is None:
            found = self._tokenizer(task, return_tensors="pt")
        else:
            chat = [{"role": "user", "content": task}]
            found = self._tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    @cached_property
    def _tokenizer(self) -> Any:
        return open_tokenizer(self._folder)

    @cached_property
    def _model(self) -> Any:
        build = transformers().AutoModelForCausalLM.from_pretrained
        return open_model(build, self._folder, "a causal language model")
