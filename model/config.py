"""What a video model is made of: frozen configuration, its canonical JSON and its digest."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PREDICTIONS = ("clean", "velocity")
OBJECTIVES = ("flow", "v")
NOISE_SCHEDULES = ("cosine", "linear")
ATTENTIONS = ("joint", "factorised", "window")
MODULATIONS = ("single", "zero")
CODECS = ("pixel", "vae", "diffusers")
TEXT_ENCODERS = ("bytes", "learned", "t5", "clip", "llm")
_LARGEST = 65_536
"""No size is larger, so that a forged configuration cannot exhaust whoever reads it."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """Which frozen codec turns frames into latents."""

    kind: str = "pixel"
    """One of CODECS; `pixel` is the only one that needs no trained weights."""
    factor: int = 4
    """Pixels per latent cell, along height and along width."""
    time_factor: int = 1
    """Frames per latent frame after the first; a clip has 1 + k time_factor frames. `pixel` knows only 1."""
    latent_channels: int = 0
    """Channels of a latent cell; 0 for `pixel`, whose channels follow from its factor."""
    digest: str = ""
    """SHA-256 of the codec's file, which holds weights and latent statistics; empty for `pixel`."""

    def __post_init__(self) -> None:
        _require(self.kind in CODECS, "codec kind", f"one of {', '.join(CODECS)}", self.kind)
        _require_positive("codec factor", self.factor)
        _require_positive("codec time_factor", self.time_factor)
        if self.kind == "pixel":
            _require(self.time_factor == 1, "time_factor of a pixel codec", "1", self.time_factor)
            _require(self.latent_channels == 0, "latent_channels of a pixel codec", "0", self.latent_channels)
        else:
            _require_positive("codec latent_channels", self.latent_channels)
        _require_digest("codec digest", self.digest, embedded=self.kind == "pixel")

    @property
    def channels(self) -> int:
        """Latent channels that the codec makes of an RGB frame."""
        return self.latent_channels or 3 * self.factor**2


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Which frozen text encoder turns a prompt into tokens."""

    kind: str = "bytes"
    """One of TEXT_ENCODERS; `bytes` is embedded and needs no trained weights."""
    width: int = 256
    """Features of a text token."""
    max_tokens: int = 24
    """Text tokens kept of a prompt, the leading start token included."""
    digest: str = ""
    """SHA-256 of the encoder's file; empty for `bytes`."""

    def __post_init__(self) -> None:
        _require(self.kind in TEXT_ENCODERS, "text kind", f"one of {', '.join(TEXT_ENCODERS)}", self.kind)
        _require_positive("text width", self.width)
        _require_positive("text max_tokens", self.max_tokens)
        _require(self.width % 8 == 0, "text width", "a multiple of 8", self.width)
        _require(self.max_tokens >= 2, "text max_tokens", "at least 2", self.max_tokens)
        _require_digest("text digest", self.digest, embedded=self.kind == "bytes")


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """How clean latents are corrupted and what the network is asked for (see diffusion.py)."""

    kind: str = "flow"
    """One of OBJECTIVES: rectified `flow`, or `v`-prediction on a schedule of zero terminal SNR."""
    prediction: str = "clean"
    """What the network emits under `flow`: the `clean` latent or the flow's `velocity`; `v` has its own."""
    shift: float = 5.0
    """Moves timesteps towards noise when above 1 (t <- s t / (1 + (s - 1) t))."""
    shift_tokens: int = 0
    """Tokens of the clip that `shift` is meant for; others scale it by the root of their number. 0 scales none."""
    noise_schedule: str = "cosine"
    """One of NOISE_SCHEDULES, for `v` alone; both end in pure noise."""
    spread: float = 1.5
    """Standard deviation of logit(t) before the shift: wide enough to meet nearly pure noise often."""
    min_t: float = 0.5
    """Floor of t where a clean prediction's error is divided by t, so that no step explodes."""
    text_drop: float = 0.1
    """Share of training samples that see the empty prompt (classifier-free guidance)."""

    def __post_init__(self) -> None:
        _require(self.kind in OBJECTIVES, "objective kind", f"one of {', '.join(OBJECTIVES)}", self.kind)
        ok = self.prediction in PREDICTIONS
        _require(ok, "prediction", f"one of {', '.join(PREDICTIONS)}", self.prediction)
        ok = self.noise_schedule in NOISE_SCHEDULES
        _require(ok, "noise_schedule", f"one of {', '.join(NOISE_SCHEDULES)}", self.noise_schedule)
        ok = type(self.shift_tokens) is int and self.shift_tokens >= 0
        _require(ok, "shift_tokens", "an integer of at least 0", self.shift_tokens)
        for name in ("shift", "spread"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, name, "a positive number", value)
        _require(0 < self.min_t < 1, "min_t", "inside (0, 1)", self.min_t)
        _require(0 <= self.text_drop < 1, "text_drop", "inside [0, 1)", self.text_drop)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One video DiT with the frozen parts around it: all that a checkpoint's tensors mean."""

    preset: str
    """The name it goes by; `custom` for one that no preset describes."""
    width: int
    """Features of a space-time token."""
    num_layers: int
    """Transformer blocks."""
    num_heads: int
    """Attention heads; they share the width evenly."""
    mlp_ratio: int = 4
    """Hidden features of a block's MLP over the width."""
    patch: tuple[int, int, int] = (1, 2, 2)
    """Latent cells per token along (time, height, width)."""
    attention: str = "joint"
    """One of ATTENTIONS; `joint` and `window` have the same tensors."""
    window: tuple[int, int] = (4, 4)
    """Tokens (height, width) of a space-time window, which spans all of time; used by `window` alone."""
    modulation: str = "single"
    """One of MODULATIONS: adaLN-`single` (one projection, a table a block) or adaLN-`zero` (a projection a block)."""
    rope_base: float = 100.0
    """Longest rotary wavelength over the shortest."""
    codec: CodecConfig = field(default_factory=CodecConfig)
    """The frozen codec."""
    text: TextConfig = field(default_factory=TextConfig)
    """The frozen text encoder."""
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    """The training objective."""

    def __post_init__(self) -> None:
        for name in ("width", "num_layers", "num_heads", "mlp_ratio"):
            _require_positive(name, getattr(self, name))
        _require(isinstance(self.preset, str), "preset", "a name", self.preset)
        ok = self.width % self.num_heads == 0 and self.head_width % 2 == 0
        want = f"a multiple of num_heads={self.num_heads} with an even head"
        _require(ok and self.head_width >= 6, "width", f"{want} of at least 6", self.width)
        ok = len(self.patch) == 3 and all(type(p) is int and 0 < p <= _LARGEST for p in self.patch)
        _require(ok, "patch", "three positive integers (time, height, width)", self.patch)
        _require(self.attention in ATTENTIONS, "attention", f"one of {', '.join(ATTENTIONS)}", self.attention)
        _require(self.modulation in MODULATIONS, "modulation", f"one of {', '.join(MODULATIONS)}", self.modulation)
        ok = len(self.window) == 2 and all(type(n) is int and 0 < n <= _LARGEST for n in self.window)
        _require(ok, "window", "two positive integers (height, width)", self.window)
        ok = math.isfinite(self.rope_base) and self.rope_base > 1
        _require(ok, "rope_base", "a number above 1", self.rope_base)

    @property
    def head_width(self) -> int:
        """Features of one attention head."""
        return self.width // self.num_heads

    @property
    def patch_features(self) -> int:
        """Latent values inside one space-time patch."""
        return self.codec.channels * math.prod(self.patch)

    def to_json(self) -> str:
        """Canonical JSON: equal configurations give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @staticmethod
    def from_json(text: str) -> ModelConfig:
        """Read `to_json` back; a missing, unknown or wrong field raises ValueError."""
        try:
            raw = json.loads(text)
            return _model_config(raw)
        except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a model configuration: {error}; got {text[:120]!r}") from error


def _model_config(raw: Mapping[str, Any]) -> ModelConfig:
    fields = dict(raw)
    return ModelConfig(
        patch=tuple(fields.pop("patch")),
        window=tuple(fields.pop("window")),
        codec=CodecConfig(**fields.pop("codec")),
        text=TextConfig(**fields.pop("text")),
        objective=ObjectiveConfig(**fields.pop("objective")),
        **fields,
    )


def _require(ok: bool, name: str, want: str, got: object) -> None:
    if not ok:
        raise ValueError(f"{name} must be {want}, got {got!r}")


def _require_positive(name: str, got: object) -> None:
    ok = isinstance(got, int) and not isinstance(got, bool) and 0 < got <= _LARGEST
    _require(ok, name, f"an integer from 1 to {_LARGEST}", got)


def _require_digest(name: str, got: object, *, embedded: bool) -> None:
    if embedded:
        _require(got == "", name, "empty for a part without weights", got)
    else:
        _require(isinstance(got, str) and bool(_DIGEST.fullmatch(got)), name, "64 hexadecimal digits", got)
