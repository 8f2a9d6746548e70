"""Replaces constants and hooks of the pinned Flower; `federation/superlink.py` says which and why.

Every replacement names what it replaces, so a Flower that moved it stops at its start with that name, not in a run.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import flwr

FLOWER_VERSION = "1.41.0"
RETRY_DELAY_MAX_SECONDS = 2


def require_flower() -> None:
    """Ends the process unless the installed Flower is the one that these replacements were written for."""
    if flwr.__version__ != FLOWER_VERSION:
        sys.exit(f"expected Flower {FLOWER_VERSION}, found {flwr.__version__}; pip install flwr=={FLOWER_VERSION}")


def quicken(heartbeat_seconds: float) -> None:
    """Notice sooner that a peer is gone (30 s between heartbeats), and that it is back (up to 20 s between retries)."""
    heartbeat = import_module("flwr.supercore.heartbeat")
    exponential = heartbeat.exponential
    replace(heartbeat, "exponential", lambda max_delay: exponential(max_delay=min(max_delay, RETRY_DELAY_MAX_SECONDS)))
    replace_constant("MAX_RETRY_DELAY", RETRY_DELAY_MAX_SECONDS)
    replace_constant("HEARTBEAT_DEFAULT_INTERVAL", heartbeat_seconds)


def replace(module: ModuleType, name: str, value: Any) -> None:
    """Raises RuntimeError when the module has no such name."""
    if not hasattr(module, name):
        raise RuntimeError(f"expected {module.__name__}.{name} of Flower {FLOWER_VERSION}, it is gone")
    setattr(module, name, value)


def replace_constant(name: str, value: Any) -> None:
    """In every module that has imported it by name, and where those get it from that will."""
    holders = [m for n, m in list(sys.modules.items()) if n.startswith("flwr.") and name in vars(m)]
    if not holders:
        raise RuntimeError(f"expected the constant {name} of Flower {FLOWER_VERSION}, it is gone")
    for module in holders:
        setattr(module, name, value)
