"""A checkpoint: a model's float32 tensors and configuration <-> deterministic safetensors bytes.

NumPy in, NumPy out: whoever computes the same values writes the same bytes, with torch or without.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.config import ModelConfig
from model.genesis import genesis
from model.presets import preset
from model.shapes import tensor_shapes
from model.tensorfile import decode, encode

if TYPE_CHECKING:
    from model.network.dit import VideoDiT

FORMAT = "tenwings-checkpoint/1"
Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint taken apart."""

    config: ModelConfig
    """What the tensors mean."""
    tensors: Tensors
    """Read-only float32 arrays by their stable name, in sorted order."""


def initial(config: ModelConfig | str, seed: int) -> bytes:
    """Return a run's genesis checkpoint, for a configuration or a preset's name."""
    config = preset(config) if isinstance(config, str) else config
    return from_numpy(genesis(config, seed), config)


def from_numpy(tensors: Mapping[str, NDArray[Any]], config: ModelConfig) -> bytes:
    """Serialise a state; wrong names, shapes, dtypes or values that are not finite: ValueError."""
    _check(tensors, config)
    metadata = {"format": FORMAT, "preset": config.preset, "config": config.to_json()}
    return encode(tensors, metadata | {"config_digest": config.digest})


def to_numpy(data: bytes) -> Tensors:
    """Return a checkpoint's tensors after every check; see `read`."""
    return read(data).tensors


def read(data: bytes) -> Checkpoint:
    """Take a checkpoint apart; cut, damaged or alien bytes raise ValueError saying what is off."""
    try:
        tensors, metadata = decode(data)
    except ValueError as error:
        raise ValueError(f"not a checkpoint ({FORMAT}): {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"expected a {FORMAT} file, got format {metadata.get('format')!r}")
    config = ModelConfig.from_json(metadata.get("config", ""))
    if metadata.get("config_digest") != config.digest or metadata.get("preset") != config.preset:
        raise ValueError(
            f"checkpoint's preset or config_digest differs from its configuration, "
            f"expected {config.preset!r} and {config.digest}, got {_brief(metadata)}"
        )
    _check(tensors, config)
    return Checkpoint(config=config, tensors=tensors)


def load_model(data: bytes, device: str = "cpu") -> VideoDiT:
    """Build the model that a checkpoint describes."""
    from model.network.dit import VideoDiT  # keeps torch out of NumPy-only users

    checkpoint = read(data)
    model = VideoDiT(checkpoint.config)
    model.load_arrays(checkpoint.tensors)
    return model.to(device)


def save_model(model: VideoDiT) -> bytes:
    """Serialise a model as a checkpoint."""
    return from_numpy(model.arrays(), model.config)


def _check(tensors: Mapping[str, NDArray[Any]], config: ModelConfig) -> None:
    want = tensor_shapes(config)
    if missing := sorted(want.keys() - tensors.keys()):
        raise ValueError(f"checkpoint lacks {len(missing)} tensors, the first is {missing[0]!r}")
    if alien := sorted(tensors.keys() - want.keys()):
        raise ValueError(f"checkpoint has {len(alien)} unknown tensors, first {alien[0]!r}")
    for name, array in tensors.items():
        if array.dtype != np.float32 or array.shape != want[name]:
            raise ValueError(f"tensor {name!r} must be float32 {want[name]}, got {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"tensor {name!r} holds values that are not finite")


def _brief(metadata: Mapping[str, str]) -> str:
    return json.dumps({key: metadata.get(key) for key in ("preset", "config_digest")})
