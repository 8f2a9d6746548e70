"""Verbs of decisions: proposals and how they stand, signatures, votes, execution, and the charter that they serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from node.charter_text import article_titles
from node.console import AsOption, HomeOption, JsonOption, Out, Panel, find_home, verb
from node.drafts import ProposalDraft
from node.errors import ConfigError
from node.governance import article_of, needs, words_of
from node.membership import MemberDesk
from node.ports import Ledger
from node.records.proposals import ProposalState, Support
from node.wiring import COORDINATOR, open_desk, open_identity, open_ledger, open_relay, open_store


def add_verbs(app: typer.Typer) -> None:
    """Add `charter`, `proposals`, `sponsor`, `vote`, `execute` and `cancel`."""
    for command in (charter, proposals, sponsor, vote, execute, cancel):
        app.command(rich_help_panel=Panel.DECIDE)(command)


@verb
def charter(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The charter in force: its text and its articles."""
    found = find_home(home)
    state = open_ledger(found).charter()
    text = open_store(found, COORDINATOR).get(state.cid)
    Out(as_json=as_json).result(
        {"cid": state.cid, "version": state.version, "articles": article_titles(text), "text": text.decode("utf-8")},
        escape(f"charter, version {state.version}, {state.cid}\n\n{text.decode('utf-8').rstrip()}"),
    )


@verb
def proposals(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All proposals with their state and tally."""
    ledger = open_ledger(find_home(home))
    rows = [
        {
            "id": str(p.proposal_id),
            "kind": p.kind.name.lower(),
            "state": p.state.name.lower(),
            "for": p.tally.weight_for,
            "against": p.tally.weight_against,
            "needs": needs(p.hurdles),
            "effect": "; ".join(_effect(ledger, a) for a in p.actions),
            "article": article_of(p.description),
            "text": words_of(p.description),
        }
        for p in ledger.proposals()
    ]
    Out(as_json=as_json).table("proposals", rows)


@verb
def sponsor(
    draft: Annotated[Path, typer.Argument(help="File that `tenwings propose --draft` wrote.")],
    name: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign another member's proposal; it is sent as soon as enough have signed."""
    desk = open_desk(find_home(home), name)
    signed = desk.sponsor(ProposalDraft.load(draft))
    signed.save(draft)
    send_or_wait(desk, signed, draft, Out(as_json=as_json))


@verb
def vote(
    proposal: Annotated[int, typer.Argument(help="Proposal id.")],
    support: Annotated[str, typer.Argument(help="for, against or abstain.")],
    name: AsOption,
    reason: Annotated[str, typer.Option(help="Why; public.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vote with a signature: a relayer pays the gas."""
    choices = {"for": Support.FOR, "against": Support.AGAINST, "abstain": Support.ABSTAIN}
    if support not in choices:
        raise ConfigError(f"expected one of {', '.join(choices)}, got {support!r}")
    weight = open_desk(find_home(home), name).vote(proposal, choices[support], reason)
    Out(as_json=as_json).result(
        {"proposal": str(proposal), "support": support, "weight": weight}, f"voted {support} with weight {weight}"
    )


@verb
def execute(
    proposal: Annotated[int, typer.Argument(help="Proposal id.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move a proposal on: queue it once it has succeeded, execute it once its delay is over."""
    ledger, relay = open_ledger(find_home(home)), open_relay(find_home(home))
    state = ledger.proposal(proposal).state
    if state == ProposalState.SUCCEEDED:
        relay.queue(proposal)
    elif state == ProposalState.QUEUED:
        relay.execute(proposal)
    else:
        raise ConfigError(f"expected a proposal that has succeeded or is queued, {proposal} is {state.name.lower()}")
    after = ledger.proposal(proposal).state.name.lower()
    Out(as_json=as_json).result({"proposal": str(proposal), "state": after}, f"proposal is now {after}")


@verb
def cancel(
    proposal: Annotated[int, typer.Argument(help="Proposal id.")],
    name: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw your proposal before its vote opens. Your account pays the gas."""
    found = find_home(home)
    open_ledger(found, open_identity(found, name)).cancel(proposal)
    Out(as_json=as_json).result({"proposal": str(proposal), "state": "canceled"}, f"proposal {proposal} is canceled")


def send_or_wait(desk: MemberDesk, draft: ProposalDraft, path: Path, out: Out) -> None:
    """Send a draft that enough members signed; say how many are missing else."""
    missing = desk.missing_sponsors(draft)
    if missing:
        out.result({"draft": str(path), "missing": missing}, f"{path}: {missing} more must sign: `tenwings sponsor`")
        return
    number = desk.send(draft)
    out.result({"proposal": str(number), "missing": 0}, f"proposal {number}")


def _effect(ledger: Ledger, action: object) -> str:
    decoded = ledger.describe_action(action)  # type: ignore[arg-type]
    return f"{decoded['contract']}.{decoded['function']}"
