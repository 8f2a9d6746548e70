"""The interface of a text encoder, frozen during a run and named by its digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """A batch of prompts as tokens."""

    tokens: NDArray[np.float32]
    """(prompts, tokens, width); zero where the mask is False."""
    mask: NDArray[np.bool_]
    """(prompts, tokens), True where a token is real; the first one always is."""


class TextEncoder(Protocol):
    """Turns prompts into tokens; the empty prompt means `no condition`."""

    @property
    def digest(self) -> str:
        """SHA-256 that names the encoder with everything that its output depends on."""

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        """Return one row a prompt, always `max_tokens` long."""
