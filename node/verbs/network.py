"""Verbs of a state folder: what runs in it, stopping it, and what this machine lacks."""

from __future__ import annotations

import typer

from node.console import HomeOption, JsonOption, Out, Panel, find_home, verb
from node.doctor import FAIL, examine, worst
from node.errors import PrerequisiteError
from node.local_ports import Ports
from node.stack import group_status, stop_all


def add_verbs(app: typer.Typer) -> None:
    """Add `status`, `down` and `doctor`."""
    for command in (status, down, doctor):
        app.command(rich_help_panel=Panel.NETWORK)(command)


@verb
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What runs in this state folder."""
    found = find_home(home)
    rows = [
        {"group": group.group, "service": s.name, "state": s.state, "pid": s.pid, "restarts": s.restarts}
        for group in group_status(found)
        for s in group.services
    ]
    out = Out(as_json=as_json)
    out.table("services", rows)
    if any(r["service"] == "api" and r["state"] == "ready" for r in rows):
        out.say(f"dashboard: {Ports.of(found).api_url}")


@verb
def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop everything that runs in this state folder; its chain, keys and content stay."""
    found = find_home(home)
    groups = [g.group for g in group_status(found) if g.running]
    stop_all(found)
    Out(as_json=as_json).result({"stopped": groups}, f"stopped {', '.join(groups) or 'nothing: nothing was running'}")


@verb
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check every prerequisite on this machine and say how to mend what is missing."""
    checks = examine(find_home(home))
    Out(as_json=as_json).table(
        "prerequisites", [{"check": c.name, "state": c.state, "found": c.found, "what to do": c.advice} for c in checks]
    )
    if worst(checks) == FAIL:
        raise typer.Exit(PrerequisiteError.exit_code)
