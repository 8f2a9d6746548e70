"""Looks at this machine and says what is missing for Ten Wings, and what to do about it. Changes nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.config import MIB, Home
from node.errors import PrerequisiteError
from node.nodejs import node_executable
from node.services import REPOSITORY, find_anvil
from node.sidecar_process import BUNDLE
from node.stack import require_free_port

OK, WARN, FAIL = "ok", "warn", "fail"
PYTHON_VERSIONS = ((3, 11), (3, 12))
FLOWER_VERSION = "1.41.0"
DISK_FAIL_MIB = 500
DISK_WARN_MIB = 5_000
MEMORY_WARN_MIB = 4_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding."""

    name: str
    state: str
    """ok, warn (something optional is missing) or fail (Ten Wings will not run)."""
    found: str
    advice: str = ""
    """What to do; empty when ok."""


def examine(home: Home, ports: Mapping[str, int] | None = None) -> list[Check]:
    """Every check, in the order in which to mend them. `ports`: the ports that will be used, by their settings."""
    checks: list[Callable[[], Check]] = [
        _system, _python, _flower, _torch, _nodejs, _sidecar, _anvil, _forge, _compiler, _brownie, _browser,
        _memory, lambda: _state_folder(home), lambda: _disk(home.root),
    ]  # fmt: skip
    return [check() for check in checks] + [_port(setting, port) for setting, port in (ports or {}).items()]


def worst(checks: Iterable[Check]) -> str:
    """The worst state among the checks: ok, warn or fail."""
    order = [OK, WARN, FAIL]
    return max((check.state for check in checks), key=order.index, default=OK)


def _system() -> Check:
    found = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if sys.platform != "linux":
        return Check(name="system", state=FAIL, found=found, advice="use Linux (or WSL 2 on Windows, a VM on a Mac)")
    return Check(name="system", state=OK, found=found)


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info[:2] in PYTHON_VERSIONS:
        return Check(name="Python", state=OK, found=found)
    wanted = " or ".join(".".join(map(str, version)) for version in PYTHON_VERSIONS)
    return Check(name="Python", state=FAIL, found=found, advice=f"make the environment with Python {wanted}")


def _flower() -> Check:
    found = _installed("flwr")
    if found == FLOWER_VERSION:
        return Check(name="Flower", state=OK, found=found)
    advice = f"pip install flwr=={FLOWER_VERSION}; a voter or a dashboard does without"
    return Check(name="Flower", state=WARN, found=found or "not installed", advice=advice)


def _torch() -> Check:
    found = _installed("torch")
    if found and importlib.util.find_spec("torch") is not None:
        return Check(name="torch", state=OK, found=found)
    advice = "pip install torch==2.13.0 to train or evaluate; a voter or a dashboard does without"
    return Check(name="torch", state=WARN, found="not installed", advice=advice)


def _nodejs() -> Check:
    if kubo := os.environ.get("IPFS_API"):
        return Check(name="Node.js", state=OK, found=f"not needed: IPFS_API is {kubo}")
    try:
        return Check(name="Node.js", state=OK, found=str(node_executable()))
    except PrerequisiteError as error:
        return _failed("Node.js", error)


def _sidecar() -> Check:
    if BUNDLE.is_file() or os.environ.get("IPFS_API"):
        return Check(name="IPFS sidecar", state=OK, found=str(BUNDLE) if BUNDLE.is_file() else "not needed")
    advice = f"build it in {BUNDLE.parent.parent}: npm ci && npm run build"
    return Check(name="IPFS sidecar", state=FAIL, found="no bundle", advice=advice)


def _anvil() -> Check:
    try:
        path = find_anvil()
    except PrerequisiteError as error:
        return _failed("anvil", error)
    version = _first_line([path, "--version"])
    if not version:
        advice = f"run `npm ci` in {REPOSITORY} again: the binary must fit this system"
        return Check(name="anvil", state=FAIL, found=f"{path} does not run", advice=advice)
    return Check(name="anvil", state=OK, found=version)


def _forge() -> Check:
    packaged = REPOSITORY / "node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
    found = str(packaged) if packaged.is_file() else shutil.which("forge")
    return _optional("forge", found, f"run `npm ci` in {REPOSITORY} for the contracts' fuzz tests")


def _compiler() -> Check:
    needed = [REPOSITORY / "node_modules" / name for name in ("solc", "@openzeppelin/contracts")]
    missing = [path.name for path in needed if not path.is_dir()]
    found = None if missing else "solc and OpenZeppelin from npm"
    return _optional("Solidity", found, f"run `npm ci` in {REPOSITORY} to compile the contracts")


def _brownie() -> Check:
    advice = "pip install -e '.[contracts]' to test and deploy contracts"
    return _optional("brownie", _installed("eth-brownie"), advice)


def _browser() -> Check:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return _optional("Chromium", found, "apt install chromium, for the dashboard's browser tests alone")


def _memory() -> Check:
    total_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    if total_mib >= MEMORY_WARN_MIB:
        return Check(name="memory", state=OK, found=f"{total_mib} MiB")
    advice = f"a local run with three members wants about {MEMORY_WARN_MIB} MiB"
    return Check(name="memory", state=WARN, found=f"{total_mib} MiB", advice=advice)


def _state_folder(home: Home) -> Check:
    try:
        home.require(min_free_mib=0)
    except PrerequisiteError as error:
        return _failed("state folder", error)
    return Check(name="state folder", state=OK, found=str(home.root))


def _disk(folder: Path) -> Check:
    existing = next(path for path in (folder, *folder.parents) if path.is_dir())
    free_mib = shutil.disk_usage(existing).free // MIB
    state = FAIL if free_mib < DISK_FAIL_MIB else WARN if free_mib < DISK_WARN_MIB else OK
    advice = "" if state == OK else f"free some space under {existing}: checkpoints want {DISK_WARN_MIB} MiB"
    return Check(name="disk", state=state, found=f"{free_mib} MiB free", advice=advice)


def _port(setting: str, port: int) -> Check:
    try:
        require_free_port(port, setting)
    except PrerequisiteError as error:
        return _failed(f"port {port}", error)
    return Check(name=f"port {port}", state=OK, found=f"free ({setting})")


def _failed(name: str, error: PrerequisiteError) -> Check:
    found, _, advice = str(error).partition("; ")
    return Check(name=name, state=FAIL, found=found, advice=advice)


def _optional(name: str, found: str | None, advice: str) -> Check:
    if found:
        return Check(name=name, state=OK, found=found)
    return Check(name=name, state=WARN, found="not installed", advice=advice)


def _installed(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _first_line(command: list[str]) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next(iter(run.stdout.splitlines()), "")
