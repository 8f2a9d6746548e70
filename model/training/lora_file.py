"""Low-rank adapters as a payload, without torch (LoRA, arXiv 2106.09685): names, shapes, first values, bytes, merge.

A target matrix W (outputs, inputs) becomes W + alpha / rank * up @ down, up (outputs, rank), down (rank, inputs).
`up` starts at zero, so that new adapters change nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from model.checkpoint import from_numpy, read
from model.config import ModelConfig
from model.shapes import Shapes, tensor_shapes
from model.tensorfile import decode, encode

FORMAT = "tenwings-lora/1"
TARGETS = (
    *("attention.qkv", "attention.out", "temporal.qkv", "temporal.out"),
    *("cross.query", "cross.key_value", "cross.out", "mlp.0", "mlp.2"),
)
"""The linear layers of a block; `temporal` is found under factorised attention alone."""
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Which matrices of the blocks are adapted, and how finely."""

    rank: int
    """Of every change; a matrix smaller than that is refused."""
    alpha: float = 16.0
    """The change is alpha / rank times up @ down."""
    targets: tuple[str, ...] = TARGETS
    """Some of TARGETS."""

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 1024:
            raise ValueError(f"LoRA rank must be from 1 to 1024, got {self.rank}")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"LoRA alpha must be a positive number, got {self.alpha}")
        if not self.targets or not set(self.targets) <= set(TARGETS):
            raise ValueError(f"LoRA targets must be some of {', '.join(TARGETS)}, got {self.targets}")

    @property
    def scale(self) -> float:
        """What up @ down is multiplied by."""
        return self.alpha / self.rank

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: equal configurations give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> LoraConfig:
        """Read `to_json` back; anything else raises ValueError."""
        try:
            raw = json.loads(text)
            return LoraConfig(rank=raw["rank"], alpha=raw["alpha"], targets=tuple(raw["targets"]))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"not a LoRA configuration: {error}; got {text[:120]!r}") from error


@dataclass(frozen=True, kw_only=True)
class AdapterFile:
    """An adapter file taken apart."""

    lora: LoraConfig
    """How the tensors are to be read."""
    base_digest: str
    """SHA-256 of the checkpoint that they were trained on."""
    tensors: Arrays
    """By their stable name."""


def adapter_shapes(config: ModelConfig, lora: LoraConfig) -> Shapes:
    """Return every adapter tensor's shape by name; a matrix smaller than the rank raises ValueError."""
    shapes: Shapes = {}
    for name, (outputs, inputs) in _adapted(config, lora).items():
        if lora.rank > min(outputs, inputs):
            raise ValueError(f"LoRA rank must be at most {min(outputs, inputs)} for {name}, got {lora.rank}")
        shapes |= {f"{name}.lora_down": (lora.rank, inputs), f"{name}.lora_up": (outputs, lora.rank)}
    return shapes


def new_adapters(config: ModelConfig, lora: LoraConfig, seed: int) -> Arrays:
    """Return the first values, from a seed alone: uniform `down` of Kaiming's bound, `up` zero."""
    tensors: Arrays = {}
    for name, shape in adapter_shapes(config, lora).items():
        tensors[name] = np.zeros(shape, np.float32)
        if name.endswith("lora_down"):
            bound = 1.0 / math.sqrt(shape[1])
            tensors[name] = ((2.0 * _generator(name, seed).random(shape) - 1.0) * bound).astype(np.float32)
    return tensors


def write_adapters(base: bytes, lora: LoraConfig, tensors: Arrays) -> bytes:
    """Serialise adapters of the checkpoint `base`."""
    _check(tensors, read(base).config, lora)
    metadata = {"format": FORMAT, "lora": lora.to_json(), "base_digest": hashlib.sha256(base).hexdigest()}
    return encode(tensors, metadata)


def read_adapters(data: bytes) -> AdapterFile:
    """Take an adapter file apart; cut, damaged or alien bytes raise ValueError."""
    try:
        tensors, metadata = decode(data)
    except ValueError as error:
        raise ValueError(f"not an adapter file ({FORMAT}): {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"expected a {FORMAT} file, got format {metadata.get('format')!r}")
    lora = LoraConfig.from_json(metadata.get("lora", ""))
    return AdapterFile(lora=lora, base_digest=metadata.get("base_digest", ""), tensors=tensors)


def merge(base: bytes, adapters: bytes) -> bytes:
    """Return the full checkpoint that the adapters make of their base; those of another raise ValueError."""
    file, checkpoint = read_adapters(adapters), read(base)
    found = hashlib.sha256(base).hexdigest()
    if file.base_digest != found:
        raise ValueError(f"expected the checkpoint {file.base_digest} that the adapters were trained on, got {found}")
    return from_numpy(merged(checkpoint.tensors, file.tensors, checkpoint.config, file.lora), checkpoint.config)


def merged(tensors: Arrays, adapters: Arrays, config: ModelConfig, lora: LoraConfig) -> Arrays:
    """Return the tensors with every target matrix changed."""
    _check(adapters, config, lora)
    changed = dict(tensors)
    for name in _adapted(config, lora):
        change = _product(adapters[f"{name}.lora_up"], adapters[f"{name}.lora_down"])
        weight = f"{name}.weight"
        changed[weight] = (tensors[weight] + lora.scale * change).astype(np.float32)
    return changed


def _product(up: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float64]:
    """up @ down to the bit on every machine: float64 holds each product exactly, and the order of sums is fixed."""
    total = np.zeros((len(up), down.shape[1]))
    for column, row in zip(up.T.astype(np.float64), down.astype(np.float64), strict=True):
        total += column[:, None] * row
    return total


def _generator(name: str, seed: int) -> np.random.Generator:
    key = hashlib.sha256(f"ten wings lora {seed} {name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little")))


def _adapted(config: ModelConfig, lora: LoraConfig) -> dict[str, tuple[int, int]]:
    """The target layers' names and shapes (outputs, inputs)."""
    found = {}
    for name, shape in tensor_shapes(config).items():
        layer = name.removesuffix(".weight")
        if name.startswith("blocks.") and layer != name and layer.split(".", 2)[2] in lora.targets:
            found[layer] = (shape[0], shape[1])
    return found


def _check(tensors: Arrays, config: ModelConfig, lora: LoraConfig) -> None:
    want = adapter_shapes(config, lora)
    found = {name: array.shape for name, array in tensors.items() if array.dtype == np.float32}
    if found != want or len(tensors) != len(want):
        raise ValueError(f"adapters of rank {lora.rank} must be {len(want)} float32 tensors of known shapes")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise ValueError("adapters hold values that are not finite")
