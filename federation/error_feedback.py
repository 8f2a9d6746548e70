"""Error feedback of compression: what an update left out is sent later (SparseLoCo, arXiv 2508.15706)."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Self

import numpy as np

from federation.pseudo_gradient import Tensor, Tensors, require_like, shapes_of
from federation.wire import decode, encode, table_of
from federation.wire_blocks import DEFAULT_BLOCK, check_settings
from federation.wire_error import WireError

_STATE_MAGIC = b"TWEF\x01"


class ErrorFeedback:
    """What a trainer has not sent yet: e <- decay * e + D; U = Q(TopK(e)); e <- e - U, each operation rounded to fp32.

    So an entry that is not sent keeps its bits and one that is sent keeps the rounded difference. The buffer is as
    large as the model. A client that learns that its update did not count goes back to the bytes from before `step`.
    """

    def __init__(self, decay: float = 0.95, *, top_k: int = 64, block: int = DEFAULT_BLOCK) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"expected a decay of 0 to 1, got {decay!r}")
        check_settings(top_k, block)
        self._decay = np.float32(decay)
        self._top_k = top_k
        self._block = block
        self._error: dict[str, Tensor] = {}

    @property
    def error(self) -> Tensors:
        """The buffer; empty before the first step."""
        return self._error

    def step(self, pseudo_gradient: Tensors) -> tuple[bytes, dict[str, Tensor]]:
        """The payload of this round and the dense update that everyone decodes from it.

        Raises WireError "not-finite" for a NaN or infinity and ValueError for other tensors than before; the buffer
        then stays as it was.
        """
        accumulated = self._accumulate(pseudo_gradient)
        payload = encode(accumulated, top_k=self._top_k, block=self._block)
        transmitted = decode(payload, shapes_of(accumulated))
        self._error = {name: accumulated[name] - transmitted[name] for name in accumulated}
        return payload, transmitted

    def to_bytes(self) -> bytes:
        """The buffer as deterministic bytes with their SHA-256; settings are the run spec's and not in it."""
        table = table_of(shapes_of(self._error))
        arrays = [self._error[name].astype("<f4").tobytes() for name in sorted(self._error)]
        body = b"".join([_STATE_MAGIC, struct.pack("<I", len(table)), table, *arrays])
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes, *, decay: float = 0.95, top_k: int = 64, block: int = DEFAULT_BLOCK) -> Self:
        """The buffer that `to_bytes` wrote, under these settings; raises WireError "malformed" for anything else."""
        feedback = cls(decay, top_k=top_k, block=block)
        body, digest = data[:-32], data[-32:]
        if not body.startswith(_STATE_MAGIC) or hashlib.sha256(body).digest() != digest:
            raise WireError(
                "malformed", "expected an error feedback buffer, got other or torn bytes: start without one"
            )
        start = len(_STATE_MAGIC) + 4
        (table_bytes,) = struct.unpack_from("<I", body, start - 4)
        offset = start + table_bytes
        for name, shape in json.loads(body[start:offset]):
            count = math.prod(shape)
            array = np.frombuffer(body, "<f4", count, offset).astype(np.float32)
            feedback._error[name] = array.reshape(shape)
            offset += 4 * count
        return feedback

    def _accumulate(self, pseudo_gradient: Tensors) -> dict[str, Tensor]:
        if not self._error:
            return {name: pseudo_gradient[name] + np.float32(0) for name in sorted(pseudo_gradient)}
        require_like(shapes_of(self._error), pseudo_gradient, what="the pseudo-gradient")
        with np.errstate(over="ignore", invalid="ignore"):
            return {name: self._decay * error + pseudo_gradient[name] for name, error in self._error.items()}
