"""Runs anvil so that its chain outlives a kill -9: `python -m node.anvil <state file> <anvil> <arguments>`.

anvil writes its state in place every few seconds, so a kill in that moment leaves half a file, with which it would not
start again. We keep a copy of the last whole one and fall back to it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from node.processes import die_with_parent

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 0.3
COPY_SHARE = 0.05
"""At most this share of the time goes into copies of a state that grew large."""


def main() -> int:
    """Returns anvil's exit code; SIGTERM is passed on, so that anvil writes its state."""
    state, *command = sys.argv[1:]
    restore(Path(state))
    process = subprocess.Popen(command, preexec_fn=die_with_parent)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda number, _: process.send_signal(number))
    _keep_copies(Path(state), process)
    code = process.wait()
    return code if code >= 0 else 128 - code


def restore(state: Path) -> None:
    """Leave a whole state in place: the file itself, else the copy, else none (a new chain)."""
    copy = copy_path(state)
    if is_whole(state):
        return
    if state.exists():
        os.replace(state, state.with_suffix(".broken.json"))
    if is_whole(copy):
        shutil.copyfile(copy, state)


def keep_copy(state: Path) -> bool:
    """Copy the state; False, and the copy stays as it is, when just now there is half of it or nothing new."""
    data, copy = state.read_bytes(), copy_path(state)
    if not _is_whole(data) or (copy.exists() and copy.stat().st_size == len(data) and copy.read_bytes() == data):
        return False
    temporary = state.with_suffix(".copying")
    temporary.write_bytes(data)
    os.replace(temporary, copy)
    return True


def is_whole(path: Path) -> bool:
    """Whether the file holds one complete JSON value."""
    return path.exists() and _is_whole(path.read_bytes())


def copy_path(state: Path) -> Path:
    return state.with_suffix(".previous.json")


def _is_whole(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _keep_copies(state: Path, process: subprocess.Popen[bytes]) -> None:
    looked_at, not_before = 0.0, 0.0
    while process.poll() is None:
        time.sleep(LOOK_SECONDS)
        written_at = state.stat().st_mtime if state.exists() else 0.0
        settled = time.time() - written_at > SETTLE_SECONDS
        if written_at > looked_at and settled and time.monotonic() > not_before:
            begun, looked_at = time.monotonic(), written_at
            keep_copy(state)
            not_before = begun + (time.monotonic() - begun) / COPY_SHARE


if __name__ == "__main__":
    sys.exit(main())
