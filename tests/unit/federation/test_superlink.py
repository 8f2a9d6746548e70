"""Flower's processes as services: guarded, with keys and certificates of their own, and a bundle that never changes."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import ssl
import tomllib
import zipfile
from collections.abc import MutableMapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from flwr.supercore.constant import TaskType
from flwr.supercore.superexec.executor import ExecutionSpec

from federation import flower_hooks
from federation.flower_control import Federation
from federation.flower_guard import FleetOnly, may_pass
from federation.flower_superexec import CLIENT_APP_MODULE, ForkingExecutor, SuperExecSettings
from federation.flower_supernode import NotingPull, SuperNodeSettings
from federation.flower_tls import ensure_tls
from federation.superlink import build_fab, superlink_services, supernode_service
from node.config import Home
from node.errors import ConfigError, DaemonUnavailable
from node.stack import free_port

STRANGER, LOCAL = ("203.0.113.7", 40000), ("127.0.0.1", 40000)


def request(path: str, client: tuple[str, int] | None, kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "path": path, "client": client}


# the guard


@pytest.mark.parametrize("path", ["/v1/fleet/pull-messages", "/health"])
def test_a_stranger_reaches_the_fleet_endpoint_and_the_health_page(path: str) -> None:
    assert may_pass(request(path, STRANGER))


CLOSED = (
    *("/v1/control/start-run", "/v1/runtime/acquire-task", "/docs", "/openapi.json", "/", "/v1/fleet", "/healthy"),
    *("/v1/fleet/../control/start-run", "//v1/fleet/pull-messages", "/v1/FLEET/pull-messages"),
)


@pytest.mark.parametrize("path", CLOSED)
def test_a_stranger_reaches_nothing_else(path: str) -> None:
    assert not may_pass(request(path, STRANGER))


def test_a_stranger_opens_no_websocket_even_under_the_fleet_path() -> None:
    assert not may_pass(request("/v1/fleet/x", STRANGER, "websocket"))


@pytest.mark.parametrize("client", [LOCAL, ("::1", 1), ("127.0.0.53", 1), ("::ffff:127.0.0.1", 1)])
def test_loopback_reaches_everything(client: tuple[str, int]) -> None:
    assert may_pass(request("/v1/control/start-run", client))


@pytest.mark.parametrize("client", [None, ("", 0), ("localhost", 1), ("::ffff:203.0.113.7", 1), ("10.0.0.1", 1)])
def test_who_cannot_be_placed_on_loopback_is_a_stranger(client: tuple[str, int] | None) -> None:
    assert not may_pass(request("/v1/control/start-run", client))


def test_the_guard_answers_403_and_the_application_never_hears_of_it() -> None:
    heard: list[str] = []
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["path"])

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    guard = FleetOnly(app)
    for scope in (request("/v1/control/start-run", STRANGER), request("/v1/fleet/pull-messages", STRANGER)):
        asyncio.run(guard(scope, receive, send))
    assert heard == ["/v1/fleet/pull-messages"]
    assert sent[0]["status"] == 403


# certificates


def test_the_certificate_is_the_authoritys_and_covers_the_hosts(tmp_path: Path) -> None:
    folder = ensure_tls(tmp_path, ["train.example.org", "192.0.2.1"])
    server = x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(n.value) for n in names} == {"localhost", "127.0.0.1", "train.example.org", "192.0.2.1"}
    assert (folder / "server.key").stat().st_mode & 0o777 == 0o600
    ssl.create_default_context(cafile=str(folder / "ca.crt")).load_cert_chain(
        folder / "server.crt", folder / "server.key"
    )


def test_the_certificate_is_kept_until_another_host_is_asked_for(tmp_path: Path) -> None:
    first = (ensure_tls(tmp_path) / "server.crt").read_bytes()
    assert (ensure_tls(tmp_path) / "server.crt").read_bytes() == first
    assert (ensure_tls(tmp_path, ["train.example.org"]) / "server.crt").read_bytes() != first


# services


def test_the_superlink_listens_on_loopback_with_tls_a_database_and_a_secret(tmp_path: Path) -> None:
    home = Home(tmp_path)
    link, execute = superlink_services(home, 8123)
    settings = json.loads(link.argv[-1])
    assert (settings["host"], settings["port"]) == ("127.0.0.1", 8123)
    assert settings["database"] == str(home.flower_state)
    assert link.ports == {"--superlink-port": 8123}
    assert link.ready.target == "https://127.0.0.1:8123/health"
    assert link.env["FLWR_TELEMETRY_ENABLED"] == "0"
    assert execute.name == "superexec"
    assert home.superexec_secret.stat().st_mode & 0o777 == 0o600
    assert len(home.superexec_secret.read_bytes()) == 32
    assert home.superexec_secret.read_bytes().hex() not in str(link.argv)


def test_a_supernode_carries_its_members_key_and_a_configuration_of_any_text(tmp_path: Path) -> None:
    home = Home(tmp_path)
    service = supernode_service(home, "alice", "127.0.0.1:8123", {"member": "alice", "say": 'a "b" = c', "n": 3})
    settings = SuperNodeSettings.from_json(json.loads(service.argv[-1]))
    assert service.name == "supernode-alice"
    assert settings.node_key == str(home.member("alice").node_key)
    parsed = tomllib.loads(Path(settings.node_config).read_text())
    assert parsed == {"member": "alice", "say": 'a "b" = c', "n": 3}
    assert service.env["FLWR_HOME"] == str(home.member("alice").flower)
    assert service.restart
    assert service.ready_timeout_seconds >= 180


def test_two_nodes_share_neither_folder_nor_port_nor_secret(tmp_path: Path) -> None:
    services = [supernode_service(Home(tmp_path), name, "127.0.0.1:1", {}) for name in ("alice", "bob")]
    one, two = (SuperNodeSettings.from_json(json.loads(s.argv[-1])) for s in services)
    assert one.runtime_port != two.runtime_port
    assert one.node_id_file != two.node_id_file
    assert Path(one.superexec.secret_file).read_bytes() != Path(two.superexec.secret_file).read_bytes()


# which bundles run


def executor(approved: Path | None) -> ForkingExecutor:
    settings = SuperExecSettings(
        runtime_api="127.0.0.1:1",
        root_certificates="",
        secret_file="",
        heartbeat_seconds=10,
        task_module=CLIENT_APP_MODULE,
        approved_bundles=str(approved or ""),
    )
    return ForkingExecutor(settings)


def task(fab_hash: str, task_type: TaskType = TaskType.CLIENT_APP) -> ExecutionSpec:
    return ExecutionSpec(
        task_type=task_type,
        runtime_api_address="127.0.0.1:1",
        token="t",
        insecure=True,
        root_certificates_path=None,
        runtime_dependency_install=False,
        parent_pid=None,
        suppress_output=False,
        task_id=1,
        fab_hash=fab_hash,
    )


def test_a_bundle_runs_when_its_hash_is_on_the_list_and_the_list_is_read_anew(tmp_path: Path) -> None:
    approved = tmp_path / "approved"
    approved.write_text("aa\nbb\n")
    assert executor(approved).refusal(task("bb")) is None
    assert "bundle cc is not among the 2" in str(executor(approved).refusal(task("cc")))
    approved.write_text("cc")
    assert executor(approved).refusal(task("cc")) is None


def test_without_a_list_every_bundle_runs() -> None:
    assert executor(None).refusal(task("cc")) is None


def test_a_list_that_cannot_be_read_lets_nothing_run(tmp_path: Path) -> None:
    assert "cannot be read" in str(executor(tmp_path / "absent").refusal(task("cc")))


def test_a_node_starts_no_server_app() -> None:
    result = executor(None).launch(task("aa", TaskType.SERVER_APP))
    assert result.status == "failed"


def test_a_pulled_message_wakes_the_superexec_and_the_nodes_id_is_kept(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    pulled = iter([None, 7])
    state = type("State", (), {"get_node_id": lambda self: 42})()
    pull = NotingPull(lambda **_: next(pulled), tmp_path / "node_id", writer)
    assert pull(state=state) is None
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    assert pull(state=state) == 7
    assert os.read(reader, 1) == b"!"
    assert (tmp_path / "node_id").read_text() == "42"
    os.close(reader)
    os.close(writer)


# hooks


def test_a_hook_that_flower_has_moved_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"expected somewhere\.thing of Flower"):
        flower_hooks.replace(ModuleType("somewhere"), "thing", 1)
    with pytest.raises(RuntimeError, match="constant NO_SUCH_CONSTANT"):
        flower_hooks.replace_constant("NO_SUCH_CONSTANT", 1)


def test_the_installed_flower_is_the_one_the_hooks_were_written_for() -> None:
    flower_hooks.require_flower()


# the bundle


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name in ("federation/client_app.py", "node/records/runs.py", "node/abi/Run.json", "model/codec/vae.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f'"""{name}"""\n')
    (root / "pyproject.toml").write_text(
        '[project]\nname = "ten-wings"\nversion = "1.2.3"\ndependencies = ["torch"]\n'
        '[tool.flwr.app]\npublisher = "tenwings"\n'
        '[tool.flwr.app.components]\nserverapp = "federation.server_app:app"\nclientapp = "federation.client_app:app"\n'
        "[tool.flwr.app.config]\nrun-id = 0\n"
    )
    return root


def names(fab: bytes) -> set[str]:
    return set(zipfile.ZipFile(io.BytesIO(fab)).namelist())


def test_the_bundle_holds_our_packages_and_the_abis_alone(checkout: Path) -> None:
    for name in ("api/app.py", "tests/test_x.py", "node/sidecar/package.json", "node/sidecar/node_modules/a.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("{}")
    ours = {"federation/client_app.py", "node/records/runs.py", "node/abi/Run.json", "model/codec/vae.py"}
    assert names(build_fab(checkout)) == {"pyproject.toml", ".info/CONTENT", *ours}


def test_the_same_sources_make_the_same_bundle_whatever_their_times_and_the_development_tools(checkout: Path) -> None:
    first = hashlib.sha256(build_fab(checkout)).hexdigest()
    (checkout / "node" / "records" / "runs.py").touch()
    text = (checkout / "pyproject.toml").read_text()
    (checkout / "pyproject.toml").write_text(text.replace('["torch"]', '["torch", "ruff"]') + "[tool.ruff]\n")
    assert hashlib.sha256(build_fab(checkout)).hexdigest() == first


def test_another_source_makes_another_bundle(checkout: Path) -> None:
    first = build_fab(checkout)
    (checkout / "node" / "records" / "runs.py").write_text("")
    assert build_fab(checkout) != first


def test_a_checkout_without_an_app_table_is_refused(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\n')
    with pytest.raises(ConfigError, match=r"\[tool\.flwr\.app\]"):
        build_fab(checkout)


# the client


def test_a_superlink_that_does_not_answer_is_named(tmp_path: Path) -> None:
    port = free_port()
    with (
        Federation(f"127.0.0.1:{port}", ensure_tls(tmp_path) / "ca.crt") as federation,
        pytest.raises(DaemonUnavailable, match=f"127.0.0.1:{port}"),
    ):
        federation.nodes()


def test_a_file_that_is_no_public_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("not a key")
    with (
        Federation(f"127.0.0.1:{free_port()}", ensure_tls(tmp_path) / "ca.crt") as federation,
        pytest.raises(ConfigError, match=r"key\.pub"),
    ):
        federation.register_node(tmp_path / "key.pub", "0x00")
