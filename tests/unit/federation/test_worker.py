"""The resident process behind its socket: one request, one reply, and no request ends it."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

import pytest

from federation.worker import ask, serve
from node.errors import ConfigError, DaemonUnavailable


class Stop(Exception):
    """Ends the worker of a test."""


def serve_until_stopped(path: Path) -> None:
    with suppress(Stop):
        serve(path, handle)


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("stop"):
        raise Stop
    if request.get("fail"):
        raise ConfigError("no such run")
    if request.get("overflow"):
        raise OverflowError("too much")
    if request.get("broken"):
        raise RuntimeError("CUDA is gone")
    return {"echo": request["text"]}


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "w.sock"
    thread = threading.Thread(target=serve_until_stopped, args=(path,))
    thread.start()
    wait_for(path)
    yield path
    with pytest.raises(DaemonUnavailable):
        ask(path, {"stop": True})
    thread.join(10)
    assert not thread.is_alive()


def wait_for(path: Path) -> None:
    for _ in range(1000):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:  # not yet there, or between the old socket and the new
            mode = 0
        if mode == 0o600:
            return
        threading.Event().wait(0.005)
    raise AssertionError("expected the worker to be ready within 5 s")


def send_raw(path: Path, data: bytes) -> bytes:
    with Client(str(path), family="AF_UNIX") as connection:
        connection.send_bytes(data)
        return connection.recv_bytes()


def test_a_request_is_answered(socket: Path) -> None:
    assert ask(socket, {"text": "hello"}) == {"echo": "hello"}
    assert ask(socket, {"text": "again"}) == {"echo": "again"}


def test_the_socket_is_for_its_owner_alone(socket: Path) -> None:
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"fail": True}, "ConfigError: no such run"),
        ({"overflow": True}, "OverflowError: too much"),
        ({"broken": True}, "RuntimeError: CUDA is gone"),
    ],
)
def test_a_request_that_fails_is_answered_and_the_worker_goes_on(
    socket: Path, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(DaemonUnavailable, match=f"worker at .*w.sock failed: {message}"):
        ask(socket, request_)

    assert ask(socket, {"text": "still here"}) == {"echo": "still here"}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[1]", b"5", b"null", b"[" * 50_000], ids=lambda data: repr(data[:5])
)
def test_bytes_that_are_no_json_object_are_answered_with_an_error(socket: Path, data: bytes) -> None:
    assert b'"error"' in send_raw(socket, data)
    assert ask(socket, {"text": "still here"}) == {"echo": "still here"}


def test_a_caller_that_hangs_up_does_not_end_the_worker(socket: Path) -> None:
    Client(str(socket), family="AF_UNIX").close()

    assert ask(socket, {"text": "still here"}) == {"echo": "still here"}


def test_no_worker_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnavailable, match=r"expected this node's worker at .*gone\.sock.*is the node started\?"):
        ask(tmp_path / "gone.sock", {})


@pytest.mark.parametrize("reply", [b"[]", b"5", b"not json", b""])
def test_an_answer_that_is_no_object_is_an_unavailable_worker(tmp_path: Path, reply: bytes) -> None:
    path = tmp_path / "odd.sock"
    with Listener(str(path), family="AF_UNIX") as listener:

        def answer() -> None:
            with listener.accept() as connection:
                connection.recv_bytes()
                connection.send_bytes(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DaemonUnavailable, match="expected a JSON object from the worker"):
            ask(path, {})
        thread.join(10)


def test_a_socket_left_behind_by_a_crash_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    path.write_bytes(b"")
    thread = threading.Thread(target=serve_until_stopped, args=(path,))
    thread.start()
    wait_for(path)

    assert ask(path, {"text": "hello"}) == {"echo": "hello"}
    with pytest.raises(DaemonUnavailable):
        ask(path, {"stop": True})
    thread.join(10)
