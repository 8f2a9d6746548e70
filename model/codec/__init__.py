"""Codecs: video frames <-> the latents that the transformer works on.

from model.codec import build_codec
codec = build_codec(checkpoint.config.codec)
latents = codec.encode(clips.frames)
"""

from __future__ import annotations

from pathlib import Path

from model import parts
from model.codec.base import VideoCodec, frames_of, latent_frame, num_latent_frames
from model.codec.learned import VaeCodec
from model.codec.pixel import PixelCodec
from model.config import CodecConfig

__all__ = [
    "PixelCodec",
    "VaeCodec",
    "VideoCodec",
    "build_codec",
    "check_codec",
    "frames_of",
    "latent_frame",
    "num_latent_frames",
]


def build_codec(config: CodecConfig, *, source: Path | None = None, device: str = "cpu") -> VideoCodec:
    """Return the codec that a configuration names, from this machine's parts or from `source`.

    Raises PartMissing where it is not on this machine, and ValueError where `source` is another codec.
    """
    codec = _build(config, source, device)
    check_codec(config, codec)
    return codec


def check_codec(config: CodecConfig, codec: VideoCodec) -> None:
    """Raise ValueError, naming both digests, unless `codec` is the very codec that `config` names."""
    if codec.config != config:
        raise ValueError(
            f"the model was made for {_words(config)}; got {_words(codec.config)}. "
            "Latents of another codec mean something else: use the codec that the configuration names"
        )


def _build(config: CodecConfig, source: Path | None, device: str) -> VideoCodec:
    if config.kind == "pixel":
        return PixelCodec(factor=config.factor)
    data = parts.find(config.digest) if source is None else source.read_bytes()
    return VaeCodec.from_bytes(data, device=device)


def _words(config: CodecConfig) -> str:
    named = f"digest {config.digest}" if config.digest else "no digest"
    return f"codec {config.kind} x{config.factor}, time x{config.time_factor}, {named}"
