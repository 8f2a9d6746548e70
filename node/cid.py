"""CIDs computed and checked on our side: UnixFS files as `ipfs add` makes them, with hashlib alone.

Specs: https://specs.ipfs.tech/unixfs/ and https://github.com/multiformats/cid. Settings, those of
`ipfs add --cid-version=1 --raw-leaves --chunker=size-1048576 --max-file-links=174`: chunks of 1 MiB are raw leaves; a
file of one chunk is its leaf; more chunks hang in order under a balanced tree of dag-pb nodes with up to 174 links.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from node.errors import ContentCorrupt
from node.records.content import Cid

CHUNK_BYTES = 1 << 20
FAN_OUT = 174

RAW = 0x55
DAG_PB = 0x70
_VERSION = 0x01
_SHA2_256 = b"\x12\x20"
"""The multihash's code and its length in bytes."""

_NUM_BYTES = 36
_NUM_CHARACTERS = 59


def of(data: bytes) -> Cid:
    """The CID under which `data` is stored."""
    level = [_leaf(chunk) for chunk in _chunks(data)]
    while len(level) > 1:
        level = [_parent(level[i : i + FAN_OUT]) for i in range(0, len(level), FAN_OUT)]
    return from_bytes(level[0].cid)


def verify(cid: Cid, data: bytes) -> None:
    """Raise ContentCorrupt unless `data` is what `cid` names."""
    parse(cid)
    came = of(data)
    if came != cid:
        raise ContentCorrupt(
            f"expected the content of {cid}, got {len(data)} bytes whose CID is {came}: they were altered, cut, or "
            "added with other settings; fetch them again or ask another node"
        )


def is_block_of(cid: Cid, block: bytes) -> bool:
    """Whether `block` is the root block of `cid`: the whole file under a raw CID, a node of the tree under dag-pb."""
    return hashlib.sha256(block).digest() == digest(cid)


def digest(cid: Cid) -> bytes:
    """The 32 bytes of sha2-256 over the root block."""
    return to_bytes(cid)[4:]


def to_bytes(cid: Cid) -> bytes:
    """The 36 bytes of a CID: version 0x01, codec, 0x12 0x20, digest."""
    return _decode(parse(cid))


def codecs(*named: Cid) -> int:
    """One bit a CID, from the lowest: whether it names a tree of blocks (dag-pb) and not one raw block."""
    return sum(int(to_bytes(cid)[1] == DAG_PB) << bit for bit, cid in enumerate(named))


def of_digest(digest_bytes: bytes, *, dag_pb: bool) -> Cid:
    """The CID with this digest. Raises ValueError unless it has 32 bytes."""
    return from_bytes(bytes([_VERSION, DAG_PB if dag_pb else RAW, 0x12, 0x20]) + digest_bytes)


def from_bytes(data: bytes) -> Cid:
    """The CID of these 36 bytes; ValueError when they are not one of ours."""
    if len(data) != _NUM_BYTES:
        raise ValueError(f"expected a CID of {_NUM_BYTES} bytes, got {len(data)} bytes: {data[:40].hex()}")
    if data[0] != _VERSION or data[1] not in (RAW, DAG_PB) or data[2:4] != _SHA2_256:
        raise ValueError(
            f"expected a CID that starts with 01, then 55 (raw) or 70 (dag-pb), then 1220 (sha2-256), "
            f"got {data[:4].hex()}"
        )
    return Cid("b" + base64.b32encode(data).decode("ascii").lower().rstrip("="))


def parse(text: str) -> Cid:
    """`text` as a CID; ValueError, which says what came, when it is none of ours."""
    if len(text) == 46 and text.startswith("Qm"):
        raise ValueError(f"expected a version 1 CID, got the version 0 CID {text}; convert it with `ipfs cid base32`")
    if len(text) != _NUM_CHARACTERS or not text.startswith("b"):
        raise ValueError(
            f"expected a CID of {_NUM_CHARACTERS} characters in base32 that starts with b, "
            f"got {len(text)} characters: {text[:80]!r}"
        )
    try:
        cid = from_bytes(_decode(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a CID of ours: {error}") from error
    if cid != text:
        raise ValueError(f"expected the canonical spelling {cid}, got {text}")
    return cid


def _decode(text: str) -> bytes:
    return base64.b32decode(text[1:].upper() + "======")


@dataclass(frozen=True, slots=True)
class _Node:
    """A block of the tree, as its parent links to it."""

    cid: bytes
    tree_bytes: int
    """Size of the block and of all below it."""
    file_bytes: int
    """How much of the file is below it."""


def _chunks(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    yield view[:CHUNK_BYTES]  # an empty file is one empty leaf
    for start in range(CHUNK_BYTES, len(data), CHUNK_BYTES):
        yield view[start : start + CHUNK_BYTES]


def _leaf(chunk: memoryview) -> _Node:
    return _Node(_cid_bytes(RAW, chunk), len(chunk), len(chunk))


def _parent(children: list[_Node]) -> _Node:
    """The dag-pb node over `children`: PBLink{1 Hash, 2 Name, 3 Tsize} each as field 2, then the UnixFS Data as 1."""
    links = b"".join(
        _delimited(2, _delimited(1, child.cid) + _delimited(2, b"") + _number(3, child.tree_bytes))
        for child in children
    )
    block = links + _delimited(1, _unixfs_file([child.file_bytes for child in children]))
    tree_bytes = len(block) + sum(child.tree_bytes for child in children)
    return _Node(_cid_bytes(DAG_PB, block), tree_bytes, sum(child.file_bytes for child in children))


def _unixfs_file(block_sizes: list[int]) -> bytes:
    """UnixFS Data{1 Type = File, 3 filesize, 4 blocksizes}."""
    return _number(1, 2) + _number(3, sum(block_sizes)) + b"".join(_number(4, size) for size in block_sizes)


def _cid_bytes(codec: int, block: bytes | memoryview) -> bytes:
    return bytes([_VERSION, codec]) + _SHA2_256 + hashlib.sha256(block).digest()


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _delimited(field: int, payload: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
