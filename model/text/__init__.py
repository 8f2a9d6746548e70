"""Text encoders: prompts -> tokens that the transformer reads."""

from __future__ import annotations

from model import parts
from model.config import TextConfig
from model.text.base import EncodedText, TextEncoder
from model.text.byte_words import ByteWordEncoder

__all__ = ["ByteWordEncoder", "EncodedText", "TextEncoder", "build_text_encoder"]


def build_text_encoder(config: TextConfig) -> TextEncoder:
    """Return the encoder that a configuration names, its weights found by their digest (model/parts.py).

    Raises PartMissing where this machine does not hold them, ValueError where they do not fit the configuration.
    """
    if config.kind == "bytes":
        return ByteWordEncoder(width=config.width, max_tokens=config.max_tokens)
    if config.kind == "learned":
        from model.text.learned import load_encoder

        return load_encoder(parts.find(config.digest), width=config.width, max_tokens=config.max_tokens)
    from model.text.cache import CachedEncoder
    from model.text.hub_encoders import HubTextEncoder

    encoder = HubTextEncoder(
        config.kind, parts.find_folder(config.digest), width=config.width, max_tokens=config.max_tokens
    )
    return CachedEncoder(encoder, parts.folder() / "embeddings")
