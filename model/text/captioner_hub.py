"""A captioner that names things: a vision-language model of the transformers library, from a folder."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from model.text.caption import Caption, check_frames
from model.text.hub import check_folder, open_model, transformers

_QUESTION = (
    "These are frames of one video in order. Describe it in one sentence: what is seen, how it moves, the camera."
)
_NUM_FRAMES = 4


class HubCaptioner:
    """Chat models see a few frames and a question; models without a chat template see the middle frame alone."""

    def __init__(self, folder: Path, *, max_new_tokens: int = 64) -> None:
        self._folder, self._max_new_tokens = folder, max_new_tokens

    def caption(self, frames: NDArray[np.uint8]) -> Caption:
        """Describe frames (T, H, W, 3), greedily: equal frames give equal captions."""
        check_frames(frames)
        inputs = self._inputs(frames)
        with torch.inference_mode():
            output = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._max_new_tokens)
        # A chat model repeats the question in front of its answer; a captioner that decodes from an image does not.
        asked = inputs["input_ids"].shape[1] if self._chats else 0
        text = self._processor.decode(output[0, asked:], skip_special_tokens=True)
        return Caption(text=" ".join(str(text).split()))

    @property
    def _chats(self) -> bool:
        return getattr(self._processor, "chat_template", None) is not None

    def _inputs(self, frames: NDArray[np.uint8]) -> Any:
        if not self._chats:
            return self._processor(images=Image.fromarray(frames[len(frames) // 2]), return_tensors="pt")
        looks = frames[np.unique(np.linspace(0, len(frames) - 1, _NUM_FRAMES).round().astype(int))]
        content = [{"type": "image", "image": Image.fromarray(look)} for look in looks]
        chat = [{"role": "user", "content": [*content, {"type": "text", "text": _QUESTION}]}]
        return self._processor.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )

    @cached_property
    def _processor(self) -> Any:
        check_folder(self._folder, "a vision-language model")
        build, what = transformers().AutoProcessor.from_pretrained, f"an image and text processor in {self._folder}"
        try:
            processor = build(self._folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"expected the files of {what}: {error}") from error
        if not hasattr(processor, "image_processor"):
            raise ValueError(f"expected the files of {what}, got those of a {type(processor).__name__} alone")
        return processor

    @cached_property
    def _model(self) -> Any:
        build = transformers().AutoModelForImageTextToText.from_pretrained
        return open_model(build, self._folder, "a vision-language model")
