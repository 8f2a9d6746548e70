"""One suite for every content store: the IPFS sidecar, its twins in memory and in a folder, and any daemon at IPFS_API.

The tests that need a second node, a death or a damaged disk leave the daemon at IPFS_API alone.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest

from node import cid as cids
from node.errors import ContentCorrupt, ContentUnavailable, DaemonUnavailable
from node.folder_store import FolderStore, MemoryStore
from node.ipfs import IpfsStore
from node.ports import ContentStore
from node.records.content import Cid
from node.sidecar_process import sidecar_command, wait_for_sidecar

HELLO = b"hello world\n"
HELLO_CID = Cid("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4")
MIB = 1 << 20


class Store(ContentStore, Protocol):
    def collect_garbage(self) -> int: ...


class Site(Protocol):
    """A place where several stores of one kind live and die."""

    def open(self) -> Store: ...
    def kill(self, store: Store) -> None: ...
    def flip_a_byte(self, store: Store, content: bytes) -> None:
        """Damage what the store keeps of the first chunk of `content`."""
        ...


class MemorySite:
    def __init__(self, folder: Path) -> None:
        self.opened: list[MemoryStore] = []

    def open(self) -> MemoryStore:
        self.opened.append(MemoryStore())
        return self.opened[-1]

    def kill(self, store: MemoryStore) -> None:
        store.close()

    def flip_a_byte(self, store: MemoryStore, content: bytes) -> None:
        store._content[cids.of(content)] = flipped(content)

    def close(self) -> None:
        for store in self.opened:
            store.close()


class FolderSite:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_opened = 0

    def open(self) -> FolderStore:
        self.num_opened += 1
        return FolderStore(self.folder / f"store{self.num_opened}")

    def kill(self, store: FolderStore) -> None:
        store.close()

    def flip_a_byte(self, store: FolderStore, content: bytes) -> None:
        file = store.folder / "content" / cids.of(content)
        file.write_bytes(flipped(file.read_bytes()))

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class SidecarSite:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[IpfsStore, tuple[Path, subprocess.Popen[bytes]]] = {}

    def open(self) -> IpfsStore:
        folder = self.folder / f"sidecar{len(self.processes)}"
        command = sidecar_command(folder, exit_with_stdin=True)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        store = wait_for_sidecar(folder, is_alive=lambda: process.poll() is None)
        self.processes[store] = folder, process
        return store

    def kill(self, store: IpfsStore) -> None:
        _, process = self.processes[store]
        process.kill()
        process.wait()

    def flip_a_byte(self, store: IpfsStore, content: bytes) -> None:
        folder, _ = self.processes[store]
        file = block_file(folder, cids.of(content[: cids.CHUNK_BYTES]))
        file.write_bytes(flipped(file.read_bytes()))

    def close(self) -> None:
        for _, process in self.processes.values():
            process.kill()
            process.communicate()


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def block_file(folder: Path, cid: Cid) -> Path:
    """blocks/<last two characters>/<multihash in upper-case base32>.data"""
    name = "B" + base64.b32encode(cids.to_bytes(cid)[2:]).decode().rstrip("=")
    return folder / "blocks" / name[-2:] / f"{name}.data"


SITES: dict[str, Callable[[Path], Any]] = {"memory": MemorySite, "folder": FolderSite, "sidecar": SidecarSite}
SITE_PARAMS = ["memory", "folder", pytest.param("sidecar", marks=pytest.mark.real)]
DAEMON = pytest.param(
    "IPFS_API", marks=pytest.mark.skipif("IPFS_API" not in os.environ, reason="IPFS_API names no daemon")
)


@pytest.fixture(params=SITE_PARAMS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    site = SITES[request.param](tmp_path)
    yield site
    site.close()


@pytest.fixture(scope="module", params=[*SITE_PARAMS, DAEMON])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContentStore]:
    if request.param == "IPFS_API":
        yield IpfsStore(os.environ["IPFS_API"], os.environ.get("IPFS_API_TOKEN"))
        return
    site = SITES[request.param](tmp_path_factory.mktemp("store"))
    yield site.open()
    site.close()


def test_what_is_put_comes_back_under_the_cid_that_kubo_gives_it(store: ContentStore) -> None:
    assert store.put(HELLO) == HELLO_CID
    assert store.get(HELLO_CID) == HELLO


@pytest.mark.parametrize("num_bytes", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 1])
def test_files_around_the_borders_of_chunks_come_back_whole(store: ContentStore, num_bytes: int) -> None:
    content = os.urandom(num_bytes)
    cid = store.put(content)
    assert cid == cids.of(content)
    assert store.get(cid) == content


def test_putting_the_same_bytes_twice_gives_the_same_cid(store: ContentStore) -> None:
    assert store.put(b"twice") == store.put(b"twice")


def test_content_that_nobody_has_is_unavailable_with_the_cid_named(store: ContentStore) -> None:
    missing = cids.of(os.urandom(32))
    with pytest.raises(ContentUnavailable, match=missing):
        store.get(missing, timeout_seconds=0.5)


@pytest.mark.parametrize("call", ["get", "pin", "unpin"])
def test_what_is_not_a_cid_is_the_callers_mistake(store: ContentStore, call: str) -> None:
    with pytest.raises(ValueError, match="passwd"):
        getattr(store, call)("../../../etc/passwd")


def test_more_than_max_bytes_is_refused_and_exactly_as_many_are_not(store: ContentStore) -> None:
    cid = store.put(bytes(2 * MIB))
    assert len(store.get(cid, max_bytes=2 * MIB)) == 2 * MIB
    with pytest.raises(ValueError, match=f"{cid}"):
        store.get(cid, max_bytes=2 * MIB - 1)


def test_unpinning_what_was_never_pinned_is_no_error(store: ContentStore) -> None:
    store.unpin(cids.of(b"never pinned"))


def test_pinning_twice_is_no_error(store: ContentStore) -> None:
    cid = store.put(b"pinned by put")
    store.pin(cid)
    store.pin(cid)


def test_the_peer_address_ends_in_an_id(store: ContentStore) -> None:
    assert "/p2p/" in store.peer_address()


def test_connecting_to_nobody_says_that_the_other_is_not_there(store: ContentStore) -> None:
    nobody = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWPrhqeGRAT46ST1kFu3n2kAF7oDbGghNukDUxm6uwgUUY"
    with pytest.raises(DaemonUnavailable, match="12D3KooWPrhqeGRAT46ST1kFu3n2kAF7oDbGghNukDUxm6uwgUUY"):
        store.connect(nobody)


def test_threads_may_share_a_store(store: ContentStore) -> None:
    contents = [os.urandom(100_000) for _ in range(12)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(store.get, pool.map(store.put, contents))) == contents


@pytest.mark.parametrize("num_bytes", [1000, 3 * MIB + 1])
def test_a_flipped_byte_is_refused_with_the_cid_named(site: Site, num_bytes: int) -> None:
    store, content = site.open(), os.urandom(num_bytes)
    cid = store.put(content)
    site.flip_a_byte(store, content)
    with pytest.raises(ContentCorrupt, match=cid):
        store.get(cid)


def test_content_crosses_to_a_connected_store_and_outlives_its_first_owner(site: Site) -> None:
    first, second, third = site.open(), site.open(), site.open()
    content = os.urandom(3 * MIB + 1)
    cid = first.put(content)
    second.connect(first.peer_address())
    assert second.get(cid) == content
    site.kill(first)
    third.connect(second.peer_address())
    assert second.get(cid) == content
    assert third.get(cid) == content


def test_one_connection_carries_content_both_ways(site: Site) -> None:
    first, second = site.open(), site.open()
    second.connect(first.peer_address())
    assert first.get(second.put(b"from the second")) == b"from the second"


def test_content_does_not_cross_between_stores_that_are_not_connected(site: Site) -> None:
    first, second = site.open(), site.open()
    cid = first.put(b"at home")
    with pytest.raises(ContentUnavailable, match=cid):
        second.get(cid, timeout_seconds=0.5)


def test_a_pin_fetches_what_is_missing_and_keeps_it(site: Site) -> None:
    first, second = site.open(), site.open()
    content = os.urandom(3 * MIB + 1)
    cid = first.put(content)
    second.connect(first.peer_address())
    second.pin(cid)
    site.kill(first)
    second.collect_garbage()
    assert second.get(cid) == content


def test_garbage_collection_takes_what_is_not_pinned_and_nothing_else(site: Site) -> None:
    store = site.open()
    kept, dropped = store.put(b"kept"), store.put(b"dropped")
    store.unpin(dropped)
    assert store.collect_garbage() == 1
    assert store.get(kept) == b"kept"
    with pytest.raises(ContentUnavailable, match=dropped):
        store.get(dropped, timeout_seconds=0.5)


def test_unpinning_a_file_leaves_the_chunks_that_it_shares_with_another(site: Site) -> None:
    store, shared = site.open(), os.urandom(MIB)
    one, other = store.put(shared + b"one"), store.put(shared + b"other")
    store.unpin(one)
    store.pin(one)
    store.unpin(other)
    store.collect_garbage()
    assert store.get(one) == shared + b"one"


def test_a_store_that_is_gone_says_so(site: Site) -> None:
    store = site.open()
    cid = store.put(HELLO)
    site.kill(store)
    with pytest.raises(DaemonUnavailable):
        store.get(cid)
    with pytest.raises(DaemonUnavailable):
        store.put(HELLO)
