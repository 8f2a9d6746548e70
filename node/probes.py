"""One look at whether a service can be used: HTTP, TCP, a line in its log, a file."""

from __future__ import annotations

import re
import socket
import ssl
import urllib.request
from http.client import HTTPException
from pathlib import Path

from node.processes import without_colours
from node.stack import Ready

TIMEOUT_SECONDS = 1.0


def is_ready(ready: Ready, log: Path, log_offset: int) -> bool:
    """Whether it can be used now; `log_offset` is where this start's log begins, in bytes."""
    if ready.kind == "http":
        return _answers_200(ready.target, ready.ca_file)
    if ready.kind == "tcp":
        return _accepts(ready.target)
    if ready.kind == "log":
        return _has_line(log, log_offset, ready.target)
    if ready.kind == "file":
        return Path(ready.target).exists()
    return True


def _answers_200(url: str, ca_file: str) -> bool:
    context = ssl.create_default_context(cafile=ca_file) if ca_file and Path(ca_file).exists() else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
            return bool(response.status == 200)
    except (OSError, HTTPException):
        return False


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _has_line(log: Path, offset: int, pattern: str) -> bool:
    with log.open("rb") as file:
        file.seek(offset)
        text = file.read().decode(errors="replace")
    return any(re.search(pattern, line) for line in without_colours(text).splitlines())
