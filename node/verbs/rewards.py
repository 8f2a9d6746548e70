"""The verb of rewards: a claim by Merkle proof."""

from __future__ import annotations

from typing import Annotated

import typer

from node.console import HomeOption, JsonOption, Out, Panel, RunOption, find_home, tokens, verb
from node.errors import ConfigError
from node.membership import claim_for_all
from node.wiring import COORDINATOR, open_desk, open_identity, open_ledger, open_store


def add_verbs(app: typer.Typer) -> None:
    """Add `claim`."""
    app.command(rich_help_panel=Panel.TRAIN)(claim)


@verb
def claim(
    name: Annotated[str | None, typer.Option("--as", help="Member whose rewards are claimed.")] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="For all, paid by the operator's account.")] = False,
    run: RunOption = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Claim all final, unpaid rewards of a run by Merkle proof."""
    if everyone == (name is not None):
        raise ConfigError("expected either --as NAME or --everyone")
    if name is None:
        found = find_home(home)
        total = claim_for_all(
            open_ledger(found, open_identity(found, COORDINATOR)), open_store(found, COORDINATOR), run
        )
        Out(as_json=as_json).result({"paid_wei": str(total)}, f"{tokens(total)} claimed for all members of run {run}")
        return
    desk = open_desk(find_home(home), name)
    paid = desk.claim(run)
    balance = desk.ledger.reward_balance(desk.account)
    text = f"{name}: {tokens(paid)} claimed, balance {tokens(balance)}" if paid else f"{name}: nothing to claim"
    Out(as_json=as_json).result({"member": name, "paid_wei": str(paid), "balance_wei": str(balance)}, text)
