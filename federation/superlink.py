"""Flower's processes as services of ours: SuperLink, SuperExec, SuperNodes.

Only here and in `flower_*.py` do we touch what is internal to Flower (the version is pinned). What we replace:

| Flower 1.41.0 | here | why |
| --- | --- | --- |
| Control and Runtime API open to who reaches the port | `flower_guard` | a run ships code to every node |
| SuperNode pulls every 3 s, looks for a reply every 0.5 s | `pull_seconds`, 0.1 s | a message phase waits for both |
| SuperExec asks for tasks every 1 s | woken through a pipe by its SuperNode | the same, and no idle polling |
| a new `flwr-clientapp` process per message | a fork of the SuperExec | imports are paid once, not per message |
| heartbeat 30 s, gone after 60 s | 10 s (the protocol's minimum), gone after 20 s | a dead node is noticed sooner |
| up to 20 s between retries | 2 s | a SuperLink that is back is noticed before it counts its nodes as gone |
| a killed SuperNode is refused for 60 s | signs its old session off | back in seconds; its message gets an error |
| any bundle runs on a node | `approved_bundles` | the code is voted on; a refused one gets an error reply |
| access log line per poll, endless graceful stop | off; 3 s | disk; a quick stop |
| nine layers of middleware, five of them idle | four | 11 ms of CPU per request instead of 15 |
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import tomli_w

from federation.flower_bundle import build_app_fab, build_fab
from federation.flower_control import Federation, FlowerNode, FlowerRun, RunValue
from federation.flower_tls import LOCAL_HOSTS, ensure_tls
from node.config import Home
from node.stack import Ready, Service, free_port

__all__ = [
    "Federation",
    "FlowerNode",
    "FlowerRun",
    "RunValue",
    "build_app_fab",
    "build_fab",
    "flower_environment",
    "superlink_services",
    "supernode_service",
]

HEARTBEAT_SECONDS = 10.0
PULL_SECONDS = 0.5
SUPEREXEC_POLL_SECONDS = 0.5
SERVER_PRELOAD = ("eth_account", "web3", "ipfshttpclient")
"""What our ServerApp imports from others: imported while nothing runs, so that a run starts 2 s of CPU sooner."""


def superlink_services(
    home: Home,
    port: int,
    *,
    host: str = "127.0.0.1",
    names: Sequence[str] = (),
    preload: Sequence[str] = SERVER_PRELOAD,
    after: tuple[str, ...] = (),
) -> list[Service]:
    """The SuperLink with its database, and the SuperExec that runs ServerApps and survives the SuperLink's crash.

    `host`: what it listens on; from outside the guard lets only the fleet endpoint be reached. `names`: host names and
    addresses, besides localhost, under which nodes will reach it (for the certificate).
    """
    tls = ensure_tls(home.flower_tls, [*LOCAL_HOSTS, *names])
    secret = _ensure_secret(home.superexec_secret)
    link = {
        "host": host, "port": port, "tls": str(tls), "database": str(home.flower_state),
        "secret_file": str(secret), "heartbeat_seconds": HEARTBEAT_SECONDS,
    }  # fmt: skip
    execute = {
        **_superexec(f"127.0.0.1:{port}", secret, preload),
        "root_certificates": str(tls / "ca.crt"), "task_module": "flwr.superlink.runtime.run_serverapp",
    }  # fmt: skip
    env = flower_environment(home.flower)
    return [
        Service(
            name="superlink",
            argv=_argv("superlink", link),
            env=env,
            ready=Ready.http(f"https://127.0.0.1:{port}/health", tls / "ca.crt"),
            restart=True,
            restart_delay_seconds=0.5,
            after=after,
            ports={"--superlink-port": port},
        ),
        Service(
            name="superexec",
            argv=_argv("superexec", execute),
            env={**env, "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": str(SUPEREXEC_POLL_SECONDS)},
            restart=True,
            after=after,
        ),
    ]


def supernode_service(
    home: Home,
    member: str,
    superlink_address: str,
    node_config: Mapping[str, RunValue],
    *,
    root_certificates: Path | None = None,
    approved_bundles: Path | None = None,
    preload: Sequence[str] = (),
    pull_seconds: float = PULL_SECONDS,
    env: Mapping[str, str] | None = None,
    after: tuple[str, ...] | None = None,
) -> Service:
    """One member's SuperNode with what starts its ClientApps; the member's node key must exist and be registered.

    `node_config` is what ClientApps see as `context.node_config`. `approved_bundles`: a file with the sha256 of an app
    bundle on each line, read anew for each task; without it any bundle runs. `env` reaches the ClientApps.
    `preload`: others' modules that a ClientApp imports; paid once, not per message. Never torch: tasks are forks.
    """
    own = home.member(member)
    config = own.flower / "node_config.toml"
    config.write_text(tomli_w.dumps(dict(node_config)))
    runtime_port = free_port()
    secret = _ensure_secret(own.flower / "superexec.secret")
    settings = {
        "superlink": superlink_address,
        "root_certificates": str(root_certificates or home.flower_tls / "ca.crt"),
        "node_key": str(own.node_key),
        "node_config": str(config),
        "node_id_file": str(own.flower / "node_id"),
        "runtime_port": runtime_port,
        "pull_seconds": pull_seconds,
        "superexec": {
            **_superexec(f"127.0.0.1:{runtime_port}", secret, preload),
            "root_certificates": "",
            "task_module": "flwr.supernode.runtime.run_clientapp",
            "approved_bundles": str(approved_bundles or ""),
        },
    }
    return Service(
        name=f"supernode-{member}",
        argv=_argv("supernode", settings),
        env={**flower_environment(own.flower), "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "2", **(env or {})},
        ready=Ready.log("SuperNode ID: "),
        ready_timeout_seconds=200,
        restart=True,
        restart_delay_seconds=0.5,
        retry_start=True,
        after=after,
    )


def flower_environment(flower_home: Path) -> dict[str, str]:
    """What every Flower process needs: its own folder, nothing sent home, nothing installed at run time."""
    binaries = str(Path(sys.executable).parent)
    path = [binaries, *[p for p in os.environ.get("PATH", "").split(os.pathsep) if p and p != binaries]]
    return {
        "FLWR_HOME": str(flower_home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "GRPC_ENABLE_FORK_SUPPORT": "0",
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join(path),
    }


def _superexec(runtime_api: str, secret: Path, preload: Sequence[str]) -> dict[str, object]:
    return {
        "runtime_api": runtime_api,
        "secret_file": str(secret),
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "preload": list(preload),
    }


def _argv(kind: str, settings: Mapping[str, object]) -> tuple[str, ...]:
    return (sys.executable, "-m", f"federation.flower_{kind}", json.dumps(settings))


def _ensure_secret(path: Path) -> Path:
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    return path
