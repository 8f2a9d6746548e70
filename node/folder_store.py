"""The local twins of the content store: in memory, and in a folder that several processes can share. No daemon.

They keep the rules of the real one: CIDs are ours, every byte that comes out is hashed, unpinned content goes with the
garbage, and content crosses only between stores that are connected, by copying it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import ClassVar
from weakref import WeakValueDictionary

from node import cid as cids
from node.errors import ContentUnavailable, DaemonUnavailable
from node.records.content import Cid


class _LocalStore(ABC):
    """What both twins do; a subclass says where bytes, pins and peers are kept."""

    def put(self, data: bytes) -> Cid:
        """Keep and pin `data`."""
        self._require_open()
        cid = cids.of(data)
        self._write(cid, bytes(data))
        self._set_pin(cid, True)
        return cid

    def get(self, cid: Cid, *, timeout_seconds: float = 60.0, max_bytes: int | None = None) -> bytes:
        """The content of `cid`, from here or from a connected store.

        There is nothing to wait for: ContentUnavailable comes at once. Else as `node.ipfs.IpfsStore.get`.
        """
        self._require_open()
        data = self._fetch(cids.parse(cid))
        if max_bytes is not None and len(data) > max_bytes:
            raise ValueError(f"expected at most {max_bytes} bytes behind {cid}, there are {len(data)}")
        return data

    def pin(self, cid: Cid) -> None:
        """Keep `cid`, copying it from a connected store when it is not here. Raises ContentUnavailable."""
        self._require_open()
        self._fetch(cids.parse(cid))
        self._set_pin(cid, True)

    def unpin(self, cid: Cid) -> None:
        """Let garbage collection take `cid`; unknown pins are no error."""
        self._require_open()
        self._set_pin(cids.parse(cid), False)

    def collect_garbage(self) -> int:
        """Remove what is not pinned; how many contents that were."""
        self._require_open()
        garbage = set(self._names()) - set(self._pins())
        for cid in garbage:
            self._delete(cid)
        return len(garbage)

    def connect(self, multiaddr: str) -> None:
        """Let content cross between this store and the one at `multiaddr`. Raises DaemonUnavailable."""
        self._require_open()
        other = self._at(multiaddr)
        if other is None:
            raise DaemonUnavailable(f"expected a running store at {multiaddr}, there is none; start it first")
        self._remember(multiaddr)
        other._remember(self.peer_address())

    def _fetch(self, cid: Cid) -> bytes:
        data = self._read(cid)
        if data is None:
            data = self._read_from_peers(cid)
            self._write(cid, data)
        cids.verify(cid, data)
        return data

    def _read_from_peers(self, cid: Cid) -> bytes:
        for address in self._peers():
            peer = self._at(address)
            data = peer._read(cid) if peer is not None else None
            if data is not None and cids.of(data) == cid:  # as bitswap does: damaged blocks do not count
                return data
        raise ContentUnavailable(
            f"expected the content of {cid} here or at a connected store, nobody has it; connect to one that has it"
        )

    @abstractmethod
    def peer_address(self) -> str:
        """Where other stores of the same kind find this one; ends in /p2p/ and its id."""

    @abstractmethod
    def close(self) -> None:
        """Leave the network, as a node that is switched off."""

    @abstractmethod
    def _require_open(self) -> None: ...
    @abstractmethod
    def _at(self, multiaddr: str) -> _LocalStore | None: ...
    @abstractmethod
    def _remember(self, multiaddr: str) -> None: ...
    @abstractmethod
    def _peers(self) -> Iterable[str]: ...
    @abstractmethod
    def _read(self, cid: Cid) -> bytes | None: ...
    @abstractmethod
    def _write(self, cid: Cid, data: bytes) -> None: ...
    @abstractmethod
    def _delete(self, cid: Cid) -> None: ...
    @abstractmethod
    def _names(self) -> Iterable[Cid]: ...
    @abstractmethod
    def _pins(self) -> Iterable[Cid]: ...
    @abstractmethod
    def _set_pin(self, cid: Cid, pinned: bool) -> None: ...


class MemoryStore(_LocalStore):
    """A content store in this process; threads may share it."""

    _open: ClassVar[WeakValueDictionary[str, MemoryStore]] = WeakValueDictionary()

    def __init__(self) -> None:
        self._content: dict[Cid, bytes] = {}
        self._pinned: set[Cid] = set()
        self._connected: dict[str, None] = {}
        self._lock = RLock()
        self._address = f"/memory/p2p/{secrets.token_hex(16)}"
        MemoryStore._open[self._address] = self

    def peer_address(self) -> str:
        """Known only to this process."""
        return self._address

    def close(self) -> None:
        """Every call raises DaemonUnavailable from here on, and no peer gets anything from it."""
        MemoryStore._open.pop(self._address, None)

    def _require_open(self) -> None:
        if self._address not in MemoryStore._open:
            raise DaemonUnavailable(f"the store {self._address} was closed; make a new one")

    def _at(self, multiaddr: str) -> MemoryStore | None:
        return MemoryStore._open.get(multiaddr)

    def _remember(self, multiaddr: str) -> None:
        with self._lock:
            self._connected[multiaddr] = None

    def _peers(self) -> Iterable[str]:
        with self._lock:
            return list(self._connected)

    def _read(self, cid: Cid) -> bytes | None:
        return self._content.get(cid)

    def _write(self, cid: Cid, data: bytes) -> None:
        with self._lock:
            self._content[cid] = data

    def _delete(self, cid: Cid) -> None:
        with self._lock:
            self._content.pop(cid, None)

    def _names(self) -> Iterable[Cid]:
        with self._lock:
            return list(self._content)

    def _pins(self) -> Iterable[Cid]:
        with self._lock:
            return list(self._pinned)

    def _set_pin(self, cid: Cid, pinned: bool) -> None:
        with self._lock:
            (self._pinned.add if pinned else self._pinned.discard)(cid)


class FolderStore(_LocalStore):
    """A content store in a folder: content/<cid>, pins/<cid>, peers/<id>; what is written appears whole or not at all.

    Any number of processes may open the same folder, and stores in other folders can connect to it by its address.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        for name in ("content", "pins", "peers"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if not self._id_file.exists():
            self._write_whole(self._id_file, secrets.token_hex(16).encode("ascii"))
        self._address = f"/unix{self.folder}/p2p/{self._id_file.read_text('ascii')}"

    @property
    def _id_file(self) -> Path:
        return self.folder / "id"

    def peer_address(self) -> str:
        """Holds the folder's path."""
        return self._address

    def close(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder)

    def _require_open(self) -> None:
        if not self._id_file.exists():
            raise DaemonUnavailable(f"the store in {self.folder} is gone; make a new one")

    def _at(self, multiaddr: str) -> FolderStore | None:
        folder, _, identity = multiaddr.removeprefix("/unix").rpartition("/p2p/")
        id_file = Path(folder) / "id"
        if not multiaddr.startswith("/unix/") or not id_file.exists() or id_file.read_text("ascii") != identity:
            return None
        return FolderStore(Path(folder))

    def _remember(self, multiaddr: str) -> None:
        self._write_whole(self.folder / "peers" / multiaddr.rpartition("/")[2], multiaddr.encode("utf-8"))

    def _peers(self) -> Iterable[str]:
        return [file.read_text("utf-8") for file in sorted((self.folder / "peers").iterdir())]

    def _read(self, cid: Cid) -> bytes | None:
        try:
            return (self.folder / "content" / cid).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, cid: Cid, data: bytes) -> None:
        self._write_whole(self.folder / "content" / cid, data)

    def _delete(self, cid: Cid) -> None:
        (self.folder / "content" / cid).unlink(missing_ok=True)

    def _names(self) -> Iterable[Cid]:
        return [Cid(file.name) for file in (self.folder / "content").iterdir()]

    def _pins(self) -> Iterable[Cid]:
        return [Cid(file.name) for file in (self.folder / "pins").iterdir()]

    def _set_pin(self, cid: Cid, pinned: bool) -> None:
        file = self.folder / "pins" / cid
        if pinned:
            file.touch()
        else:
            file.unlink(missing_ok=True)

    def _write_whole(self, file: Path, data: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.folder, prefix="writing-")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
