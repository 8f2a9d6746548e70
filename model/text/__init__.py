"""Text encoders: prompts -> tokens that the transformer reads."""

from __future__ import annotations

from model.config import TextConfig
from model.text.base import EncodedText, TextEncoder
from model.text.byte_words import ByteWordEncoder

__all__ = ["ByteWordEncoder", "EncodedText", "TextEncoder", "build_text_encoder"]


def build_text_encoder(config: TextConfig) -> TextEncoder:
    """Return the encoder that a configuration names."""
    return ByteWordEncoder(width=config.width, max_tokens=config.max_tokens)
