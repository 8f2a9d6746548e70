"""An audit's verdicts for people and scripts, one line each."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from federation.audit import audit as replay
from node import wiring
from node.config import Home
from node.console import Out, loss
from node.errors import AuditFailed


def audit_run(home: Home, run: int, out: Out) -> None:
    """Print a verdict per round. Raises AuditFailed with the first thing that does not hold."""
    first: AuditFailed | None = None
    for verdict in replay(wiring.open_ledger(home), wiring.open_store(home, wiring.COORDINATOR), run):
        out.result(vars(verdict), _verdict_text(vars(verdict)))
        if not verdict.holds and first is None:
            first = AuditFailed(verdict.detail, round_number=verdict.round, subject=verdict.subject)
    if first is not None:
        raise first


def _verdict_text(verdict: dict[str, Any]) -> str:
    where = f"round {verdict['round']}" if verdict["round"] else "start"
    if not verdict["holds"]:
        return f"[red]✗[/red] {where}, {verdict['what']}: {escape(verdict['subject'])}: {escape(verdict['detail'])}"
    if verdict["what"] == "voided round":
        return f"[yellow]−[/yellow] {where} is voided: it counts no more, nothing of it was replayed"
    facts = ""
    if verdict["what"] == "round":
        facts = (
            f": {verdict['num_updates']} updates, {verdict['num_refused']} refused, "
            f"held-out loss {loss(verdict['heldout_loss_micro'])}"
        )
    note = f"; {escape(verdict['note'])}" if verdict["note"] else ""
    return f"[green]✓[/green] {where}, {verdict['what']} holds{facts}{note}"
