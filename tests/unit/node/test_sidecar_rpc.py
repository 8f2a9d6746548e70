"""The sidecar as a process: who may call it, how it starts and ends, what it survives; and the bundle we commit."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from node import cid as cids
from node.errors import ContentCorrupt, DaemonUnavailable
from node.ipfs import IpfsStore
from node.records.content import Cid
from node.sidecar_process import BUNDLE, sidecar_command, wait_for_sidecar

pytestmark = pytest.mark.real
MIB = 1 << 20


class Sidecar:
    """One sidecar process in a folder."""

    def __init__(self, folder: Path, *, api_port: int = 0, swarm_port: int = 0) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            sidecar_command(folder, api_port=api_port, swarm_port=swarm_port, exit_with_stdin=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready_line(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line: dict[str, object] = json.loads(self.process.stdout.readline())
        return line

    def store(self) -> IpfsStore:
        return wait_for_sidecar(self.folder, is_alive=lambda: self.process.poll() is None)

    def connection(self) -> http.client.HTTPConnection:
        port = int((self.folder / "api").read_text().strip().rpartition("/")[2])
        return http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def token(self) -> str:
        return (self.folder / "token").read_text().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Starts a sidecar in `tmp_path`/name."""
    started: list[Sidecar] = []

    def start(name: str = "one", **ports: int) -> Sidecar:
        started.append(Sidecar(tmp_path / name, **ports))
        return started[-1]

    yield start
    for sidecar in started:
        sidecar.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """One sidecar for the tests that only ask."""
    sidecar = Sidecar(tmp_path_factory.mktemp("running"))
    sidecar.store()
    yield sidecar
    sidecar.kill()


def ask(sidecar: Sidecar, path: str, *, method: str = "POST", **headers: str) -> tuple[int, str]:
    """Status and text of the answer; keyword arguments replace headers."""
    sent = {"Authorization": f"Bearer {sidecar.token()}"} | {name.replace("_", "-"): v for name, v in headers.items()}
    connection = sidecar.connection()
    try:
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def block_files(sidecar: Sidecar) -> list[Path]:
    return sorted((sidecar.folder / "blocks").glob("*/*.data"))


def block_file(sidecar: Sidecar, cid: Cid) -> Path:
    name = "B" + base64.b32encode(cids.to_bytes(cid)[2:]).decode().rstrip("=")
    return sidecar.folder / "blocks" / name[-2:] / f"{name}.data"


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


# who may call it


def test_a_program_with_the_token_is_answered(running: Sidecar) -> None:
    status, text = ask(running, "/api/v0/version")
    assert status == 200
    assert json.loads(text)["Version"] == "0.1.0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:5001"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Referer": "http://localhost/"}, 403),
        ({"User_Agent": "Mozilla/5.0"}, 403),
    ],
)
def test_a_caller_without_the_token_or_out_of_a_browser_is_refused(
    running: Sidecar, headers: dict[str, str], status: int
) -> None:
    assert ask(running, "/api/v0/id", **headers)[0] == status


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS"])
def test_only_post_is_allowed(running: Sidecar, method: str) -> None:
    assert ask(running, "/api/v0/id", method=method)[0] == 405


@pytest.mark.parametrize("path", ["/", "/api/v0/config", "/api/v0/constructor", "/api/v1/id", "/webui"])
def test_what_we_do_not_use_is_not_there(running: Sidecar, path: str) -> None:
    assert ask(running, path)[0] == 404


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("cat", 400, '"arg" is required'),
        ("cat?arg=nonsense", 500, "nonsense"),
        ("add", 400, "multipart/form-data"),
        ("pin/rm?arg=bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", 500, "not pinned"),
    ],
)
def test_a_wrong_call_is_told_what_was_wrong(running: Sidecar, path: str, status: int, said: str) -> None:
    got, text = ask(running, f"/api/v0/{path}")
    assert got == status
    assert said in json.loads(text)["Message"]


def test_the_secrets_are_in_files_of_the_user_alone_and_not_on_the_command_line(running: Sidecar) -> None:
    modes = {name: stat.S_IMODE((running.folder / name).stat().st_mode) for name in ("token", "peer.key", "api")}
    assert modes == {"token": 0o600, "peer.key": 0o600, "api": 0o600}
    assert stat.S_IMODE((running.folder / "blocks").stat().st_mode) == 0o700
    assert running.token() not in " ".join(sidecar_command(running.folder))


def test_a_store_with_a_wrong_token_is_told_to_open_the_folder(running: Sidecar) -> None:
    api = (running.folder / "api").read_text().strip()
    with pytest.raises(DaemonUnavailable, match="by its folder"):
        IpfsStore(api, "wrong").put(os.urandom(4 * MIB))


def test_a_proxy_in_the_environment_does_not_get_our_requests(
    running: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert IpfsStore.from_folder(running.folder).version() == "0.1.0"


# how it starts and ends


def test_it_prints_one_line_when_it_is_ready_and_ends_with_code_0_on_sigterm(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    ready = sidecar.ready_line()
    store = IpfsStore.from_folder(sidecar.folder)
    assert ready == {
        "ready": True,
        "api": store.api,
        "peer_id": store.peer_address().rpartition("/")[2],
        "addresses": [store.peer_address()],
    }
    sidecar.process.send_signal(signal.SIGTERM)
    rest, errors = sidecar.process.communicate(timeout=10)
    assert (sidecar.process.returncode, rest, errors) == (0, "", "")
    assert not (sidecar.folder / "api").exists()


def test_it_ends_when_its_standard_input_closes(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    sidecar.ready_line()
    assert sidecar.process.stdin is not None
    sidecar.process.stdin.close()
    assert sidecar.process.wait(timeout=10) == 0


def test_it_ends_on_the_shutdown_call(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    sidecar.ready_line()
    assert ask(sidecar, "/api/v0/shutdown")[0] == 200
    assert sidecar.process.wait(timeout=10) == 0


def test_a_second_one_in_the_same_folder_is_refused(start: Callable[..., Sidecar]) -> None:
    start().ready_line()
    second = start()
    _, errors = second.process.communicate(timeout=10)
    assert second.process.returncode == 1
    assert "another sidecar already serves" in errors


def test_a_port_that_is_taken_ends_it_with_one_line(start: Callable[..., Sidecar]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sidecar = start(api_port=taken.getsockname()[1])
        _, errors = sidecar.process.communicate(timeout=10)
    assert sidecar.process.returncode == 1
    assert errors.startswith("sidecar: listen EADDRINUSE")
    assert errors.count("\n") == 1


def test_waiting_for_one_that_dies_ends_with_its_death(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    sidecar.kill()
    with pytest.raises(DaemonUnavailable, match="ended while it started"):
        sidecar.store()


def test_a_restart_keeps_the_peer_the_content_and_the_pins(start: Callable[..., Sidecar]) -> None:
    first = start()
    store = first.store()
    peer, cid = store.peer_address().rpartition("/")[2], store.put(b"kept")
    first.kill()
    again = start().store()
    again.collect_garbage()
    assert again.get(cid) == b"kept"
    assert again.peer_address().rpartition("/")[2] == peer


# what it survives


def form_head(num_bytes: int) -> bytes:
    return (
        b"POST /api/v0/add?cid-version=1&raw-leaves=true&chunker=size-1048576 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n" % num_bytes
    )


def begin_upload(sidecar: Sidecar, sent: bytes) -> socket.socket:
    """Announce 64 MiB, send `sent`, and wait until a block of it is on disk; blocks are written 20 at a time."""
    before = len(block_files(sidecar))
    connection = socket.create_connection(("127.0.0.1", sidecar.connection().port))
    authorization = b"Authorization: Bearer %s\r\n\r\n" % sidecar.token().encode()
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    connection.sendall(form_head(64 * MIB) + authorization + part + sent)
    for _ in range(600):
        if len(block_files(sidecar)) > before:
            break
        time.sleep(0.05)
    assert len(block_files(sidecar)) > before
    return connection


def test_a_kill_in_the_middle_of_an_add_leaves_garbage_and_no_damage(start: Callable[..., Sidecar]) -> None:
    content = os.urandom(32 * MIB)
    sidecar = start()
    sidecar.store()
    with begin_upload(sidecar, content[: 24 * MIB]):
        sidecar.kill()
    sidecar = start()
    store = sidecar.store()
    num_left_behind = len(block_files(sidecar))
    assert num_left_behind >= 1
    assert store.collect_garbage() == num_left_behind
    assert block_files(sidecar) == []
    assert store.get(store.put(content)) == content


def test_half_written_blocks_of_a_killed_one_are_swept_at_the_next_start(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    sidecar.store().put(b"whole")
    (block,) = block_files(sidecar)
    sidecar.kill()
    half = block.with_name(f".{block.name}.tmp")
    half.write_bytes(b"ha")
    start().store()
    assert list(block.parent.iterdir()) == [block]


def test_a_client_that_hangs_up_in_an_upload_does_not_block_garbage_collection(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    store = sidecar.store()
    begin_upload(sidecar, os.urandom(24 * MIB)).close()
    assert store.collect_garbage() >= 1
    assert store.get(store.put(b"alive")) == b"alive"


def test_a_client_that_hangs_up_in_a_download_does_not_end_it(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    store = sidecar.store()
    cid = store.put(os.urandom(32 * MIB))
    for _ in range(3):
        connection = sidecar.connection()
        connection.request("POST", f"/api/v0/cat?arg={cid}", headers={"Authorization": f"Bearer {sidecar.token()}"})
        connection.getresponse().read(100)
        connection.close()
    assert len(store.get(cid)) == 32 * MIB
    assert sidecar.process.poll() is None


def test_repair_drops_a_damaged_block_and_the_next_read_fetches_it_from_a_peer(start: Callable[..., Sidecar]) -> None:
    damaged, healthy = start("damaged"), start("healthy")
    store, peer = damaged.store(), healthy.store()
    content = os.urandom(2 * MIB)
    cid = store.put(content)
    store.connect(peer.peer_address())
    peer.pin(cid)
    flip_a_byte(block_file(damaged, cids.of(content[:MIB])))
    with pytest.raises(ContentCorrupt, match="repair"):
        store.get(cid)
    assert len(store.repair()) == 1
    assert store.get(cid) == content
    assert store.repair() == []


def test_a_damaged_root_block_is_corrupt_and_not_missing(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    store = sidecar.store()
    cid = store.put(os.urandom(2 * MIB))
    flip_a_byte(block_file(sidecar, cid))
    with pytest.raises(ContentCorrupt, match=cid):
        store.get(cid, timeout_seconds=1)


def test_garbage_collection_stops_at_a_node_block_that_it_cannot_read(start: Callable[..., Sidecar]) -> None:
    sidecar = start()
    store = sidecar.store()
    cid = store.put(os.urandom(2 * MIB))
    block_file(sidecar, cid).unlink()
    with pytest.raises(DaemonUnavailable, match="ENOENT"):
        store.collect_garbage()
    assert len(block_files(sidecar)) == 2


def test_a_lost_peer_is_dialled_again_when_it_is_back(start: Callable[..., Sidecar]) -> None:
    first, second = start("first"), start("second")
    store, peer = first.store(), second.store()
    port = int(peer.peer_address().split("/")[4])
    store.connect(peer.peer_address())
    second.kill()
    back = start("second", swarm_port=port).store()
    cid = back.put(b"put after the return")
    assert store.get(cid, timeout_seconds=30) == b"put after the return"


# the bundle


def test_the_bundle_is_one_file_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "sidecar.mjs"
    alone.parent.mkdir()
    shutil.copy(BUNDLE, alone)
    command = [part if part != str(BUNDLE) else str(alone) for part in sidecar_command(tmp_path / "folder")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        stdout: IO[str] | None = process.stdout
        assert stdout is not None
        assert json.loads(stdout.readline())["ready"] is True
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.communicate()


@pytest.mark.skipif(
    not (BUNDLE.parents[1] / "node_modules").is_dir(), reason="needs `npm ci --ignore-scripts` in node/sidecar"
)
def test_the_committed_bundle_is_the_build_of_its_sources() -> None:
    check = BUNDLE.parents[1] / "check_bundle.sh"
    run = subprocess.run(["sh", check], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
