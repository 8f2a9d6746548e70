"""How the embedded IPFS node is started, and how one knows that it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from node.errors import DaemonUnavailable
from node.ipfs import IpfsStore
from node.nodejs import node_executable

BUNDLE = Path(__file__).parent / "sidecar" / "dist" / "sidecar.mjs"
_POLL_SECONDS = 0.05


def sidecar_command(
    folder: Path,
    *,
    api_port: int = 0,
    swarm_port: int = 0,
    swarm_host: str = "127.0.0.1",
    exit_with_stdin: bool = False,
) -> list[str]:
    """The command line of an IPFS node that keeps everything in `folder`; it needs no environment variables.

    Port 0 is any free port. The API is for this machine alone; `swarm_host` is the IPv4 address on which other nodes
    reach this one. With `exit_with_stdin` it ends when its standard input closes, so it cannot outlive who holds the
    other end of the pipe. SIGTERM ends it with code 0. Raises PrerequisiteError when there is no Node.js.
    """
    command = [str(node_executable()), str(BUNDLE), str(folder)]
    command += ["--api-port", str(api_port), "--swarm-port", str(swarm_port), "--swarm-host", swarm_host]
    return [*command, "--exit-with-stdin"] if exit_with_stdin else command


def wait_for_sidecar(
    folder: Path, *, timeout_seconds: float = 30.0, is_alive: Callable[[], bool] = lambda: True
) -> IpfsStore:
    """The store of the sidecar in `folder`, once it answers to the folder's token.

    `is_alive` says whether the process still runs; DaemonUnavailable when it does not, or after the timeout. An `api`
    file that a killed sidecar left behind is not taken for a live one.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        alive = is_alive()
        try:
            store = IpfsStore.from_folder(folder)
            store.version()
        except DaemonUnavailable as error:
            if not alive or time.monotonic() > deadline:
                what = f"did not answer within {timeout_seconds:g} seconds" if alive else "ended while it started"
                raise DaemonUnavailable(f"the IPFS sidecar in {folder} {what}; read its log ({error})") from error
            time.sleep(_POLL_SECONDS)
        else:
            return store
