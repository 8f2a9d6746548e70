"""The app bundle (FAB) that a run ships to every node: same sources, same bytes, so that its sha256 can be voted on."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from flwr.cli.build import build_fab_from_files

from node.errors import ConfigError

PACKAGES = ("federation", "node", "model")
MAX_BYTES = 10 * 1024 * 1024


def build_fab(root: Path) -> bytes:
    """The bundle of the checkout at `root`: the Python files of federation, node and model, the ABIs and a small
    pyproject.toml with [tool.flwr.app] of the root's.

    Raises ConfigError when that table is missing or the bundle is larger than Flower takes.
    """
    sources: dict[str, bytes | Path] = {p.relative_to(root).as_posix(): p for p in _sources(root)}
    files = {"pyproject.toml": tomli_w.dumps(_manifest(root)).encode(), **sources}
    return _bundle(files, root)


def build_app_fab(app: Path) -> bytes:
    """The bundle of a Flower app in a folder of its own, with its own pyproject.toml."""
    files = {p.relative_to(app).as_posix(): p for p in sorted(app.rglob("*")) if p.is_file()}
    return _bundle(files, app)


def _bundle(files: Mapping[str, bytes | Path], folder: Path) -> bytes:
    try:
        with warnings.catch_warnings():  # of a pattern class that Flower uses
            warnings.filterwarnings("ignore", "GitWildMatchPattern", DeprecationWarning)
            return build_fab_from_files(files)[0]
    except ValueError as error:
        raise ConfigError(f"expected sources in {folder} that Flower can bundle, got: {error}") from error


def _sources(root: Path) -> list[Path]:
    python = [p for package in PACKAGES for p in (root / package).rglob("*.py") if "node_modules" not in p.parts]
    return sorted([*python, *(root / "node" / "abi").glob("*.json")])


def _manifest(root: Path) -> dict[str, Any]:
    """Only what a node needs, so that a new development tool does not make a new bundle."""
    path = root / "pyproject.toml"
    try:
        raw = tomllib.loads(path.read_text())
        project, app = raw["project"], raw["tool"]["flwr"]["app"]
        keep = {key: app[key] for key in ("publisher", "components", "config") if key in app}
        described = {"name": project["name"], "version": project["version"], "license": "Apache-2.0"}
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"expected [project] and [tool.flwr.app] in {path}, got: {error!r}") from error
    return {"project": {**described, "dependencies": []}, "tool": {"flwr": {"app": keep}}}
