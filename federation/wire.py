"""The wire format of an update: top-k in blocks, 2-bit values, error feedback (SparseLoCo, arXiv 2508.15706).

A payload, little-endian, bits filled from the least significant:

    header    magic "TWSU", version, block side, top_k, Rice parameter r, SHA-256 of the table of names and shapes
    levels    4 bfloat16 per tensor, ascending: the codebook, Lloyd-Max over the tensor's selected values
    low       r bits per selected entry: its gap modulo 2^r
    codes     2 bits per selected entry: which level
    unary     per selected entry, gap >> r zeros and a one; ends with the byte of the last one

Tensors go in ascending order of their names; a tensor of 2 or more dimensions as a matrix (first dimension by the
rest) in tiles of 64x64, others in chunks of 4096; full tiles first, then the right edge, the bottom edge, the corner.
How many entries a tile sends follows from its size: max(1, round(top_k * size / 4096)). A gap is what lies between an
entry's local index (row-major) and the one before in its tile.

Golomb-Rice coding of gaps needs about 7.5 bits an index at top_k 64, where packed 12-bit indices need 12, deflate over
gap bytes 7.5 and the bound is 7.36. At r = 0 it is a bitmap, so no second index coding is needed at any top_k, and no
compression library is involved: the same bytes from every machine, and nothing that could inflate.

One codebook per tensor: on pseudo-gradients of AdamW it has half the error of the paper's 4 bins over 6 sigma (0.06
against 0.12 of what was selected) and captures more per byte than a scale or a codebook per tile; error feedback sends
the rest later.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from federation.pseudo_gradient import Shapes, Tensor, Tensors, require_like, shapes_of

DEFAULT_BLOCK = 4096
BLOCKS = (64, 256, 1024, 4096)
"""Entries of a full tile: squares, so that 2-D tiles are square, and at most 12 bits of local index."""

WireErrorCode: TypeAlias = Literal["malformed", "wrong-shape", "not-finite", "too-large"]

_MAGIC = b"TWSU"
_VERSION = 1
_HEADER = struct.Struct("<4sBBHB32s")
_LEVELS_BYTES = 8
_MAX_RICE = 12
_BFLOAT16_MAX = float(np.array(0x7F7F0000, np.uint32).view(np.float32))
_STATE_MAGIC = b"TWEF\x01"


class WireError(ValueError):
    """Bytes or tensors that are no update of this run; `code` goes to the refusal's record, the text to its owner."""

    def __init__(self, code: WireErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: WireErrorCode = code


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a payload says about itself."""

    top_k: int
    """Entries sent per 4096, 1 to 4096."""
    block: int
    """Entries of a full tile."""
    rice: int
    """The Rice parameter r, 0 (a bitmap) to 12."""
    table_digest: bytes
    """SHA-256 of the names and shapes."""

    def __post_init__(self) -> None:
        _check_settings(self.top_k, self.block)
        if not 0 <= self.rice <= _MAX_RICE:
            raise ValueError(f"expected a Rice parameter of 0 to {_MAX_RICE}, got {self.rice}")


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseTensor:
    """The entries of one tensor that were sent; all others are zero."""

    shape: tuple[int, ...]
    """Shape of the dense tensor."""
    indices: NDArray[np.int64]
    """Flat C-order positions, each at most once, in wire order."""
    values: Tensor
    """The dequantised value at each position."""

    def dense(self) -> Tensor:
        """The same tensor with its zeros."""
        flat = np.zeros(math.prod(self.shape), np.float32)
        flat[self.indices] = self.values
        return flat.reshape(self.shape)


class ErrorFeedback:
    """What a trainer has not sent yet: e <- decay * e + D; U = Q(TopK(e)); e <- e - U, each operation rounded to fp32.

    So an entry that is not sent keeps its bits and one that is sent keeps the rounded difference. The buffer is as
    large as the model. A client that learns that its update did not count goes back to the bytes from before `step`.
    """

    def __init__(self, decay: float = 0.95, *, top_k: int = 64, block: int = DEFAULT_BLOCK) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"expected a decay of 0 to 1, got {decay!r}")
        _check_settings(top_k, block)
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
        table = _table(shapes_of(self._error))
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


def encode(accumulated: Tensors, *, top_k: int, block: int = DEFAULT_BLOCK) -> bytes:
    """The `top_k` largest magnitudes per 4096 entries (at least one per tile; ties go to the lower index), quantised.

    Raises WireError "not-finite" for a NaN or infinity, ValueError for settings out of range.
    """
    _check_settings(top_k, block)
    shapes = shapes_of(accumulated)
    gaps: list[NDArray[np.int64]] = []
    codes: list[NDArray[np.int64]] = []
    levels: list[bytes] = []
    for name in shapes:
        selected = [_select(*tiles) for tiles in _tiles(accumulated[name], name, top_k, block)]
        values = np.concatenate([entries for _, entries in selected] or [np.zeros(0, np.float32)])
        codebook = _lloyd_max(values)
        gaps += [tile_gaps for tile_gaps, _ in selected]
        codes.append(_nearest(values, codebook))
        levels.append((codebook.view(np.uint32) >> 16).astype("<u2").tobytes())
    rice, low, unary = _rice_encode(_joined(gaps))
    header = _HEADER.pack(_MAGIC, _VERSION, math.isqrt(block), top_k, rice, table_digest(shapes))
    return b"".join([header, *levels, low, _pack(_joined(codes), 2), unary])


def decode(data: bytes, shapes: Shapes, *, top_k: int | None = None) -> dict[str, Tensor]:
    """The dense update, zeros where nothing was sent; arguments and errors as in `decode_sparse`."""
    return {name: sparse.dense() for name, sparse in decode_sparse(data, shapes, top_k=top_k).items()}


def decode_sparse(data: bytes, shapes: Shapes, *, top_k: int | None = None) -> dict[str, SparseTensor]:
    """The entries that were sent, by name in ascending order. `top_k`, where given, must be the payload's.

    Raises WireError and nothing else for bytes of any kind: "wrong-shape" when the payload is for other names or
    shapes, "too-large" when it is longer than any update of these shapes, "not-finite" for a level that is no number,
    "malformed" otherwise. Memory stays within a small multiple of the entries.
    """
    header = read_header(data)
    if top_k is not None and header.top_k != top_k:
        raise WireError("malformed", f"expected {top_k} entries per 4096, the payload says {header.top_k}")
    if header.table_digest != table_digest(shapes):
        raise WireError("wrong-shape", f"the payload is for other tensor names or shapes than these {len(shapes)}")
    largest = max_payload_bytes(shapes, top_k=header.top_k, block=header.block)
    if len(data) > largest:
        raise WireError("too-large", f"expected at most {largest} bytes for these shapes, got {len(data)}")
    regions = {name: list(_regions(shapes[name], header.top_k, header.block)) for name in sorted(shapes)}
    num_entries = sum(region.num_entries for parts in regions.values() for region in parts)
    levels, gaps, codes = _sections(data, header, len(regions), num_entries)
    sparse: dict[str, SparseTensor] = {}
    start = 0
    for row, (name, parts) in enumerate(regions.items()):
        stop = start + sum(region.num_entries for region in parts)
        indices = _flat_indices(gaps[start:stop], parts, name)
        sparse[name] = SparseTensor(shape=tuple(shapes[name]), indices=indices, values=levels[row][codes[start:stop]])
        start = stop
    return sparse


def read_header(data: bytes) -> Header:
    """The header of a payload; raises WireError "malformed" when it is none."""
    if len(data) < _HEADER.size:
        raise WireError("malformed", f"expected a header of {_HEADER.size} bytes, got {len(data)} bytes")
    magic, version, side, top_k, rice, digest = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise WireError("malformed", f"expected {_MAGIC!r} version {_VERSION}, got {magic!r} version {version}")
    try:
        return Header(top_k=top_k, block=side * side, rice=rice, table_digest=digest)
    except ValueError as error:
        raise WireError("malformed", str(error)) from error


def max_payload_bytes(shapes: Shapes, *, top_k: int, block: int = DEFAULT_BLOCK) -> int:
    """No update of these shapes is longer: a limit for fetching one. About 15 bits an entry or 1 bit a parameter."""
    _check_settings(top_k, block)
    num_entries = sum(r.num_entries for shape in shapes.values() for r in _regions(shape, top_k, block))
    num_parameters = sum(math.prod(shape) for shape in shapes.values())
    bits = min((_MAX_RICE + 1) * num_entries, num_parameters) + 2 * num_entries
    return _HEADER.size + _LEVELS_BYTES * len(shapes) + bits // 8 + 3


def table_digest(shapes: Shapes) -> bytes:
    """SHA-256 of the names and shapes as JSON, ascending by name."""
    return hashlib.sha256(_table(shapes)).digest()


def _table(shapes: Shapes) -> bytes:
    return json.dumps([[name, list(shapes[name])] for name in sorted(shapes)], separators=(",", ":")).encode("ascii")


def _check_settings(top_k: int, block: int) -> None:
    if not 1 <= top_k <= 4096:
        raise ValueError(f"expected top_k of 1 to 4096 entries per 4096, got {top_k}")
    if block not in BLOCKS:
        raise ValueError(f"expected a block of {', '.join(map(str, BLOCKS))} entries, got {block}")


@dataclass(frozen=True, kw_only=True)
class _Region:
    """A rectangle of a tensor's matrix that equal tiles cover without remainder."""

    columns: int
    """Of the whole matrix."""
    top: int
    left: int
    tiles_down: int
    tiles_across: int
    height: int
    """Of one tile."""
    width: int
    """Of one tile."""
    k: int
    """Entries sent per tile."""

    @property
    def num_tiles(self) -> int:
        return self.tiles_down * self.tiles_across

    @property
    def num_entries(self) -> int:
        return self.num_tiles * self.k

    def tiles(self, matrix: Tensor) -> Tensor:
        """The tiles as rows, (num_tiles, height * width)."""
        bottom, right = self.top + self.tiles_down * self.height, self.left + self.tiles_across * self.width
        window = matrix[self.top : bottom, self.left : right]
        split = window.reshape(self.tiles_down, self.height, self.tiles_across, self.width)
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(self.num_tiles, self.height * self.width)

    def flat(self, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Local indices (num_tiles, k) as flat positions in the tensor."""
        down, across = np.divmod(np.arange(self.num_tiles, dtype=np.int64)[:, None], self.tiles_across)
        row, column = np.divmod(local, self.width)
        row += self.top + down * self.height
        column += self.left + across * self.width
        return (row * self.columns + column).reshape(-1)


def _regions(shape: tuple[int, ...], top_k: int, block: int) -> Iterator[_Region]:
    """At most four: full tiles, right edge, bottom edge, corner."""
    side = math.isqrt(block)
    rows, columns = (shape[0], math.prod(shape[1:])) if len(shape) >= 2 else (1, math.prod(shape))
    high, wide = (side, side) if len(shape) >= 2 else (1, block)
    for top, down, height in _segments(rows, high):
        for left, across, width in _segments(columns, wide):
            yield _Region(
                columns=columns,
                top=top,
                left=left,
                tiles_down=down,
                tiles_across=across,
                height=height,
                width=width,
                k=max(1, (top_k * height * width + 2048) // 4096),
            )


def _segments(length: int, step: int) -> Iterator[tuple[int, int, int]]:
    """(start, number of steps, step) of the full steps and of the remainder, where there are any."""
    whole, rest = divmod(length, step)
    if whole:
        yield 0, whole, step
    if rest:
        yield whole * step, 1, rest


def _tiles(tensor: Tensor, name: str, top_k: int, block: int) -> Iterator[tuple[Tensor, int]]:
    if not np.isfinite(tensor).all():
        raise WireError("not-finite", f"{name} holds a NaN or an infinity; the update cannot be sent")
    rows = tensor.shape[0] if tensor.ndim >= 2 else 1
    matrix = tensor.reshape(rows, -1) if tensor.size else tensor.reshape(0, 0)
    for region in _regions(tensor.shape, top_k, block):
        yield region.tiles(matrix), region.k


def _select(tiles: Tensor, k: int) -> tuple[NDArray[np.int64], Tensor]:
    """Gaps and values of the k largest magnitudes of each row, in order of their local indices."""
    magnitudes = tiles.view(np.uint32) & np.uint32(0x7FFFFFFF)
    size = tiles.shape[1]
    threshold = np.partition(magnitudes, size - k, axis=1)[:, size - k, None]
    chosen = magnitudes >= threshold
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) > k):
        ties = np.flatnonzero(magnitudes[row] == threshold[row])
        chosen[row, ties[k - np.count_nonzero(magnitudes[row] > threshold[row]) :]] = False
    local = np.nonzero(chosen)[1].reshape(-1, k)
    gaps = np.diff(local, axis=1, prepend=-1) - 1
    return gaps.reshape(-1), tiles[chosen]


def _lloyd_max(values: Tensor) -> Tensor:
    """Four ascending levels, each the mean of the values nearest to it, rounded to bfloat16 (Lloyd, 1982).

    Sums are differences of one running sum over the sorted values: a fixed order of additions.
    """
    if not values.size:
        return np.zeros(4, np.float32)
    ordered = np.sort(values).astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(ordered)])
    levels = ordered[np.arange(1, 8, 2) * len(ordered) // 8]
    edges = np.zeros(5, np.int64)
    for _ in range(64):
        middles = (levels[1:] + levels[:-1]) / 2
        previous, edges = edges, np.concatenate([[0], np.searchsorted(ordered, middles), [len(ordered)]])
        if np.array_equal(previous, edges):
            break
        counts = np.diff(edges)
        levels = np.where(counts > 0, np.diff(running[edges]) / np.maximum(counts, 1), levels)
    return _bfloat16(np.sort(levels))


def _bfloat16(levels: NDArray[np.float64]) -> Tensor:
    """Rounded to the nearest bfloat16, ties to even, never to infinity; no negative zero."""
    bits = np.clip(levels, -_BFLOAT16_MAX, _BFLOAT16_MAX).astype(np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32) + np.float32(0)


def _nearest(values: Tensor, levels: Tensor) -> NDArray[np.int64]:
    exact = levels.astype(np.float64)
    return np.searchsorted((exact[1:] + exact[:-1]) / 2, values.astype(np.float64))


def _rice_encode(gaps: NDArray[np.int64]) -> tuple[int, bytes, bytes]:
    """The cheapest Rice parameter, the low bits and the unary high parts."""
    costs = [rice * len(gaps) + int((gaps >> rice).sum()) for rice in range(_MAX_RICE + 1)]
    rice = costs.index(min(costs))
    ones = np.cumsum((gaps >> rice) + 1) - 1
    bits = np.zeros(int(ones[-1]) + 1 if len(ones) else 0, np.uint8)
    bits[ones] = 1
    return rice, _pack(gaps & ((1 << rice) - 1), rice), np.packbits(bits, bitorder="little").tobytes()


def _sections(
    data: bytes, header: Header, num_tensors: int, num_entries: int
) -> tuple[Tensor, NDArray[np.int64], NDArray[np.int64]]:
    """Levels (num_tensors, 4), gaps and codes (num_entries,)."""
    widths = (_LEVELS_BYTES * num_tensors, (header.rice * num_entries + 7) // 8, (2 * num_entries + 7) // 8)
    low_at, codes_at, unary_at = np.cumsum((_HEADER.size + widths[0], *widths[1:])).tolist()
    if len(data) < unary_at:
        raise WireError("malformed", f"expected {unary_at} bytes and the unary part, got {len(data)}: cut short?")
    high = _unary_decode(data[unary_at:], num_entries)
    low = _unpack(data[low_at:codes_at], num_entries, header.rice)
    codes = _unpack(data[codes_at:unary_at], num_entries, 2)
    return _levels(data[_HEADER.size : low_at]), high << header.rice | low, codes


def _levels(data: bytes) -> Tensor:
    levels = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(-1, 4)
    if not np.isfinite(levels).all():
        raise WireError("not-finite", "a level of the codebook is a NaN or an infinity")
    if (levels[:, 1:] < levels[:, :-1]).any():
        raise WireError("malformed", "expected the levels of a codebook in ascending order")
    return levels


def _unary_decode(data: bytes, num_entries: int) -> NDArray[np.int64]:
    ones = np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little"))
    last_byte = int(ones[-1]) // 8 + 1 if len(ones) else 0
    if len(ones) != num_entries or len(data) != last_byte:
        raise WireError("malformed", f"expected {num_entries} ones ending in the last byte, got {len(ones)} ones")
    return np.diff(ones, prepend=-1) - 1


def _flat_indices(gaps: NDArray[np.int64], regions: list[_Region], name: str) -> NDArray[np.int64]:
    flats = []
    start = 0
    for region in regions:
        stop = start + region.num_entries
        local = np.cumsum(gaps[start:stop].reshape(region.num_tiles, region.k) + 1, axis=1) - 1
        if (local[:, -1] >= region.height * region.width).any():
            raise WireError("malformed", f"{name}: an index lies outside of its tile")
        flats.append(region.flat(local))
        start = stop
    return _joined(flats)


def _pack(values: NDArray[np.int64], width: int) -> bytes:
    """`width` bits per value, least significant first."""
    bits = (values[:, None] >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def _unpack(data: bytes, count: int, width: int) -> NDArray[np.int64]:
    """The inverse of `_pack`; bits beyond the last value must be zero."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count * width :].any():
        raise WireError("malformed", "expected zeros after the last value of a section")
    values = np.zeros(count, np.int64)
    for place, column in enumerate(bits[: count * width].reshape(count, width).T):
        values |= column.astype(np.int64) << place
    return values


def _joined(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
