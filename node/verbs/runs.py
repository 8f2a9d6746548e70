"""Verbs of runs that read the chain alone."""

from __future__ import annotations

from typing import Annotated

import typer

from node.console import HomeOption, JsonOption, Out, find_home, loss, short, verb
from node.records.rounds import RoundStatus
from node.round_record import RoundRecord
from node.wiring import COORDINATOR, open_ledger, open_store

ROUND_WORDS = {
    RoundStatus.COMMITTED: "open to dispute",
    RoundStatus.DISPUTED: "disputed",
    RoundStatus.FINAL: "final",
    RoundStatus.VOIDED: "voided",
}


def add_verbs(run_app: typer.Typer) -> None:
    """Add `run ls` and `run show`."""
    run_app.command("ls")(run_ls)
    run_app.command("show")(run_show)


@verb
def run_ls(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All runs on chain."""
    ledger = open_ledger(find_home(home))
    rows = []
    for run_id in range(1, ledger.num_runs() + 1):
        run = ledger.run(run_id)
        last = ledger.round(run_id, run.head_round) if run.head_round else None
        rows.append(
            {
                "run": run_id,
                "name": run.params.name,
                "rounds": run.head_round,
                "head": run.head_cid if as_json else short(run.head_cid),
                "spec": f"v{run.spec_version}",
                "held-out loss": loss(last.commit.heldout_loss_micro) if last else "-",
            }
        )
    Out(as_json=as_json).table("runs", rows)


@verb
def run_show(
    run: Annotated[int, typer.Argument(help="Run id.")] = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One run: its rounds, held-out loss, and who was refused and why."""
    found = find_home(home)
    ledger, store = open_ledger(found), open_store(found, COORDINATOR)
    names = {m.account: m.name for m in ledger.members()}
    state = ledger.run(run)
    rows = []
    for committed in ledger.rounds(run):
        record = RoundRecord.from_bytes(store.get(committed.commit.record_cid))
        refused = [f"{names.get(r.account, r.account)}: {r.reason}" for r in record.refusals]
        rows.append(
            {
                "round": committed.commit.round,
                "status": ROUND_WORDS[committed.status],
                "held-out loss": loss(committed.commit.heldout_loss_micro),
                "updates": committed.commit.num_clients,
                "refused": "; ".join(refused) or "-",
                "spec": f"v{record.spec_version}",
                "checkpoint": committed.commit.checkpoint_cid if as_json else short(committed.commit.checkpoint_cid),
            }
        )
    Out(as_json=as_json).table(f"run {run}: {state.params.name}, spec v{state.spec_version}", rows)
