"""Flower's SuperNode as we run it: `python -m federation.flower_supernode JSON`, with its SuperExec in a fork."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from flwr.proto.fleet_pb2 import DeactivateNodeRequest
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from federation.flower_hooks import quicken, replace, require_flower
from federation.flower_superexec import SuperExecSettings, prepare, run_superexec
from node.processes import die_with_parent

REPLY_POLL_SECONDS = 0.1
REJOIN_PAUSE_SECONDS = 2.0
"""Long enough for a ServerApp that polls to see that the node was gone with what it was working on."""


@dataclass(frozen=True, kw_only=True)
class SuperNodeSettings:
    """What the process is told."""

    superlink: str
    """host:port"""
    root_certificates: str
    node_key: str
    node_config: str
    """TOML file."""
    node_id_file: str
    """Where the node keeps the id that the SuperLink gave it, to sign itself off after a crash."""
    runtime_port: int
    pull_seconds: float
    superexec: SuperExecSettings

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> SuperNodeSettings:
        return cls(**{**raw, "superexec": SuperExecSettings.from_json(raw["superexec"])})


def run_supernode(settings: SuperNodeSettings) -> None:
    """Flower's SuperNode, and in a fork of it the SuperExec that starts its ClientApps."""
    signed_off_at = _sign_off_after_crash(settings)
    command = import_module("flwr.supernode.cli.flower_supernode")
    node_module = import_module("flwr.supernode.start_client_internal")
    import_module("flwr.supernode.main")
    prepare(settings.superexec)
    time.sleep(max(0.0, signed_off_at + REJOIN_PAUSE_SECONDS - time.monotonic()))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        die_with_parent(signal.SIGTERM)
        run_superexec(settings.superexec, wake=reader)
        os._exit(1)
    os.close(reader)
    threading.Thread(target=_end_with, args=(child,), daemon=True).start()
    quicken(settings.superexec.heartbeat_seconds)
    replace(node_module, "time", SimpleNamespace(sleep=_node_sleep(settings.pull_seconds)))
    pull = NotingPull(node_module._pull_and_store_message, Path(settings.node_id_file), writer)
    replace(node_module, "_pull_and_store_message", pull)
    sys.argv = ["flower-supernode", "--superlink", settings.superlink]
    sys.argv += ["--root-certificates", settings.root_certificates]
    sys.argv += ["--auth-supernode-private-key", settings.node_key, "--node-config", settings.node_config]
    sys.argv += ["--host", "127.0.0.1", "--port", str(settings.runtime_port), "--isolation", "process"]
    sys.argv += ["--superexec-auth-secret-file", settings.superexec.secret_file]
    command.flower_supernode()


def _sign_off_after_crash(settings: SuperNodeSettings) -> float:
    """End the session that a killed predecessor left, else the SuperLink refuses us until it expires.

    Returns when that was, on the monotonic clock in seconds; minus infinity when there was none.
    """
    id_file = Path(settings.node_id_file)
    if not id_file.exists():
        return -math.inf
    key: Any = load_ssh_private_key(Path(settings.node_key).read_bytes(), None)
    interceptors = [RuntimeVersionHttpInterceptor(component_name="SuperNode")]
    signer = NodeAuthHttpInterceptor(key, key.public_key())
    try:
        with FleetHttpClient.from_server_address(
            settings.superlink, False, settings.root_certificates, interceptors=[*interceptors, signer]
        ) as client:
            client.DeactivateNode(DeactivateNodeRequest(node_id=int(id_file.read_text())))
    except (httpx.HTTPError, ValueError):
        return -math.inf  # it was signed off, or there is nobody to tell: signing on will say what is wrong
    return time.monotonic()


class NotingPull:
    """Flower's pull, which also keeps the node's id and wakes the SuperExec when there is a task for it."""

    def __init__(self, pull: Callable[..., int | None], id_file: Path, wake: int) -> None:
        self.pull = pull
        self.id_file = id_file
        self.wake = wake
        self.node_id: int | None = None

    def __call__(self, **kwargs: Any) -> int | None:
        if self.node_id is None:
            self.node_id = kwargs["state"].get_node_id()
            self.id_file.write_text(str(self.node_id))
        run_id = self.pull(**kwargs)
        if run_id is not None:
            os.write(self.wake, b"!")
        return run_id


def _node_sleep(pull_seconds: float) -> Callable[[float], None]:
    """For Flower's 3 s between two pulls and its 0.5 s between two looks for the ClientApp's reply."""
    return lambda seconds: time.sleep(pull_seconds if seconds >= 1 else REPLY_POLL_SECONDS)


def _end_with(child: int) -> None:
    os.waitpid(child, 0)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    require_flower()
    run_supernode(SuperNodeSettings.from_json(json.loads(sys.argv[1])))
