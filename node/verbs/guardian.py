"""Verbs of the guardian: who it is, and its one right, to cancel a proposal or to pause a run."""

from __future__ import annotations

from typing import Annotated

import typer

from node.console import AsOption, HomeOption, JsonOption, Out, Panel, find_home, verb
from node.errors import ConfigError
from node.wiring import open_desk, open_ledger

MAX_HOURS = 168.0


def add_verbs(app: typer.Typer) -> None:
    """Add the group `guardian`."""
    guardian_app = typer.Typer(help="The guardian's one right: to cancel or to pause.", no_args_is_help=True)
    for name, command in (("show", guardian_show), ("cancel", guardian_cancel), ("pause", guardian_pause)):
        guardian_app.command(name)(command)
    app.add_typer(guardian_app, name="guardian", rich_help_panel=Panel.DECIDE)


@verb
def guardian_show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who is the guardian, until when, and whether its right is unused."""
    ledger = open_ledger(find_home(home))
    state, now = ledger.guardian(), ledger.latest_block().timestamp
    if state is None:
        Out(as_json=as_json).result({"account": None}, "there is no guardian")
        return
    stands = "its term is over" if now >= state.ends_at else "may act once" if state.armed else "has used its right"
    Out(as_json=as_json).result(
        {"account": state.account, "ends_at": state.ends_at, "armed": state.armed and now < state.ends_at},
        f"{state.account} until {state.ends_at}: {stands}",
    )


@verb
def guardian_cancel(
    proposal: Annotated[int, typer.Argument(help="Proposal id.")],
    name: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """As the guardian, stop a proposal that is not executed yet. Your account pays the gas."""
    open_desk(find_home(home), name).ledger.cancel_as_guardian(proposal)
    Out(as_json=as_json).result({"proposal": str(proposal), "state": "canceled"}, f"proposal {proposal} is canceled")


@verb
def guardian_pause(
    run: Annotated[int, typer.Argument(help="Run id.")],
    name: AsOption,
    hours: Annotated[float, typer.Option(help="How long; at most 168.")] = 24.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """As the guardian, refuse a run's rounds for a while. Your account pays the gas."""
    if not 0 < hours <= MAX_HOURS:
        raise ConfigError(f"--hours: expected more than 0 and at most {MAX_HOURS:g}, got {hours:g}")
    ledger = open_desk(find_home(home), name).ledger
    until = ledger.latest_block().timestamp + max(1, round(hours * 3600))
    ledger.pause_as_guardian(run, until)
    Out(as_json=as_json).result({"run": run, "until": until}, f"run {run} is paused until {until}")
