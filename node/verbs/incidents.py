"""Verbs of incidents: report, dispute a round, contain, decide by a vote, close; members' bonds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from node import cid as cids
from node.console import AsOption, HomeOption, JsonOption, Out, Panel, find_home, tokens, verb
from node.errors import ConfigError
from node.incidents import SEVERITIES, Case, IncidentKind, Target
from node.membership import MemberDesk
from node.ports import Ledger
from node.records.content import Cid, canonical_json
from node.signed_requests import BondWithdrawal, IncidentReport
from node.wiring import open_desk, open_ledger, open_relay

CaseArgument = Annotated[int, typer.Argument(metavar="CASE", help="Case id.")]
AccusedOption = Annotated[int, typer.Option("--member", help="Id of the member whose conduct it is about; 0: nobody.")]
KINDS = {kind.name.lower().replace("_", "-"): kind for kind in IncidentKind}
TARGETS = {target.name.lower(): target for target in Target}
NO_ARTIFACT = bytes(32)


def add_verbs(app: typer.Typer) -> None:
    """Add the groups `incident` and `bond`, and the verb `dispute`."""
    incident_app = typer.Typer(help="Incidents: reported, contained, decided by a vote, closed.", no_args_is_help=True)
    bond_app = typer.Typer(help="Members' bonds.", no_args_is_help=True)
    incidents: dict[str, Callable[..., None]] = {
        "report": incident_report,
        "ls": incident_ls,
        "show": incident_show,
        "contain": incident_contain,
        "lapse": incident_lapse,
        "close": incident_close,
    }
    bonds: dict[str, Callable[..., None]] = {"show": bond_show, "deposit": bond_deposit, "withdraw": bond_withdraw}
    for group, commands in ((incident_app, incidents), (bond_app, bonds)):
        for name, command in commands.items():
            group.command(name)(command)
    app.add_typer(incident_app, name="incident", rich_help_panel=Panel.INCIDENTS)
    app.add_typer(bond_app, name="bond", rich_help_panel=Panel.INCIDENTS)
    app.command(rich_help_panel=Panel.INCIDENTS)(dispute)


@verb
def incident_report(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(k for k in KINDS if k != 'bad-round')}.")],
    name: AsOption,
    why: Annotated[str, typer.Option(help="What happened; public.")],
    severity: Annotated[str, typer.Option(help=f"One of {', '.join(SEVERITIES)}.")] = "medium",
    member: AccusedOption = 0,
    run: Annotated[int, typer.Option(help="Run that it is about; 0: none.")] = 0,
    artifact: Annotated[str, typer.Option(help="CID of the artifact that it is about.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report an incident; your bond is at stake until the verdict. A bad round is reported by `tenwings dispute`."""
    if kind not in KINDS or kind == "bad-round":
        raise ConfigError(f"expected one of {', '.join(KINDS)} (bad-round: `tenwings dispute`), got {kind!r}")
    about = cids.digest(Cid(artifact)) if artifact else NO_ARTIFACT
    desk = open_desk(find_home(home), name)
    case = report(desk, KINDS[kind], severity, why, accused_id=member, run_id=run, artifact=about)
    _told(Out(as_json=as_json), case)


@verb
def dispute(
    run: Annotated[int, typer.Argument(metavar="RUN", help="Run id.")],
    number: Annotated[int, typer.Argument(metavar="ROUND", help="Round inside its dispute window.")],
    name: AsOption,
    why: Annotated[str, typer.Option(help="What is wrong with it; public.")],
    severity: Annotated[str, typer.Option(help=f"One of {', '.join(SEVERITIES)}.")] = "high",
    member: AccusedOption = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dispute a round with your bond: it is not final, and nothing is claimed from it, until the verdict."""
    desk = open_desk(find_home(home), name)
    case = report(desk, IncidentKind.BAD_ROUND, severity, why, accused_id=member, run_id=run, round_number=number)
    _told(Out(as_json=as_json), case)


@verb
def incident_ls(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All cases with their state."""
    ledger = open_ledger(find_home(home))
    now = ledger.latest_block().timestamp
    names = {m.member_id: m.name for m in ledger.members()}
    rows = [
        {
            "case": c.case_id,
            "kind": kind_words(c),
            "severity": severity_word(c),
            "state": state_word(c, now),
            "reporter": names.get(c.reporter_id, c.reporter_id),
            "about": about_words(c, names),
            "deadline": c.deadline,
        }
        for c in ledger.cases()
    ]
    Out(as_json=as_json).table("incidents", rows)


@verb
def incident_show(case: CaseArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """One case: what was reported, contained, decided and learned."""
    ledger = open_ledger(find_home(home))
    found = require_case(ledger, case)
    names = {m.member_id: m.name for m in ledger.members()}
    Out(as_json=as_json).result(
        {
            "case": case,
            "kind": kind_words(found),
            "severity": severity_word(found),
            "state": state_word(found, ledger.latest_block().timestamp),
            "reporter": names.get(found.reporter_id, str(found.reporter_id)),
            "about": about_words(found, names),
            "evidence": found.evidence_cid,
            "deadline": found.deadline,
            "contained": [f"{c.target.name.lower()} until {c.until}" for c in found.contained],
            "bond_wei": str(found.bond),
            "slashed_wei": str(found.slashed),
            "reward_wei": str(found.reward),
            "post_mortem": found.post_mortem_cid,
        }
    )


@verb
def incident_contain(
    case: CaseArgument,
    target: Annotated[str, typer.Argument(help=f"One of {', '.join(TARGETS)}: the case's own.")],
    name: Annotated[str, typer.Option("--as", help="Responder whose account sends and pays.")],
    hours: Annotated[float, typer.Option(help="How long; at most 168, and never past the case's deadline.")] = 24.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a responder: pause the case's run, bar the accused or freeze the artifact, at once and for a while."""
    if target not in TARGETS:
        raise ConfigError(f"expected one of {', '.join(TARGETS)}, got {target!r}")
    ledger = open_desk(find_home(home), name).ledger
    found = require_case(ledger, case)
    until = min(ledger.latest_block().timestamp + round(hours * 3600), found.deadline)
    ledger.contain(case, TARGETS[target], until)
    Out(as_json=as_json).result({"case": case, "target": target, "until": until}, f"{target} contained until {until}")


@verb
def incident_lapse(case: CaseArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a case past its deadline: what was contained is free, the reporter has its bond back."""
    open_relay(find_home(home)).lapse(case)
    Out(as_json=as_json).result({"case": case}, f"case {case} has lapsed")


@verb
def incident_close(
    case: CaseArgument,
    name: Annotated[str, typer.Option("--as", help="Responder whose account sends and pays.")],
    learned: Annotated[str, typer.Option(help="The post-mortem; public.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a responder, close a decided or lapsed case with what was learned."""
    desk = open_desk(find_home(home), name)
    cid = desk.store.put(canonical_json({"case": case, "post_mortem": learned}))
    desk.ledger.close_case(case, cid)
    Out(as_json=as_json).result({"case": case, "post_mortem": cid}, f"case {case} is closed: {cid}")


@verb
def bond_show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every member's bond."""
    ledger = open_ledger(find_home(home))
    rows = []
    for member in ledger.members():
        bond = ledger.bond(member.member_id)
        rows.append(
            {
                "member": member.name,
                "bond": str(bond.amount) if as_json else tokens(bond.amount),
                "staked": str(bond.staked) if as_json else tokens(bond.staked),
                "leaving": str(bond.leaving) if as_json else tokens(bond.leaving),
                "from": bond.leaves_from,
                "accused in": bond.open_cases,
            }
        )
    Out(as_json=as_json).table("bonds", rows)


@verb
def bond_deposit(
    member: Annotated[int, typer.Argument(metavar="MEMBER", help="Member id.")],
    amount: Annotated[float, typer.Argument(help="Tokens.")],
    name: Annotated[str, typer.Option("--as", help="Account that pays the tokens and the gas.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pay for a member's bond, yours or another's."""
    ledger = open_desk(find_home(home), name).ledger
    ledger.deposit_bond(member, wei(amount))
    bond = ledger.bond(member).amount
    Out(as_json=as_json).result({"member_id": member, "bond_wei": str(bond)}, f"member {member}: {tokens(bond)}")


@verb
def bond_withdraw(
    name: AsOption,
    amount: Annotated[float, typer.Option(help="Tokens to ask for; 0: take what the delay is over for.")] = 0.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for your bond with --amount; after the delay, within a week and while no case accuses you, take it."""
    found = find_home(home)
    desk = open_desk(found, name)
    member = desk.ledger.member(desk.account)
    if member is None:
        raise ConfigError(f"expected a member, {desk.account} is none")
    if amount:
        nonce = desk.nonce("IncidentManager")
        desk.submit(BondWithdrawal(account=desk.account, amount=wei(amount), nonce=nonce, deadline=desk.deadline()))
    else:
        open_relay(found).withdraw_bond(member.member_id)
    bond = desk.ledger.bond(member.member_id)
    text = f"{name}: bond {tokens(bond.amount)}" + (
        f", {tokens(bond.leaving)} can be taken for a week from Unix time {bond.leaves_from} on" if bond.leaving else ""
    )
    Out(as_json=as_json).result({"member": name, "bond_wei": str(bond.amount), "from": bond.leaves_from}, text)


def report(
    desk: MemberDesk,
    kind: IncidentKind,
    severity: str,
    why: str,
    *,
    accused_id: int = 0,
    run_id: int = 0,
    round_number: int = 0,
    artifact: bytes = NO_ARTIFACT,
) -> Case:
    """Put the evidence on IPFS, sign the report and have it brought to the chain."""
    if severity not in SEVERITIES:
        raise ConfigError(f"expected a severity of {', '.join(SEVERITIES)}, got {severity!r}")
    evidence: dict[str, Any] = {"kind": kind.name.lower(), "what": why, "run": run_id, "round": round_number}
    desk.submit(
        IncidentReport(
            account=desk.account,
            kind=int(kind),
            severity=SEVERITIES[severity],
            accused_id=accused_id,
            run_id=run_id,
            round=round_number,
            artifact=artifact,
            evidence_cid=desk.store.put(canonical_json(evidence)),
            nonce=desk.nonce("IncidentManager"),
            deadline=desk.deadline(),
        )
    )
    member = desk.ledger.member(desk.account)
    assert member is not None, "the contract took its report"
    return max((c for c in desk.ledger.cases() if c.reporter_id == member.member_id), key=lambda c: c.case_id)


def require_case(ledger: Ledger, case_id: int) -> Case:
    """Raises ConfigError for what is no case."""
    found = next((c for c in ledger.cases() if c.case_id == case_id), None)
    if found is None:
        raise ConfigError(f"expected a case, got {case_id}; `tenwings incident ls` shows them")
    return found


def state_word(case: Case, now: int) -> str:
    """A case's state for people."""
    if case.overdue(now):
        return "overdue"
    word = case.status.name.lower()
    return f"{word}, closed" if case.post_mortem_cid else word


def kind_words(case: Case) -> str:
    """A case's kind for people."""
    return case.kind.name.lower().replace("_", " ")


def severity_word(case: Case) -> str:
    """A case's severity for people."""
    return next(word for word, number in SEVERITIES.items() if number == case.severity)


def about_words(case: Case, names: dict[int, str]) -> str:
    """Member, run, round and artifact of a case."""
    parts = [f"member {names.get(case.accused_id, case.accused_id)}"] if case.accused_id else []
    parts += [f"run {case.run_id}" + (f" round {case.round}" if case.round else "")] if case.run_id else []
    parts += [f"artifact 0x{case.artifact.hex()[:8]}"] if case.artifact else []
    return ", ".join(parts) or "-"


def wei(amount: float) -> int:
    """Tokens as wei of the reward token."""
    return round(amount * 10**6) * 10**12


def _told(out: Out, case: Case) -> None:
    out.result(
        {"case": case.case_id, "deadline": case.deadline, "evidence": case.evidence_cid, "bond_wei": str(case.bond)},
        f"case {case.case_id}: {kind_words(case)}, bond {tokens(case.bond)}, decided by Unix time {case.deadline}",
    )
