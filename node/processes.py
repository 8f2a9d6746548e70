"""The process table as we need it (Linux /proc): who carries a mark, and how all of them are ended."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from pathlib import Path

MARK_VARIABLE = "TENWINGS_STACK"
SERVICE_VARIABLE = "TENWINGS_SERVICE"
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """Have the kernel send us `sig` when the thread that forked us ends (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(PR_SET_PDEATHSIG, int(sig), 0, 0, 0)


def marked(mark: str, service: str | None = None) -> list[int]:
    """Ids of the living processes whose environment carries this group's mark (and this service's name)."""
    wanted = {f"{MARK_VARIABLE}={mark}".encode()}
    if service is not None:
        wanted.add(f"{SERVICE_VARIABLE}={service}".encode())
    return [pid for pid in _pids() if wanted <= set(_environ(pid)) and is_alive(pid)]


def end_marked(mark: str, service: str | None = None, *, grace_seconds: float) -> list[int]:
    """SIGTERM, then after the grace SIGKILL to every marked process; returns the ids that were found at first."""
    found = marked(mark, service)
    _signal_all(found, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while (left := marked(mark, service)) and time.monotonic() < deadline:
        time.sleep(0.1)
    while left:
        _signal_all(left, signal.SIGKILL)
        time.sleep(0.05)
        left = marked(mark, service)
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def is_supervisor(pid: int | None, plan_path: Path) -> bool:
    """Whether this process is the supervisor that runs this plan, and not another that got its number."""
    if pid is None or not is_alive(pid):
        return False
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(plan_path) in arguments


def without_colours(text: str) -> str:
    return _COLOUR.sub("", text)


def _pids() -> list[int]:
    ours = os.getpid()
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != ours]


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _signal_all(pids: list[int], sig: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            continue
