"""One file for a trained network: its configuration and tensors as canonical safetensors, named by its SHA-256."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from model import tensorfile

C = TypeVar("C")


def save(module: nn.Module, config: Any, kind: str) -> bytes:
    """Serialise a module with the frozen dataclass that describes it."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    text = json.dumps(asdict(config), sort_keys=True, separators=(",", ":"))
    return tensorfile.encode(tensors, {"format": kind, "config": text})


def read_config(data: bytes, config: type[C], kind: str) -> C:
    """Return the configuration in a file; another kind of file raises ValueError."""
    _, metadata = tensorfile.decode(data)
    if metadata.get("format") != kind:
        raise ValueError(f"expected a file of format {kind}, got {metadata.get('format', 'no format')}")
    try:
        raw = json.loads(metadata["config"])
        return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{kind}: its configuration cannot be used: {error}") from error


def load_into(module: nn.Module, data: bytes) -> None:
    """Put a file's tensors into a module; other names, shapes or values that are not finite raise ValueError."""
    tensors, _ = tensorfile.decode(data)
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: array.shape for name, array in tensors.items()}
    if wanted != found:
        wrong = sorted(set(wanted.items()) ^ set(found.items()))[:3]
        raise ValueError(f"the file's tensors are not those of its configuration: {wrong}")
    for name, array in tensors.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"tensor {name!r} must hold finite float32 numbers")
    module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})
    module.eval()
