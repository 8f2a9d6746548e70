"""The coordinator's progress for people (bars and plain words) or for scripts (JSON lines)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from node.console import Out, loss

PHASES = ("round-opened", "training", "gated", "scoring", "cosigning", "committed")
Tell = Callable[[Mapping[str, Any]], None]


@contextmanager
def watch(out: Out, num_rounds: int) -> Iterator[Tell]:
    """A listener for the events of `num_rounds` rounds."""
    if out.as_json:
        yield lambda event: typer.echo(json.dumps(event, sort_keys=True))
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=out.console) as bar:
        task = bar.add_task("waiting for the coordinator", total=num_rounds * (len(PHASES) - 1))

        def tell(event: Mapping[str, Any]) -> None:
            if event["event"] in PHASES[1:]:
                bar.advance(task)
            if event["event"] == "round-failed":
                bar.update(task, completed=int(bar.tasks[task].completed) // (len(PHASES) - 1) * (len(PHASES) - 1))
            if words := _phase(event):
                bar.update(task, description=words)
            if line := _line(event):
                bar.console.print(line)

        yield tell


def _phase(event: Mapping[str, Any]) -> str:
    what = event["event"]
    if what == "training":
        return f"round {event['round']}: training on {escape(', '.join(event['members']))}"
    if what == "scoring":
        return f"round {event['round']}: scored by {escape(', '.join(event['members']))}"
    if what == "cosigning":
        return f"round {event['round']}: evaluators redo it and co-sign"
    return ""


def _line(event: Mapping[str, Any]) -> str:
    what = event["event"]
    if what == "committed":
        before, after = event["parent_heldout_loss_micro"], event["heldout_loss_micro"]
        change = 100 * (after - before) / max(1, before)
        line = f"[bold]round {event['round']}[/bold] committed: held-out loss {loss(before)} → {loss(after)} "
        line += f"({change:+.1f} %), {event['num_clients']} updates"
        refused = (f"{r['account']}: {r['reason']}: {r['detail']}" for r in event["refusals"])
        return line + "".join(f"\n  refused {escape(text)}" for text in refused)
    if what == "round-failed":
        return f"[red]round {event['round']} failed[/red]: {escape(event['detail'])}; the head stays, it is tried again"
    if what == "epoch-committed":
        return f"merit epoch {event['epoch']} committed: {event['members']} members, up to round {event['upto_round']}"
    return ""
