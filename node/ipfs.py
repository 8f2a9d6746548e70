"""The content store on a real IPFS node: our sidecar, or any Kubo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from node import cid as cids
from node.errors import ContentCorrupt, ContentUnavailable, DaemonUnavailable
from node.ipfs_rpc import KuboRpc, RpcFailure, RpcTimeout, is_loopback
from node.records.content import Cid

API_FILE = "api"
"""The sidecar writes its API's multiaddr into this file of its folder."""
TOKEN_FILE = "token"
"""And reads the bearer token that it expects from this one, which only its user can read."""

_ADD_OPTIONS = {
    "cid-version": "1",
    "raw-leaves": "true",
    "chunker": f"size-{cids.CHUNK_BYTES}",
    "max-file-links": str(cids.FAN_OUT),
    "pin": "true",
}
"""All that decides about a CID is said: profiles and versions of Kubo differ in their defaults."""

_NOT_PLAIN_TCP = ("/ws", "/tls", "/p2p-circuit")
_ANSWER_SECONDS = 30.0
_LONG_ANSWER_SECONDS = 600.0
"""For calls that move or walk whole files: add, pin, garbage collection, repair."""


class IpfsStore:
    """`node.ports.ContentStore` on an IPFS node's RPC; threads may share it."""

    def __init__(self, api: str, token: str | None = None) -> None:
        """`api` is a multiaddr such as /ip4/127.0.0.1/tcp/5001 (ConfigError when it is not); nothing is sent yet."""
        self._rpc = KuboRpc(api, token)

    @classmethod
    def from_folder(cls, folder: Path) -> IpfsStore:
        """The store of the sidecar that runs in `folder`. Raises DaemonUnavailable when none was started there."""
        try:
            api = (folder / API_FILE).read_text("ascii").strip()
            token = (folder / TOKEN_FILE).read_text("ascii").strip()
        except FileNotFoundError as error:
            raise DaemonUnavailable(
                f"expected a running IPFS sidecar in {folder}, found no file {error.filename}; start it with "
                "`tenwings up`"
            ) from error
        return cls(api, token)

    @property
    def api(self) -> str:
        """The multiaddr of the daemon's RPC."""
        return self._rpc.api

    def put(self, data: bytes) -> Cid:
        """Add and pin `data`. Raises DaemonUnavailable, ContentCorrupt when the daemon gives it another CID."""
        expected = cids.of(data)
        try:
            answer = self._rpc.add(data, opts=_ADD_OPTIONS, timeout_seconds=_LONG_ANSWER_SECONDS)
        except RpcFailure as error:
            raise DaemonUnavailable(f"{self.api} did not add {len(data)} bytes: {error}; look at its log") from error
        if answer != expected:
            raise ContentCorrupt(
                f"expected {self.api} to add {len(data)} bytes as {expected}, it says {answer}; it does not follow the "
                "settings that we send: use our sidecar or a current Kubo"
            )
        return expected

    def get(self, cid: Cid, *, timeout_seconds: float = 60.0, max_bytes: int | None = None) -> bytes:
        """The content of `cid`, from this node or a peer that it is connected to, hashed here.

        Each wait for bytes lasts at most `timeout_seconds`, and so does, looked at between them, the whole. Raises
        ContentUnavailable, ContentCorrupt, DaemonUnavailable, and ValueError when there are more than `max_bytes`.
        """
        cids.parse(cid)
        try:
            data = self._read(cid, timeout_seconds, max_bytes)
        except ContentUnavailable:
            self._refuse_damaged_root(cid)
            raise
        try:
            cids.verify(cid, data)
        except ContentCorrupt as error:
            raise ContentCorrupt(f"{self.api} sent wrong bytes: {error}; repair() drops its damaged blocks") from error
        return data

    def pin(self, cid: Cid) -> None:
        """Keep `cid`, fetching what is missing. Raises ContentUnavailable, DaemonUnavailable."""
        try:
            self._rpc.call("/pin/add", cids.parse(cid), opts={}, timeout_seconds=_LONG_ANSWER_SECONDS)
        except RpcFailure as error:
            raise ContentUnavailable(f"cannot pin {cid}: {error}; connect to a node that has it") from error

    def unpin(self, cid: Cid) -> None:
        """Let garbage collection take `cid`; unknown pins are no error. Raises DaemonUnavailable."""
        try:
            self._call("/pin/rm", cids.parse(cid))
        except DaemonUnavailable as error:
            if "not pinned" not in str(error):
                raise

    def peer_address(self) -> str:
        """A multiaddr with /p2p/ over plain TCP; one that other machines can dial when there is one."""
        identity = self._object("/id")
        addresses = identity.get("Addresses") or []
        plain = [a for a in addresses if "/tcp/" in a and not any(other in a for other in _NOT_PLAIN_TCP)]
        if not plain:
            raise DaemonUnavailable(
                f"expected the node at {self.api} to listen for peers over TCP, it says {addresses}; give it a swarm "
                "address such as /ip4/127.0.0.1/tcp/4001"
            )
        address = str(min(plain, key=is_loopback))
        return address if "/p2p/" in address else f"{address}/p2p/{identity['ID']}"

    def connect(self, multiaddr: str) -> None:
        """Open a connection to another node. Raises DaemonUnavailable, also when the other does not answer."""
        try:
            self._rpc.call("/swarm/connect", multiaddr, opts={}, timeout_seconds=_ANSWER_SECONDS)
        except RpcFailure as error:
            raise DaemonUnavailable(f"cannot connect to {multiaddr}: {error}; is that node up?") from error

    def version(self) -> str:
        """What the daemon calls its version; DaemonUnavailable while it is not ready."""
        return str(self._object("/version").get("Version"))

    def collect_garbage(self) -> int:
        """Remove every block that no pin reaches; the number of blocks removed."""
        return len(self._call("/repo/gc", timeout_seconds=_LONG_ANSWER_SECONDS))

    def repair(self) -> list[str]:
        """Drop the local blocks that no longer hash to their CIDs, so that reads fetch them from peers; what was found.

        Works on our sidecar and on a Kubo whose `repo verify` knows `--drop`.
        """
        lines = self._call("/repo/verify", opts={"drop": "true"}, timeout_seconds=_LONG_ANSWER_SECONDS)
        return [str(line["Msg"]) for line in lines if "corrupt" in str(line.get("Msg"))]

    def _read(self, cid: Cid, timeout_seconds: float, max_bytes: int | None) -> bytes:
        deadline = time.monotonic() + timeout_seconds
        received: list[bytes] = []
        num_bytes = 0
        try:
            with closing(self._rpc.read("/cat", cid, opts={}, timeout_seconds=timeout_seconds)) as pieces:
                for piece in pieces:
                    received.append(piece)
                    num_bytes += len(piece)
                    if max_bytes is not None and num_bytes > max_bytes:
                        raise ValueError(f"expected at most {max_bytes} bytes behind {cid}, there are more")
                    if time.monotonic() > deadline:
                        raise RpcTimeout("the rest did not come")
        except RpcFailure as error:
            self.version()  # a daemon that is gone says so here
            raise ContentUnavailable(
                f"expected the content of {cid} within {timeout_seconds:g} seconds, got {num_bytes} bytes: {error}; "
                "connect to a node that has it, or allow more time"
            ) from error
        return b"".join(received)

    def _refuse_damaged_root(self, cid: Cid) -> None:
        """Tell a root that nobody has from one that is here but cannot be decoded."""
        options = {"offline": "true"}
        try:
            block = b"".join(self._rpc.read("/block/get", cid, opts=options, timeout_seconds=_ANSWER_SECONDS))
        except RpcFailure:
            return
        if not cids.is_block_of(cid, block):
            raise ContentCorrupt(
                f"the root block of {cid} at {self.api} is damaged; repair() drops it, then get it anew"
            )

    def _object(self, path: str) -> dict[str, Any]:
        lines = self._call(path)
        if len(lines) != 1:
            raise DaemonUnavailable(f"expected one JSON object from {self.api}{path}, got {lines}; is it an IPFS node?")
        return lines[0]

    def _call(
        self,
        path: str,
        *args: str,
        opts: Mapping[str, str] | None = None,
        timeout_seconds: float = _ANSWER_SECONDS,
    ) -> list[dict[str, Any]]:
        try:
            return self._rpc.call(path, *args, opts=opts or {}, timeout_seconds=timeout_seconds)
        except RpcFailure as error:
            raise DaemonUnavailable(f"{self.api}{path} {' '.join(args)}: {error}; look at the daemon's log") from error
