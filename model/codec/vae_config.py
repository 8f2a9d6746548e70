"""Sizes of the causal video VAE: its presets and its canonical JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

MAX_SIZE = 8_192
"""No size is larger, so that a forged file cannot exhaust whoever reads it."""


@dataclass(frozen=True, kw_only=True)
class VaeConfig:
    """One causal video VAE. The encoder halves the grid between its stages; the decoder mirrors it."""

    preset: str
    """The name it goes by; `custom` for one that no preset describes."""
    widths: tuple[int, ...]
    """Channels of each stage, finest grid first."""
    encoder_blocks: tuple[int, ...]
    """Residual blocks of each stage of the encoder."""
    decoder_blocks: tuple[int, ...]
    """Residual blocks of each stage of the decoder, finest grid first as well."""
    patch: tuple[int, int]
    """(frames, pixels) of the space-time block that the stem folds into channels before any convolution."""
    factor: int = 8
    """Pixels per latent cell, along height and along width."""
    time_factor: int = 4
    """Frames per latent frame after the first."""
    latent_channels: int = 16
    """Channels of a latent cell."""

    def __post_init__(self) -> None:
        for name in ("widths", "encoder_blocks", "decoder_blocks", "patch"):
            low = 0 if name.endswith("blocks") else 1
            values = getattr(self, name)
            if not values or not all(type(v) is int and low <= v <= MAX_SIZE for v in values):
                raise ValueError(f"{name} must be integers from {low} to {MAX_SIZE}, got {values!r}")
        if not len(self.widths) == len(self.encoder_blocks) == len(self.decoder_blocks) or len(self.patch) != 2:
            raise ValueError(f"expected as many widths as block counts and a patch of two sizes, got {self}")
        for name in ("factor", "time_factor", "latent_channels"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= MAX_SIZE:
                raise ValueError(f"{name} must be an integer from 1 to {MAX_SIZE}, got {value!r}")
        self.steps  # noqa: B018 (raises where the sizes do not fit)

    @property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """(time, space) factor of the grid step after each stage but the last; time is halved as late as it can be."""
        room = len(self.widths) - 1
        time = _halvings("time_factor", self.time_factor, self.patch[0], room)
        space = _halvings("factor", self.factor, self.patch[1], room)
        return tuple((2 if i >= room - time else 1, 2 if i < space else 1) for i in range(room))

    @property
    def block(self) -> tuple[int, int]:
        """(frames, pixels) of the space-time block behind one latent cell."""
        return self.time_factor, self.factor

    @property
    def block_values(self) -> int:
        """Values in such a block."""
        return 3 * self.time_factor * self.factor**2

    def to_json(self) -> str:
        """Canonical JSON: equal configurations give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> VaeConfig:
        """Read `to_json` back; a missing, unknown or wrong field raises ValueError."""
        try:
            raw: dict[str, Any] = json.loads(text)
            lists: dict[str, Any] = {
                name: tuple(raw.pop(name)) for name in ("widths", "encoder_blocks", "decoder_blocks", "patch")
            }
            return VaeConfig(**lists, **raw)
        except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a VAE configuration: {error}; got {text[:120]!r}") from error


def _halvings(name: str, whole: int, patch: int, room: int) -> int:
    ratio = whole // patch
    if whole % patch or ratio & (ratio - 1) or ratio > 2**room:
        want = f"{patch} (the patch) times a power of two up to {2**room} (a halving between stages)"
        raise ValueError(f"{name} must be {want}, got {whole}")
    return round(math.log2(ratio))


_PRESETS = {
    "nano": VaeConfig(preset="nano", widths=(64,), encoder_blocks=(1,), decoder_blocks=(1,), patch=(4, 8)),
    "small": VaeConfig(
        preset="small", widths=(64, 128, 224), encoder_blocks=(1, 1, 1), decoder_blocks=(2, 2, 2), patch=(1, 2)
    ),
    "base": VaeConfig(
        preset="base", widths=(128, 256, 512), encoder_blocks=(2, 2, 2), decoder_blocks=(3, 3, 3), patch=(1, 2)
    ),
}

VAE_PRESETS = tuple(_PRESETS)
"""The known names, smallest first."""


def vae_preset(name: str, factor: int = 0) -> VaeConfig:
    """Return the configuration called `name`; an unknown one raises ValueError with the known.

    A `factor` of its own (4 for small frames) makes it `custom`; the stem folds no larger squares than that.
    """
    if name not in _PRESETS:
        raise ValueError(f"unknown codec preset {name!r}; choose one of {', '.join(VAE_PRESETS)}")
    sizes = _PRESETS[name]
    if factor in (0, sizes.factor):
        return sizes
    return replace(sizes, preset="custom", factor=factor, patch=(sizes.patch[0], min(sizes.patch[1], factor)))
