"""The verb that proposes: a form for each decision, with its effect, its kind and, for a spec, the difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from federation.verbs.network import parse_settings
from node.console import AsOption, HomeOption, JsonOption, Out, Panel, RunOption, find_home, verb
from node.errors import ConfigError
from node.forms import Plan, plan
from node.membership import MemberDesk
from node.verbs.proposals import send_or_wait
from node.wiring import open_desk, open_identity


def add_verbs(app: typer.Typer) -> None:
    """Add this file's verb to the command."""
    app.command(rich_help_panel=Panel.DECIDE)(propose)


@verb
def propose(
    words: Annotated[list[str], typer.Argument(help="SECTION.NAME=VALUE of the run spec, or a form and its words.")],
    name: AsOption,
    why: Annotated[str, typer.Option(help="Reason, public.")] = "",
    article: Annotated[int, typer.Option(help="Of the charter; 0: the one that the form serves.")] = 0,
    sponsor: Annotated[list[str] | None, typer.Option(help="Another member of this state folder who signs.")] = None,
    draft: Annotated[Path | None, typer.Option(help="Write it here for sponsors elsewhere to sign.")] = None,
    run: RunOption = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a decision; prints what it does and what kind of vote it takes."""
    found = find_home(home)
    desk, out = open_desk(found, name), Out(as_json=as_json)
    wanted = _plan(desk, run, words)
    signed = desk.draft(wanted.actions, wanted.text(why), article or wanted.article)
    for other in sponsor or []:
        signed = signed.signed_by(open_identity(found, other), desk.ledger.domain("TenWingsGovernor"))
    _show(desk, wanted, out)
    if draft is not None:
        signed.save(draft)
        send_or_wait(desk, signed, draft, out)
        return
    if missing := desk.missing_sponsors(signed):
        raise ConfigError(
            f"expected {missing} more to sign this proposal; name members of this state folder with --sponsor, or "
            "write it to a file for others with --draft"
        )
    number = desk.send(signed)
    result = {"proposal": str(number), "kind": _kind(desk, wanted), "effect": wanted.effect}
    out.result({**result, "changes": {k: list(v) for k, v in wanted.changes.items()}}, f"proposal {number}")


def _plan(desk: MemberDesk, run: int, words: list[str]) -> Plan:
    if words and "=" not in words[0] and "." not in words[0]:
        return plan(desk, run, words)
    from federation.proposals import plan_spec

    return plan_spec(desk, run, parse_settings(words))


def _show(desk: MemberDesk, wanted: Plan, out: Out) -> None:
    out.say(escape(f"{_kind(desk, wanted)} proposal: {wanted.effect}"))
    for setting, (before, after) in wanted.changes.items():
        out.say(escape(f"  {setting}: {before} -> {after}"))


def _kind(desk: MemberDesk, wanted: Plan) -> str:
    return desk.ledger.kind_of(wanted.actions).name.lower()
