"""How an update travels in a run: sparse and quantised (wire.py), or as low-rank adapters. The run spec decides.

Either way it becomes dense tensors, global minus local, before it is judged, scored and averaged: the mean of products
is not the product of means, so adapters are multiplied out one by one, to the bit on every machine.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from federation.config import RunSpec
from federation.gate import Refused, check_update
from federation.pseudo_gradient import pseudo_gradient
from federation.wire import max_payload_bytes
from model.checkpoint import Checkpoint, Tensors, from_numpy
from model.training.lora_file import AdapterFile, LoraConfig, adapter_shapes, merged, read_adapters

_HEADER_BYTES, _NAME_BYTES = 8192, 256
"""Room for an adapter file's header: once, and for each tensor."""


class Payload(Protocol):
    """How updates of a round are written."""

    @property
    def max_bytes(self) -> int:
        """No honest update is larger."""

    def read(self, data: bytes) -> Tensors:
        """Return an update's dense tensors. Raises Refused with the reason code."""


def payload_of(spec: RunSpec, base: Checkpoint) -> Payload:
    """Return how updates on `base` are written."""
    lora = spec.inner.lora
    return AdapterPayload(base=base, lora=lora) if lora else SparsePayload(base=base, top_k=spec.wire.top_k)


@dataclass(frozen=True, kw_only=True)
class SparsePayload:
    """The largest values of each block, in two bits (wire.py)."""

    base: Checkpoint
    """The round's checkpoint."""
    top_k: int
    """Values kept of each block."""

    @property
    def max_bytes(self) -> int:
        return max_payload_bytes(self._shapes, top_k=self.top_k)

    def read(self, data: bytes) -> Tensors:
        return check_update(data, self._shapes, self.top_k)

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.base.tensors.items()}


@dataclass(frozen=True, kw_only=True)
class AdapterPayload:
    """Low-rank adapters of the base's matrices, in fp32."""

    base: Checkpoint
    """The round's checkpoint."""
    lora: LoraConfig
    """What the spec allows to be adapted, and how finely."""

    @property
    def max_bytes(self) -> int:
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        return 4 * sum(sizes) + _NAME_BYTES * len(sizes) + _HEADER_BYTES

    def read(self, data: bytes) -> Tensors:
        file = self._file(data)
        shapes = {name: array.shape for name, array in file.tensors.items() if array.dtype == np.float32}
        if shapes != self._shapes or len(file.tensors) != len(shapes):
            raise Refused("wrong-shape", f"expected {len(self._shapes)} float32 adapters of {self.lora.to_json()}")
        if not all(np.isfinite(array).all() for array in file.tensors.values()):
            raise Refused("not-finite", "expected finite adapters, one holds a NaN or an infinity")
        return self._difference(file)

    def _file(self, data: bytes) -> AdapterFile:
        try:
            file = read_adapters(data)
        except ValueError as error:
            raise Refused("malformed", str(error)) from error
        if file.lora != self.lora:
            raise Refused("malformed", f"expected adapters of {self.lora.to_json()}, got {file.lora.to_json()}")
        if file.base_digest != self._base_digest:
            raise Refused("stale-base", f"expected adapters of {self._base_digest}, got those of {file.base_digest}")
        return file

    def _difference(self, file: AdapterFile) -> Tensors:
        with np.errstate(over="ignore", invalid="ignore"):
            end = merged(self.base.tensors, file.tensors, self.base.config, self.lora)
        try:
            update = pseudo_gradient(self.base.tensors, end)
        except ValueError as error:
            raise Refused("not-finite", str(error)) from error
        if not any(tensor.any() for tensor in update.values()):
            raise Refused("zero-update", "expected adapters that change the checkpoint, got none that do")
        return update

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return adapter_shapes(self.base.config, self.lora)

    @cached_property
    def _base_digest(self) -> str:
        return hashlib.sha256(from_numpy(self.base.tensors, self.base.config)).hexdigest()
