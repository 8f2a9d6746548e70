"""Verbs of restricted datasets: data request, data grant, data revoke, data access."""

from __future__ import annotations

from typing import Annotated

import typer

from node import cid as cids
from node.console import AsOption, HomeOption, JsonOption, Out, find_home, short, verb
from node.data_access import grant_access, request_access, require_restricted, revoke_access
from node.errors import ConfigError
from node.ports import Ledger
from node.records.content import Cid
from node.records.members import Member
from node.wiring import open_desk, open_ledger

CidArgument = Annotated[str, typer.Argument(metavar="CID", help="The restricted dataset.")]
MemberArgument = Annotated[
    str, typer.Argument(metavar="MEMBER", help="Member id, account, or a name that only one has.")
]


def add_verbs(data_app: typer.Typer) -> None:
    """Add these verbs to the group `data`."""
    for name, command in (
        ("request", data_request),
        ("grant", data_grant),
        ("revoke", data_revoke),
        ("access", data_accesses),
    ):
        data_app.command(name)(command)


@verb
def data_request(
    cid: CidArgument,
    name: AsOption,
    purpose: Annotated[str, typer.Option(help="What for; public.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask to read a restricted dataset; the key that opens a grant stays in your folder."""
    found = find_home(home)
    request_access(open_desk(found, name), found.member(name).root, Cid(cid), purpose)
    Out(as_json=as_json).result({"dataset": cid, "member": name}, f"{name} asked to read {short(cid)}")


@verb
def data_grant(
    cid: CidArgument, member: MemberArgument, name: AsOption, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Let a member read a restricted dataset of yours."""
    found = find_home(home)
    desk = open_desk(found, name)
    who = find_member(desk.ledger, member)
    grant_access(desk, found.member(name).root, Cid(cid), who.account)
    Out(as_json=as_json).result({"dataset": cid, "granted": who.account}, f"{who.name} may read {short(cid)}")


@verb
def data_revoke(
    cid: CidArgument, member: MemberArgument, name: AsOption, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Take a grant away and seal the dataset anew under another key. What the member has read, it keeps."""
    found = find_home(home)
    desk = open_desk(found, name)
    who = find_member(desk.ledger, member)
    fresh = revoke_access(desk, found.member(name).root, Cid(cid), who.account)
    text = f"{who.name} may not read {short(cid)} any more; what it has read, it keeps"
    if fresh:
        text += f"\nthe same clips under a new key: {fresh}; use it for new runs, and who may still read asks for it"
    Out(as_json=as_json).result({"dataset": cid, "revoked": who.account, "superseded_by": fresh}, text)


@verb
def data_accesses(cid: CidArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who asked to read a restricted dataset, and who may."""
    ledger = open_ledger(find_home(home))
    require_restricted(ledger, Cid(cid))
    names = {m.account: m.name for m in ledger.members()}
    rows = [
        {
            "member": names.get(entry.account, entry.account),
            "account": entry.account if as_json else short(entry.account),
            "access": entry.access.name.lower(),
            "what for": entry.purpose,
        }
        for entry in ledger.accesses(cids.digest(Cid(cid)))
    ]
    Out(as_json=as_json).table(f"access to {short(cid)}", rows)


def find_member(ledger: Ledger, text: str) -> Member:
    """By id, account or name. Raises ConfigError unless exactly one member is meant."""
    members = ledger.members()
    found = [m for m in members if text in (str(m.member_id), m.account)] or [m for m in members if m.name == text]
    if len(found) != 1:
        raise ConfigError(f"expected one member called {text!r}, got {len(found)}; `tenwings members` shows the ids")
    return found[0]
