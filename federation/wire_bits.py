"""The integers of a payload as bits: fixed widths and Golomb-Rice codes, filled from the least significant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from federation.wire_error import WireError

MAX_RICE = 12
"""The largest Rice parameter: the bits of a local index."""


def pack(values: NDArray[np.int64], width: int) -> bytes:
    """`width` bits per value, least significant first."""
    bits = (values[:, None] >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def unpack(data: bytes, count: int, width: int) -> NDArray[np.int64]:
    """The inverse of `pack`; bits beyond the last value must be zero, else WireError "malformed"."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count * width :].any():
        raise WireError("malformed", "expected zeros after the last value of a section")
    values = np.zeros(count, np.int64)
    for place, column in enumerate(bits[: count * width].reshape(count, width).T):
        values |= column.astype(np.int64) << place
    return values


def rice_encode(gaps: NDArray[np.int64]) -> tuple[int, bytes, bytes]:
    """The cheapest Rice parameter, the low bits and the unary high parts."""
    costs = [rice * len(gaps) + int((gaps >> rice).sum()) for rice in range(MAX_RICE + 1)]
    rice = costs.index(min(costs))
    ones = np.cumsum((gaps >> rice) + 1) - 1
    bits = np.zeros(int(ones[-1]) + 1 if len(ones) else 0, np.uint8)
    bits[ones] = 1
    return rice, pack(gaps & ((1 << rice) - 1), rice), np.packbits(bits, bitorder="little").tobytes()


def unary_decode(data: bytes, num_entries: int) -> NDArray[np.int64]:
    """The high parts of the gaps, (num_entries,); WireError "malformed" for any other number of ones or of bytes."""
    ones = np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"))
    last_byte = int(ones[-1]) // 8 + 1 if len(ones) else 0
    if len(ones) != num_entries or len(data) != last_byte:
        raise WireError("malformed", f"expected {num_entries} ones ending in the last byte, got {len(ones)} ones")
    return np.diff(ones, prepend=-1) - 1
