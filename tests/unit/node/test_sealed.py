"""Restricted data: what is sealed opens with its key alone, and keys are handed to one member at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.records.datasets import DatasetManifest
from node.sealed import KeyRing, Sealer, is_sealed, new_content_key, seal, unseal, wrap


def test_what_is_sealed_opens_with_its_key() -> None:
    key = new_content_key()
    sealed = seal(b"clips", key)
    assert b"clips" not in sealed
    assert unseal(sealed, key) == b"clips"


def test_the_same_clips_sealed_twice_are_other_bytes() -> None:
    key = new_content_key()
    assert seal(b"clips", key) != seal(b"clips", key)


def test_another_key_or_a_flipped_byte_opens_nothing() -> None:
    key = new_content_key()
    sealed = seal(b"clips", key)
    with pytest.raises(ValueError, match="sealed with this content key"):
        unseal(sealed, new_content_key())
    with pytest.raises(ValueError, match="sealed with this content key"):
        unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), key)


def test_a_wrapped_key_is_for_one_member(tmp_path: Path) -> None:
    mine, other = KeyRing(folder=tmp_path / "mine"), KeyRing(folder=tmp_path / "other")
    wrapped = wrap(b"k" * 32, mine.public_key())
    assert mine._unwrap(wrapped) == b"k" * 32
    other.public_key()
    with pytest.raises(Exception, match="another"):
        other._unwrap(wrapped)


def test_a_key_ring_keeps_its_encryption_key(tmp_path: Path) -> None:
    assert KeyRing(folder=tmp_path).public_key() == KeyRing(folder=tmp_path).public_key()


def test_held_out_clips_stay_open() -> None:
    sealer = Sealer(key=new_content_key())
    assert sealer.shard("heldout", b"clips") == b"clips"
    assert sealer.shard("train", b"clips") != b"clips"
    manifest = DatasetManifest(
        name="n", licence="CC0-1.0", attribution="us", clip_shape=(8, 32, 32), encryption=sealer.encryption
    )
    assert DatasetManifest.from_bytes(manifest.to_bytes()) == manifest
    assert [is_sealed(manifest, split) for split in ("train", "score", "heldout")] == [True, True, False]


def test_an_open_manifest_keeps_the_bytes_that_it_always_had() -> None:
    manifest = DatasetManifest(name="n", licence="CC0-1.0", attribution="us", clip_shape=(8, 32, 32))
    assert manifest.to_bytes() == (
        b'{"attribution":"us","clip_shape":[8,32,32],"licence":"CC0-1.0","name":"n","shards":[],"version":1}'
    )
