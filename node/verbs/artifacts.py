"""Verbs of artifacts: what is registered, what was made from what, and what becomes of it."""

from __future__ import annotations

from typing import Annotated

import typer

from node import cid as cids
from node.console import AsOption, HomeOption, JsonOption, Out, Panel, RunOption, find_home, short, verb
from node.descent import descendants
from node.records.artifacts import Artifact
from node.records.content import Cid
from node.registering import register_release
from node.signed_requests import Supersession, Withdrawal
from node.wiring import COORDINATOR, open_desk, open_ledger, open_store

CidArgument = Annotated[str, typer.Argument(metavar="CID", help="The artifact.")]
WhyOption = Annotated[str, typer.Option(help="Why; public.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the group `artifact`."""
    artifact_app = typer.Typer(
        help="Registered artifacts: datasets, checkpoints, releases, videos.", no_args_is_help=True
    )
    for name, command in (
        ("ls", artifact_ls),
        ("descendants", artifact_descendants),
        ("release", artifact_release),
        ("supersede", artifact_supersede),
        ("revoke", artifact_revoke),
    ):
        artifact_app.command(name)(command)
    app.add_typer(artifact_app, name="artifact", rich_help_panel=Panel.CHECK)


@verb
def artifact_ls(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All registered artifacts with their state."""
    ledger = open_ledger(find_home(home))
    names = {m.account: m.name for m in ledger.members()}
    rows = [
        {
            "kind": a.kind.name.lower() + (" (restricted)" if a.restricted else ""),
            "cid": a.cid if as_json else short(a.cid),
            "state": state_words(a),
            "by": names.get(a.account, a.account),
            "licence": a.licence,
            "parents": [f"0x{p.hex()}" for p in a.parents] if as_json else len(a.parents),
        }
        for a in ledger.artifacts()
    ]
    Out(as_json=as_json).table("artifacts", rows)


@verb
def artifact_descendants(cid: CidArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Everything that was made from an artifact, by the registry's parents and the runs' rounds."""
    opened = find_home(home)
    ledger, store = open_ledger(opened), open_store(opened, COORDINATOR)
    rows = [
        {
            "what": found.what,
            "cid": found.cid if as_json else short(found.cid),
            "state": state_words(found.artifact) if found.artifact else "not registered",
            "made from": f"0x{found.parent.hex()}" if as_json else short(f"0x{found.parent.hex()}"),
        }
        for found in descendants(ledger, store, cids.digest(Cid(cid)))
    ]
    Out(as_json=as_json).table(f"made from {short(cid)}", rows)


@verb
def artifact_release(
    name: AsOption,
    run: RunOption = 1,
    number: Annotated[int, typer.Option("--round", help="Committed round (default: the head).")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a round's checkpoint, made from the run's dataset, and a release that names it."""
    desk = open_desk(find_home(home), name)
    number = number or desk.ledger.run(run).head_round
    cid = register_release(desk, run, number)
    Out(as_json=as_json).result(
        {"release": cid, "run": run, "round": number}, f"release of run {run}, round {number}: {cid}"
    )


@verb
def artifact_supersede(
    cid: CidArgument,
    by: Annotated[str, typer.Argument(help="CID of the registered artifact that takes its place.")],
    name: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name a better artifact of the same kind in place of one of yours."""
    desk = open_desk(find_home(home), name)
    desk.submit(
        Supersession(
            owner=desk.account, digest=cids.digest(Cid(cid)), by=cids.digest(Cid(by)), deadline=desk.deadline()
        )
    )
    Out(as_json=as_json).result({"artifact": cid, "superseded_by": by}, f"{short(cid)} is superseded by {short(by)}")


@verb
def artifact_revoke(cid: CidArgument, name: AsOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stand by an artifact of yours no more; for good."""
    desk = open_desk(find_home(home), name)
    desk.submit(Withdrawal(owner=desk.account, digest=cids.digest(Cid(cid)), deadline=desk.deadline()))
    Out(as_json=as_json).result({"artifact": cid, "state": "revoked"}, f"{short(cid)} is revoked")


def state_words(artifact: Artifact) -> str:
    """An artifact's state for people."""
    words = artifact.state.name.lower().replace("_", " ")
    return f"{words}, certified" if artifact.certified else words
