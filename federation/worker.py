"""A node's resident process: holds torch, shards and checkpoints between messages, spoken to over a local socket.

Flower starts a new process for every message; importing torch there each time would cost more than the work. So the
ClientApp is thin and passes each task to this process: `python -m federation.worker --home HOME --member NAME`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from node.config import Home
from node.errors import DaemonUnavailable, TenWingsError

log = logging.getLogger("tenwings.worker")
Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


def ask(socket: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """One request, one reply, as JSON. Raises DaemonUnavailable when the worker is down or fails."""
    try:
        with Client(str(socket), family="AF_UNIX") as connection:
            connection.send_bytes(json.dumps(request).encode())
            answer = connection.recv_bytes()
    except (OSError, EOFError) as error:
        raise DaemonUnavailable(
            f"expected this node's worker at {socket}, it does not answer ({error}); is the node started?"
        ) from error
    try:
        reply = _object(answer)
    except ValueError as error:
        raise DaemonUnavailable(f"expected a JSON object from the worker at {socket}: {error}") from error
    if "error" in reply:
        raise DaemonUnavailable(f"the worker at {socket} failed: {reply['error']}")
    return reply


def serve(socket: Path, handle: Handler) -> None:
    """Answer requests one after another, for ever. A request that fails is answered with its error."""
    socket.unlink(missing_ok=True)
    with Listener(str(socket), family="AF_UNIX") as listener:
        socket.chmod(0o600)
        log.info("worker ready at %s", socket)
        while True:
            try:
                with listener.accept() as connection:
                    reply = _answer(connection.recv_bytes(), handle)
                    connection.send_bytes(json.dumps(reply).encode())
            except (OSError, EOFError) as error:
                log.warning("a client went away: %s", error)


def _answer(request: bytes, handle: Handler) -> dict[str, Any]:
    try:
        return handle(_object(request))
    except (TenWingsError, ValueError, RuntimeError, ArithmeticError, OSError) as error:
        log.error("request failed: %s", traceback.format_exc())
        return {"error": f"{type(error).__name__}: {error}"}


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")
    return value


def resident_handler(home: Home, name: str) -> Handler:
    """The handler of a member's node, or of the coordinator's (which measures held-out losses)."""
    import torch

    from federation.messages import task_from_json
    from federation.resident import Resident
    from node.wiring import open_identity, open_ledger, open_met_store

    torch.set_num_threads(int(os.environ.get("TENWINGS_THREADS", "1")))
    identity = open_identity(home, name)
    resident = Resident(
        identity=identity,
        ledger=open_ledger(home, identity),
        store=open_met_store(home, name),
        folder=home.member(name).root,
    )

    def handle(request: Mapping[str, Any]) -> dict[str, Any]:
        open_met_store(home, name)  # either IPFS node may have been restarted since
        return resident.handle(task_from_json(dict(request)))

    return handle


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--member", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    home = Home(arguments.home)
    serve(home.member(arguments.member).worker_socket, resident_handler(home, arguments.member))


if __name__ == "__main__":
    main()
