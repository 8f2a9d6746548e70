"""Codecs: video frames <-> the latents that the transformer works on.

from model.codec import build_codec
codec = build_codec(checkpoint.config.codec)
latents = codec.encode(clips.frames)
"""

from __future__ import annotations

from pathlib import Path

from model import parts
from model.codec.base import VideoCodec, frames_of, latent_frame, num_latent_frames
from model.codec.diffusers_vae import DiffusersCodec
from model.codec.learned import VaeCodec
from model.codec.pixel import PixelCodec
from model.config import CodecConfig

__all__ = [
    "DiffusersCodec",
    "PixelCodec",
    "VaeCodec",
    "VideoCodec",
    "build_codec",
    "check_codec",
    "codec_digest",
    "find_codec",
    "frames_of",
    "keep_codec",
    "latent_frame",
    "num_latent_frames",
    "open_codec",
]


def build_codec(config: CodecConfig, *, source: Path | None = None, device: str = "cpu") -> VideoCodec:
    """Return the codec that a configuration names, from this machine's parts or from `source`.

    Raises PartMissing where it is not on this machine, and ValueError where `source` is another codec.
    """
    if config.kind == "pixel":
        return PixelCodec(factor=config.factor)
    codec = open_codec(source, device=device) if source else find_codec(config.digest, device=device)
    check_codec(config, codec)
    return codec


def check_codec(config: CodecConfig, codec: VideoCodec) -> None:
    """Raise ValueError, naming both digests, unless `codec` is the very codec that `config` names."""
    if codec.config != config:
        raise ValueError(
            f"the model was made for {_words(config)}; got {_words(codec.config)}. "
            "Latents of another codec mean something else: use the codec that the configuration names"
        )


def codec_digest(config: CodecConfig) -> str:
    """Return the digest of the codec that a configuration names; its file need not be here."""
    return config.digest or PixelCodec(factor=config.factor).digest


def find_codec(digest: str, *, device: str = "cpu") -> VideoCodec:
    """Return a codec of this machine's parts. Raises PartMissing, or ValueError where it was changed."""
    if (parts.folder() / digest).is_dir():
        return DiffusersCodec(parts.find_folder(digest), device=device)
    return VaeCodec.from_bytes(parts.find(digest), device=device)


def open_codec(path: Path, *, device: str = "cpu") -> VideoCodec:
    """Return the codec in a file that training wrote, or in a folder of a diffusers VAE."""
    return DiffusersCodec(path, device=device) if path.is_dir() else VaeCodec.from_file(path, device=device)


def keep_codec(path: Path) -> CodecConfig:
    """Check a codec's file or folder, put it among this machine's parts and return the configuration to use."""
    config = open_codec(path).config
    stored = parts.keep_folder(path) if path.is_dir() else parts.keep(path.read_bytes())
    assert stored == config.digest, (stored, config.digest)
    return config


def _words(config: CodecConfig) -> str:
    named = f"digest {config.digest}" if config.digest else "no digest"
    return f"codec {config.kind} x{config.factor}, time x{config.time_factor}, {named}"
