"""CIDs against values of other implementations, and what holds around the borders of chunks."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node import cid as cids
from node.errors import ContentCorrupt
from node.records.content import Cid

MIB = 1 << 20
HELLO = b"hello world\n"
HELLO_CID = Cid("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
"""Of Kubo 0.22, js-ipfs and Helia: `echo hello world | ipfs add --cid-version=1`."""


def stream(num_bytes: int) -> bytes:
    return hashlib.shake_256(b"ten wings").digest(num_bytes)


def raw_cid(block: bytes) -> bytes:
    return bytes.fromhex("01551220") + hashlib.sha256(block).digest()


def text(cid: bytes) -> str:
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def test_a_small_file_has_the_cid_that_kubo_gives_it() -> None:
    assert cids.of(HELLO) == HELLO_CID


def test_an_empty_file_is_one_empty_raw_leaf() -> None:
    assert cids.of(b"") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def test_a_file_of_exactly_one_chunk_is_its_own_leaf() -> None:
    assert cids.of(bytes(MIB)) == text(raw_cid(bytes(MIB)))


def test_one_byte_more_than_a_chunk_makes_a_dag_pb_node_over_two_leaves() -> None:
    first, second = raw_cid(bytes(MIB)), raw_cid(b"\0")
    links = b"\x12\x2c\x0a\x24" + first + b"\x12\x00\x18\x80\x80\x40"  # Tsize 1048576
    links += b"\x12\x2a\x0a\x24" + second + b"\x12\x00\x18\x01"  # Tsize 1
    unixfs = b"\x08\x02\x18\x81\x80\x40\x20\x80\x80\x40\x20\x01"  # a file of 1048577 bytes: 1048576 and 1
    block = links + b"\x0a\x0c" + unixfs
    assert cids.of(bytes(MIB + 1)) == text(bytes.fromhex("01701220") + hashlib.sha256(block).digest())


@pytest.mark.parametrize(
    ("num_bytes", "expected"),
    [
        (MIB + 1, "bafybeidehukvye6lne3kanj7zsuiuzqo47axk5brclto6dk25bd6dr5xam"),
        (3 * MIB, "bafybeifvb37hiwun7hl6wuyfql7strzjqi5gb2kq4a23mpi6sjemxpg6iq"),
        (3 * MIB + 1, "bafybeidjvexw7j6kad4nvsqljzcdba36r4z7rkummr7ldlermahzs5zqq4"),
        (174 * MIB, "bafybeieeuvn7bso76v3f3anfac5bfojtwylxv2j7pvgib5aew7hqscp3ii"),
        (174 * MIB + 1, "bafybeiaaaraoqhhez3bursgruthbsckdxm7xd3zk35vjrzk3xqmfzj67cu"),
    ],
)
def test_larger_files_have_the_cids_that_helia_gives_them(num_bytes: int, expected: str) -> None:
    assert cids.of(stream(num_bytes)) == expected


sizes = st.builds(lambda chunks, off: max(0, chunks * MIB + off), st.integers(0, 2), st.integers(-2, 2))


@given(sizes)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_cid_is_raw_up_to_one_chunk_and_dag_pb_beyond(num_bytes: int) -> None:
    assert cids.to_bytes(cids.of(bytes(num_bytes)))[1] == (0x55 if num_bytes <= MIB else 0x70)


@given(sizes.filter(bool), st.data())
@settings(max_examples=15, deadline=None)
def test_a_flipped_bit_anywhere_is_refused_with_the_cid_named(num_bytes: int, data: st.DataObject) -> None:
    content = bytearray(num_bytes)
    cid = cids.of(bytes(content))
    content[data.draw(st.integers(0, num_bytes - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ContentCorrupt, match=cid):
        cids.verify(cid, bytes(content))


@given(sizes, sizes)
@settings(max_examples=15, deadline=None)
def test_files_of_zeros_share_a_cid_only_when_they_are_as_long(one: int, other: int) -> None:
    assert (cids.of(bytes(one)) == cids.of(bytes(other))) == (one == other)


@given(st.binary(min_size=32, max_size=32), st.sampled_from([0x55, 0x70]))
def test_bytes_and_text_of_a_cid_are_two_spellings_of_one(digest: bytes, codec: int) -> None:
    data = bytes([1, codec, 0x12, 0x20]) + digest
    cid = cids.from_bytes(data)
    assert (cids.parse(cid), cids.to_bytes(cid), cids.digest(cid)) == (cid, data, digest)


def test_the_right_bytes_pass() -> None:
    cids.verify(HELLO_CID, HELLO)


def test_a_block_is_known_by_its_hash() -> None:
    assert cids.is_block_of(HELLO_CID, HELLO)
    assert not cids.is_block_of(HELLO_CID, HELLO[:-1])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "got 0 characters"),
        ("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o", "version 0 CID"),
        ("../../etc/passwd", "etc/passwd"),
        (HELLO_CID[:-1], "got 58 characters"),
        (HELLO_CID.upper(), "starts with b"),
        ("b" + HELLO_CID[1:].upper(), "canonical spelling"),
        (HELLO_CID[:-1] + "j", "canonical spelling"),
        ("b" + "1" * 58, "not a CID of ours"),
        ("bafyreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", "01711220"),
    ],
)
def test_what_is_not_a_cid_of_ours_is_refused_with_what_came(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cids.parse(wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "got 0 bytes"),
        (bytes(36), "got 00000000"),
        (bytes.fromhex("01551220") + bytes(31), "got 35 bytes"),
        (bytes.fromhex("01711220") + bytes(32), "got 01711220"),
    ],
)
def test_bytes_that_are_not_a_cid_are_refused_with_what_came(wrong: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cids.from_bytes(wrong)
