"""Named NumPy arrays <-> one canonical safetensors byte string (github.com/huggingface/safetensors).

The format allows many byte strings for the same content (key order, padding). Ours is one of them and
the only one accepted back, so equal content has an equal CID whichever library version wrote it. A
SHA-256 of the tensor bytes sits in the metadata: a flipped bit is refused rather than trained on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "U8": np.dtype("u1")}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_DIGEST = "sha256"


def encode(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Serialise float32 and uint8 arrays; another dtype raises ValueError."""
    names = sorted(tensors)
    chunks = [_to_bytes(name, tensors[name]) for name in names]
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    header = _header({name: tensors[name] for name in names}, metadata, digest.hexdigest())
    return b"".join([len(header).to_bytes(8, "little"), header, *chunks])


def decode(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Read `encode` back as read-only views of `data` plus the metadata.

    Raises ValueError where the bytes are cut, damaged, or anything but what `encode` writes.
    """
    header, body = _split(data)
    metadata = dict(header.pop("__metadata__"))
    recorded = metadata.pop(_DIGEST, None)
    tensors: dict[str, Array] = {}
    position = 0
    for name in sorted(header):
        dtype, shape = _DTYPES[header[name]["dtype"]], tuple(header[name]["shape"])
        end = position + math.prod(shape) * dtype.itemsize
        if end > len(body):
            raise ValueError(f"file is cut short: {name!r} ends at byte {end} of {len(body)}")
        tensors[name] = np.frombuffer(body[position:end], dtype=dtype).reshape(shape)
        position = end
    found = hashlib.sha256(body).hexdigest()
    if found != recorded:
        raise ValueError(f"tensor bytes have digest {found}, the header says {recorded}")
    canonical = _header(tensors, metadata, found)
    if position != len(body) or data[: len(data) - len(body)] != _prefixed(canonical):
        raise ValueError("not in canonical form: write it with model.tensorfile.encode")
    return tensors, metadata


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError(f"not a whole safetensors file: {len(data)} bytes, header of {length}")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file: its header is not JSON ({error})") from error
    if not isinstance(header, dict) or not _well_formed(header):
        raise ValueError("safetensors header must name float32 or uint8 tensors and metadata")
    return header, memoryview(data)[8 + length :]


def _well_formed(header: dict[str, Any]) -> bool:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        return False
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    return all(
        isinstance(entry, dict)
        and entry.get("dtype") in _DTYPES
        and isinstance(entry.get("shape"), list)
        and all(type(size) is int and size >= 0 for size in entry["shape"])
        for entry in entries
    )


def _header(tensors: Mapping[str, Array], metadata: Mapping[str, str], digest: str) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(sorted({**metadata, _DIGEST: digest}.items()))}
    position = 0
    for name, array in tensors.items():
        offsets = [position, position + array.nbytes]
        position = offsets[1]
        dtype = _NAMES[array.dtype]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return text + b" " * (-len(text) % 8)


def _prefixed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def _to_bytes(name: str, array: Array) -> bytes:
    if array.dtype not in _NAMES:
        raise ValueError(f"{name!r} must be float32 or uint8, got {array.dtype}")
    return np.ascontiguousarray(array).tobytes()
