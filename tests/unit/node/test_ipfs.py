"""The client against daemons that misbehave: each a few lines of HTTP on a port of its own."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from node import cid as cids
from node.errors import ConfigError, ContentCorrupt, ContentUnavailable, DaemonUnavailable
from node.ipfs import IpfsStore
from node.sidecar_process import wait_for_sidecar

CID = cids.of(b"content")


class Daemon(http.server.BaseHTTPRequestHandler):
    """Answers each call of the RPC with the bytes that the test put down for it."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}
    requests: ClassVar[list[str]] = []
    missing_bytes: ClassVar[int] = 0
    """How many bytes more than it sends `cat` announces."""

    def do_POST(self) -> None:
        self.requests.append(self.path)
        while (size := int(self.rfile.readline().strip() or b"0", 16)) if "chunked" in str(self.headers) else 0:
            self.rfile.read(size + 2)
        status, body = self.answers.get(self.path.split("?")[0].removeprefix("/api/v0/"), (404, b"{}"))
        self.send_response(status)
        missing = self.missing_bytes if "/cat" in self.path else 0
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[IpfsStore]:
    Daemon.answers, Daemon.requests, Daemon.missing_bytes = {}, [], 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Daemon) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield IpfsStore(f"/ip4/127.0.0.1/tcp/{server.server_port}")
        server.shutdown()
        thread.join()


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_put_says_everything_that_decides_about_the_cid(store: IpfsStore) -> None:
    Daemon.answers = {"add": (200, lines({"Name": CID, "Hash": CID, "Size": "7"}))}
    assert store.put(b"content") == CID
    sent = set(Daemon.requests[0].partition("?")[2].split("&"))
    assert sent >= {"cid-version=1", "raw-leaves=true", "chunker=size-1048576", "max-file-links=174", "pin=true"}


def test_a_daemon_that_gives_content_another_cid_is_refused_with_both_named(store: IpfsStore) -> None:
    other = cids.of(b"other")
    Daemon.answers = {"add": (200, lines({"Name": other, "Hash": other, "Size": "7"}))}
    with pytest.raises(ContentCorrupt, match=f"{CID}.*{other}"):
        store.put(b"content")


def test_a_daemon_that_sends_other_bytes_is_caught(store: IpfsStore) -> None:
    Daemon.answers = {"cat": (200, b"forged!")}
    with pytest.raises(ContentCorrupt, match=CID):
        store.get(CID)


def test_a_daemon_that_breaks_off_is_unavailable_and_not_corrupt(store: IpfsStore) -> None:
    Daemon.answers = {"cat": (200, b"cont"), "version": (200, lines({"Version": "0.43.1"}))}
    Daemon.missing_bytes = 3
    with pytest.raises(ContentUnavailable, match=f"{CID}.*broke off"):
        store.get(CID)


@pytest.mark.parametrize("answer", [b"<html>", b"", b'{"Version": ', b"{}{}"])
def test_something_that_is_no_ipfs_node_is_called_so(store: IpfsStore, answer: bytes) -> None:
    Daemon.answers = {"version": (200, answer)}
    with pytest.raises(DaemonUnavailable, match="is it an IPFS node"):
        store.version()


def test_a_daemon_that_never_stops_sending_is_cut_at_max_bytes(store: IpfsStore) -> None:
    Daemon.answers = {"cat": (200, bytes(10_000_000))}
    with pytest.raises(ValueError, match="at most 1000 bytes"):
        store.get(CID, max_bytes=1000)


def test_what_the_daemon_says_reaches_the_error(store: IpfsStore) -> None:
    Daemon.answers = {
        "cat": (500, lines({"Message": "merkledag: not found", "Code": 0, "Type": "error"})),
        "version": (200, lines({"Version": "0.43.1"})),
    }
    with pytest.raises(ContentUnavailable, match="merkledag: not found"):
        store.get(CID)


def test_the_peer_address_is_plain_tcp_and_reachable_from_elsewhere_when_there_is_one(store: IpfsStore) -> None:
    addresses = [
        "/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo",
        "/ip4/10.0.0.7/udp/4001/quic-v1/p2p/12D3Koo",
        "/ip4/10.0.0.7/tcp/4002/ws/p2p/12D3Koo",
        "/ip4/10.0.0.7/tcp/4001/p2p/12D3Koo",
    ]
    Daemon.answers = {"id": (200, lines({"ID": "12D3Koo", "Addresses": addresses}))}
    assert store.peer_address() == "/ip4/10.0.0.7/tcp/4001/p2p/12D3Koo"


def test_a_node_without_a_swarm_address_says_what_to_give_it(store: IpfsStore) -> None:
    Daemon.answers = {"id": (200, lines({"ID": "12D3Koo", "Addresses": None}))}
    with pytest.raises(DaemonUnavailable, match="swarm address"):
        store.peer_address()


def test_no_daemon_says_where_it_was_expected_and_what_to_do() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        api = f"/ip4/127.0.0.1/tcp/{unused.getsockname()[1]}"
        with pytest.raises(DaemonUnavailable, match=rf"{api}.*tenwings up"):
            IpfsStore(api).put(b"content")


@pytest.mark.parametrize("api", ["http://127.0.0.1:5001", "127.0.0.1:5001", "/ip4/127.0.0.1", "", "/ip4/x/tcp/1"])
def test_what_is_not_the_multiaddr_of_an_api_is_refused(api: str) -> None:
    with pytest.raises(ConfigError, match=r"/ip4/127\.0\.0\.1/tcp/5001"):
        IpfsStore(api)


def test_a_folder_without_a_sidecar_says_so(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnavailable, match="tenwings up"):
        IpfsStore.from_folder(tmp_path)


def test_an_api_file_left_by_a_killed_sidecar_is_not_taken_for_a_live_one(tmp_path: Path) -> None:
    (tmp_path / "api").write_text("/ip4/127.0.0.1/tcp/9\n")
    (tmp_path / "token").write_text("secret\n")
    with pytest.raises(DaemonUnavailable, match="did not answer within"):
        wait_for_sidecar(tmp_path, timeout_seconds=0.1)
