"""Flower's entry point on the coordinator: opens the ports and runs the rounds; composition only."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from federation.coordinator import Coordinator
from federation.flower_control import pem_digest
from federation.journal import Journal
from federation.messages import HeldoutTask, task_to_json
from federation.rounds import run_rounds
from federation.worker import ask
from node.config import Home
from node.errors import TenWingsError
from node.wiring import COORDINATOR, open_identity, open_ledger, open_store

app = ServerApp()


@dataclass(frozen=True, kw_only=True)
class ProgressFile:
    """Progress as JSON lines that `tenwings train` follows."""

    path: Path

    def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        line = json.dumps({"at": round(time.time(), 3), "event": event, **details})
        with self.path.open("a") as file:
            file.write(line + "\n")


def progress_path(home: Home, run_id: int) -> Path:
    """Where the coordinator of a run reports."""
    return home.run(run_id) / "progress.jsonl"


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run `num-rounds` rounds of run `run-id` from the chain's head."""
    config = context.run_config
    home, run_id = Home(Path(str(config["home"]))), int(str(config["run-id"]))
    identity = open_identity(home, COORDINATOR)
    socket = home.member(COORDINATOR).worker_socket
    progress = ProgressFile(path=progress_path(home, run_id))

    def heldout(task: HeldoutTask) -> int:
        return int(ask(socket, task_to_json(task))["heldout_loss_micro"])

    coordinator = Coordinator(
        grid=grid,
        ledger=open_ledger(home, identity),
        store=open_store(home, COORDINATOR),
        heldout=heldout,
        journal=Journal(path=home.run(run_id) / "journal.json"),
        run_id=run_id,
        progress=progress,
        key_digest=pem_digest,
    )
    try:
        run_rounds(coordinator, int(str(config["num-rounds"])))
    except TenWingsError as error:
        progress("stopped", {"error": str(error), "exit_code": error.exit_code})
        raise
    progress("finished", {"run_id": run_id})
