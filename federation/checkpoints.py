"""A checkpoint as people name it: a file on this machine, a CID, or nothing for a run's head."""

from __future__ import annotations

from pathlib import Path

from federation.runs import require_run
from node.cid import parse
from node.config import Home
from node.errors import ConfigError
from node.records.content import Cid
from node.wiring import COORDINATOR, open_ledger, open_store


def find_checkpoint(home: Home, name: str, run_id: int) -> tuple[bytes, str]:
    """Return a checkpoint's bytes and what to call it: its CID, or the file's path.

    `name` is a path or a CID; empty means the head of `run_id`. Raises ConfigError for a name that is neither.
    """
    if name and Path(name).is_file():
        return Path(name).read_bytes(), name
    cid = _cid(name) if name else require_run(open_ledger(home), run_id).head_cid
    return open_store(home, COORDINATOR).get(cid), cid


def _cid(name: str) -> Cid:
    try:
        return parse(name)
    except ValueError as error:
        raise ConfigError(f"expected a checkpoint's file or CID, got {name!r}: no such file, and {error}") from error
