"""The `tenwings` command: verbs that need neither torch nor Flower; other packages add theirs by entry point."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from node.chain_verbs import chain_app
from node.charter_text import article_titles
from node.config import Home
from node.console import HomeOption, JsonOption, Out, find_home, loss, short, tokens, verb
from node.doctor import FAIL, examine, worst
from node.drafts import ProposalDraft
from node.errors import ConfigError, PrerequisiteError
from node.governance import article_of, words_of
from node.local_ports import Ports
from node.membership import MemberDesk, claim_for_all
from node.ports import Ledger
from node.proofs import merit_proof
from node.records.proposals import Hurdles, ProposalState, Support
from node.records.rounds import RoundStatus
from node.relay_client import RelayClient
from node.stack import group_status, stop_all
from node.wiring import COORDINATOR, open_identity, open_ledger, open_met_store, open_store

app = typer.Typer(
    name="tenwings",
    help="Train one video model together: Flower trains, a chain accounts, IPFS stores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
run_app = typer.Typer(help="Training runs.", no_args_is_help=True)
app.add_typer(run_app, name="run")
app.add_typer(chain_app, name="chain")

AsOption = Annotated[str, typer.Option("--as", help="Member whose key signs.")]
ROUND_WORDS = {
    RoundStatus.COMMITTED: "open to dispute",
    RoundStatus.DISPUTED: "disputed",
    RoundStatus.FINAL: "final",
    RoundStatus.VOIDED: "voided",
}
RunOption = Annotated[int, typer.Option("--run", help="Run id.")]


def main() -> None:
    """Entry point: loads the other packages' verbs, then runs."""
    from node import verbs

    verbs.add_verbs(app)
    for point in sorted(entry_points(group="tenwings.verbs"), key=lambda p: p.name):
        point.load()(app, run_app)
    app()


def open_desk(home: Home, name: str) -> MemberDesk:
    """A member's desk over this state folder's network."""
    identity = open_identity(home, name)
    node = name if (home.member(name).root / "joined").exists() else COORDINATOR  # an account without a node
    return MemberDesk(
        identity=identity, ledger=open_ledger(home, identity), store=open_met_store(home, node), relay=open_relay(home)
    )


def open_relay(home: Home) -> RelayClient:
    """The API of this state folder's network."""
    return RelayClient(Ports.of(home).api_url)


@app.command()
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


@app.command()
@verb
def down(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop everything that runs in this state folder; its chain, keys and content stay."""
    found = find_home(home)
    groups = [g.group for g in group_status(found) if g.running]
    stop_all(found)
    Out(as_json=as_json).result({"stopped": groups}, f"stopped {', '.join(groups) or 'nothing: nothing was running'}")


@app.command()
@verb
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check every prerequisite on this machine and say how to mend what is missing."""
    checks = examine(find_home(home))
    Out(as_json=as_json).table(
        "prerequisites", [{"check": c.name, "state": c.state, "found": c.found, "what to do": c.advice} for c in checks]
    )
    if worst(checks) == FAIL:
        raise typer.Exit(PrerequisiteError.exit_code)


@app.command()
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


@app.command()
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


@app.command()
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


def needs(hurdles: Hurdles) -> str:
    """What a proposal must reach, in words."""
    if hurdles.veto_weight:
        return f"fewer than {hurdles.veto_weight} against"
    words = f"{hurdles.for_weight} for"
    if hurdles.for_heads:
        words += f" by {hurdles.for_heads} members, {hurdles.majority_bps / 100:g} % of the ballots"
    return words


@app.command()
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


@app.command()
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


def send_or_wait(desk: MemberDesk, draft: ProposalDraft, path: Path, out: Out) -> None:
    """Send a draft that enough members signed; say how many are missing else."""
    missing = desk.missing_sponsors(draft)
    if missing:
        out.result({"draft": str(path), "missing": missing}, f"{path}: {missing} more must sign: `tenwings sponsor`")
        return
    number = desk.send(draft)
    out.result({"proposal": str(number), "missing": 0}, f"proposal {number}")


@app.command()
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


def _effect(ledger: Ledger, action: object) -> str:
    decoded = ledger.describe_action(action)  # type: ignore[arg-type]
    return f"{decoded['contract']}.{decoded['function']}"


@app.command()
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


@app.command()
@verb
def members(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Members with their roles, merit and voting weight."""
    found = find_home(home)
    ledger = open_ledger(found)
    number = ledger.final_epoch()
    epoch = ledger.epoch(number) if number else None
    store = open_store(found, COORDINATOR) if epoch else None
    rows = []
    for member in ledger.members():
        proof = merit_proof(ledger, store, epoch, member.account) if epoch and store else None
        rows.append(
            {
                "id": member.member_id,
                "name": member.name,
                "account": member.account if as_json else short(member.account),
                "roles": "+".join(r.name.lower() for r in member.roles if r.name),
                "active": member.active,
                "merit": proof[0].merit if proof else 0,
                "weight": proof[0].weight if proof else 0,
            }
        )
    Out(as_json=as_json).table("members", rows)


@run_app.command("ls")
@verb
def run_ls(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """All runs on chain."""
    ledger = open_ledger(find_home(home))
    rows = []
    for run_id in range(1, ledger.num_runs() + 1):
        run = ledger.run(run_id)
        last = ledger.round(run_id, run.head_round) if run.head_round else None
        rows.append(
            {
                "run": run_id,
                "name": run.params.name,
                "rounds": run.head_round,
                "head": run.head_cid if as_json else short(run.head_cid),
                "spec": f"v{run.spec_version}",
                "held-out loss": loss(last.commit.heldout_loss_micro) if last else "-",
            }
        )
    Out(as_json=as_json).table("runs", rows)


@run_app.command("show")
@verb
def run_show(
    run: Annotated[int, typer.Argument(help="Run id.")] = 1,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One run: its rounds, held-out loss, and who was refused and why."""
    from node.round_record import RoundRecord

    found = find_home(home)
    ledger, store = open_ledger(found), open_store(found, COORDINATOR)
    names = {m.account: m.name for m in ledger.members()}
    state = ledger.run(run)
    rows = []
    for committed in ledger.rounds(run):
        record = RoundRecord.from_bytes(store.get(committed.commit.record_cid))
        refused = [f"{names.get(r.account, r.account)}: {r.reason}" for r in record.refusals]
        rows.append(
            {
                "round": committed.commit.round,
                "status": ROUND_WORDS[committed.status],
                "held-out loss": loss(committed.commit.heldout_loss_micro),
                "updates": committed.commit.num_clients,
                "refused": "; ".join(refused) or "-",
                "spec": f"v{record.spec_version}",
                "checkpoint": committed.commit.checkpoint_cid if as_json else short(committed.commit.checkpoint_cid),
            }
        )
    Out(as_json=as_json).table(f"run {run}: {state.params.name}, spec v{state.spec_version}", rows)
