"""What the local twins add to the suite of all content stores: folders outlive their process and find each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from node import cid as cids
from node.errors import ContentCorrupt, ContentUnavailable, DaemonUnavailable
from node.folder_store import FolderStore, MemoryStore


def test_a_folder_opened_again_has_its_content_its_pins_its_peers_and_its_address(tmp_path: Path) -> None:
    first, other = FolderStore(tmp_path / "one"), FolderStore(tmp_path / "other")
    kept, dropped, elsewhere = first.put(b"kept"), first.put(b"dropped"), other.put(b"elsewhere")
    first.unpin(dropped)
    first.connect(other.peer_address())
    again = FolderStore(tmp_path / "one")
    assert again.peer_address() == first.peer_address()
    assert again.collect_garbage() == 1
    assert again.get(kept) == b"kept"
    assert again.get(elsewhere) == b"elsewhere"


def test_a_folder_made_anew_is_not_the_store_that_was_there(tmp_path: Path) -> None:
    store, other = FolderStore(tmp_path / "one"), FolderStore(tmp_path / "other")
    address = other.peer_address()
    other.close()
    FolderStore(tmp_path / "other")
    with pytest.raises(DaemonUnavailable, match=address):
        store.connect(address)


def test_putting_damaged_content_again_heals_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    cid = store.put(b"content")
    (tmp_path / "content" / cid).write_bytes(b"c0ntent")
    with pytest.raises(ContentCorrupt, match=cid):
        store.get(cid)
    store.put(b"content")
    assert store.get(cid) == b"content"


def test_a_damaged_peer_has_nothing_to_give(tmp_path: Path) -> None:
    store, peer = FolderStore(tmp_path / "store"), FolderStore(tmp_path / "peer")
    cid = peer.put(b"content")
    (tmp_path / "peer" / "content" / cid).write_bytes(b"c0ntent")
    store.connect(peer.peer_address())
    with pytest.raises(ContentUnavailable, match=cid):
        store.get(cid)


def test_nothing_half_written_is_left_in_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    cid = store.put(b"content")
    assert sorted(file.name for file in tmp_path.rglob("*") if file.is_file()) == sorted([cid, cid, "id"])


def test_a_store_in_memory_that_nobody_holds_is_gone() -> None:
    store = MemoryStore()
    address = MemoryStore().peer_address()
    with pytest.raises(DaemonUnavailable):
        store.connect(address)


def test_changing_the_bytes_that_were_put_changes_nothing() -> None:
    store, data = MemoryStore(), bytearray(b"content")
    cid = store.put(data)
    data[0] = 0
    assert store.get(cid) == b"content"
    assert cid == cids.of(b"content")
