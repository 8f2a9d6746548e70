"""Codecs: video frames <-> the latents that the transformer works on."""

from __future__ import annotations

from model.codec.base import VideoCodec
from model.codec.pixel import PixelCodec
from model.config import CodecConfig

__all__ = ["PixelCodec", "VideoCodec", "build_codec"]


def build_codec(config: CodecConfig) -> VideoCodec:
    """Return the codec that a configuration names."""
    return PixelCodec(factor=config.factor)
