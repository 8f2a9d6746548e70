"""How each local daemon is started: the chain, the IPFS sidecar, the API. Flower's are in `federation/superlink.py`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from node.config import Home
from node.errors import PrerequisiteError
from node.sidecar_process import sidecar_command
from node.stack import Ready, Service

REPOSITORY = Path(__file__).resolve().parent.parent
ANVIL_PACKAGE = Path("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
LOCAL_CHAIN_ID = 31337
STATE_INTERVAL_SECONDS = 2
BLOCK_SECONDS = 1


def anvil_service(
    home: Home,
    port: int,
    *,
    chain_id: int = LOCAL_CHAIN_ID,
    num_accounts: int = 20,
    env: Mapping[str, str] | None = None,
    after: tuple[str, ...] | None = None,
) -> Service:
    """A local chain on loopback that comes back as it was, after a kill -9 too.

    It mines each transaction at once and an empty block every second besides: time passes, and a block's hash is
    unknown until it is mined.
    """
    state = home.chain_state
    options = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--accounts", str(num_accounts)]
    options += ["--state", str(state), "--state-interval", str(STATE_INTERVAL_SECONDS), "--quiet"]
    options += ["--block-time", str(BLOCK_SECONDS), "--mixed-mining"]
    options += ["--cache-path", str(state.parent / "cache")]
    return Service(
        name="chain",
        argv=(sys.executable, "-m", "node.anvil", str(state), find_anvil(), *options),
        env=dict(env or {}),
        ready=Ready.tcp("127.0.0.1", port),
        restart=True,
        restart_delay_seconds=0.5,
        after=after,
        ports={"--chain-port": port},
    )


def sidecar_service(
    home: Home,
    node: str,
    *,
    api_port: int,
    swarm_port: int,
    swarm_host: str = "127.0.0.1",
    env: Mapping[str, str] | None = None,
    after: tuple[str, ...] | None = None,
) -> Service:
    """One participant's IPFS node; its client is `IpfsStore.from_folder(home.ipfs(node))`.

    Port 0: any free one. `swarm_host`: the IPv4 address on which other nodes reach it.
    """
    ports = {f"IPFS API port of {node}": api_port, f"IPFS swarm port of {node}": swarm_port}
    command = sidecar_command(home.ipfs(node), api_port=api_port, swarm_port=swarm_port, swarm_host=swarm_host)
    return Service(
        name=f"ipfs-{node}",
        argv=tuple(command),
        env=dict(env or {}),
        ready=Ready.log(r'"ready"\s*:\s*true'),
        restart=True,
        after=after,
        ports={setting: port for setting, port in ports.items() if port},
    )


def api_service(
    home: Home,
    port: int,
    *,
    options: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    after: tuple[str, ...] | None = None,
) -> Service:
    """The HTTP API with the dashboard."""
    return Service(
        name="api",
        argv=(sys.executable, "-m", "api", "--home", str(home.root), "--port", str(port), *options),
        env=dict(env or {}),
        ready=Ready.http(f"http://127.0.0.1:{port}/health"),
        restart=True,
        after=after,
        ports={"--api-port": port},
    )


def find_anvil() -> str:
    """Path of the native binary: the npm package's, else the one on PATH. Raises PrerequisiteError."""
    packaged = REPOSITORY / ANVIL_PACKAGE
    found = str(packaged) if packaged.is_file() else shutil.which("anvil")
    if found is None:
        raise PrerequisiteError(f"expected anvil in {packaged} or on PATH, found none; run `npm ci` in {REPOSITORY}")
    return found
