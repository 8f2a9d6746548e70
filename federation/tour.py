"""A walk through governance on one machine: everything real, short rounds, in words that a member understands.

A restricted dataset is granted to some and not to others; a vote changes the training; an incident is contained and
resolved; a disputed round is voided with its claims; a dataset is taken down and what was made from it is traced. An
audit at the end replays the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.audit_report import audit_run
from federation.config import RunSpec
from federation.datasets import DatasetPlan, build
from federation.joining import join, parse_roles
from federation.network import start_nodes, up
from federation.progress import watch
from federation.proposals import plan_spec
from federation.runs import Event, create_run, train
from federation.sampling import SampleRequest, sample_videos
from federation.stage import Stage, wait
from node import cid as cids
from node.config import Home
from node.console import Out, short, tokens
from node.data_access import grant_access, register_dataset, request_access
from node.descent import descendants
from node.errors import ConfigError, TenWingsError
from node.forms import Plan, plan
from node.governance import needs
from node.incidents import Case, IncidentKind, Target
from node.membership import MemberDesk
from node.ports import Ledger
from node.records.content import Cid, canonical_json
from node.records.proposals import ProposalState, Support
from node.registering import register_release, register_video
from node.round_record import RoundRecord
from node.sealed import Sealer, new_content_key
from node.verbs.artifacts import state_words
from node.verbs.incidents import report, require_case, state_word
from node.wiring import COORDINATOR, open_identity, open_ledger, open_relay, open_store

CAST = {"alice": "trainer", "bruno": "trainer", "chen": "trainer", "dora": "evaluator", "emeka": "evaluator"}
GRANTED = ("bruno", "dora", "emeka")
"""Whom alice lets read her dataset; chen stays outside."""
SPEC = RunSpec(name="tour").with_changes(
    {
        "inner.num_steps": "10",
        "round.min_updates": "1",
        "round.deadline_seconds": "90",
        "round.grace_seconds": "15",
        "score.num_clips": "16",
        "score.heldout_draws": "2",
    }
)
DATA = DatasetPlan(clips_per_shard=24, num_score_clips=16, num_heldout_clips=16)
DISPUTE_WINDOW_SECONDS = 10
BOND = 50 * 10**18
SLASH = 20 * 10**18


PROMPT = "a red ball moves right behind a pillar on a mint background"
_NO_DATASET = Cid("")


@dataclass(kw_only=True)
class _Tour(Stage):
    """The walk's state."""

    run_id: int = 0
    dataset: Cid = _NO_DATASET

    @property
    def ledger(self) -> Ledger:
        return open_ledger(self.home)

    def folder(self, name: str) -> Path:
        """What a member keeps on this machine."""
        return self.home.member(name).root

    def say(self, text: str) -> None:
        """One line of the walk."""
        self.out.say(f"  {text}")


def run_tour(home: Home, out: Out, *, keep: bool = False) -> None:
    """Walk through all parts; the network is taken down at the end, unless kept, and on every error."""
    tour = _Tour(home=home, out=out)
    with tour.curtain(keep=keep):
        _walk(tour, keep)


def _walk(tour: _Tour, keep: bool) -> None:
    started = time.monotonic()
    with tour.part(1, "start", "Five members meet"):
        _meet(tour, keep)
    with tour.part(2, "data", "A restricted dataset: who may train on it, and who may not"):
        _restricted(tour)
    with tour.part(3, "decision", "A routine decision on how to train, and a constitutional one on how votes run"):
        _decide(tour)
    with tour.part(4, "incident", "An incident: contained at once, decided by a vote, closed with what was learned"):
        _incident(tour)
    with tour.part(5, "dispute", "A round is disputed, and voided with its claims"):
        _dispute(tour)
    with tour.part(6, "takedown", "A takedown, traced to everything that was made from it"):
        _takedown(tour)
    with tour.part(7, "audit", "The audit replays the rounds as far as it can without the key"):
        audit_run(tour.home, tour.run_id, tour.out)
    seconds = time.monotonic() - started
    parts = {name: round(value, 1) for name, value in tour.seconds.items()}
    tour.out.result(
        {"seconds": round(seconds, 1), "parts_seconds": parts},
        f"\nin all {seconds:.0f} s: {', '.join(f'{name} {value:.1f} s' for name, value in parts.items())}",
    )


def _meet(tour: _Tour, keep: bool) -> None:
    ports = up(tour.home, attached=not keep, tell=tour.say)
    tour.say(f"dashboard: {ports.api_url}")
    for name, role in CAST.items():
        member = join(tour.home, name, parse_roles(role), attached=False, start=False)
        tour.say(f"{name}: member {member.member_id}, {role}")
    start_nodes(tour.home, list(CAST), attached=not keep)
    operator = open_ledger(tour.home, open_identity(tour.home, COORDINATOR))
    for member in operator.members():
        operator.deposit_bond(member.member_id, BOND)
    tour.say(f"each puts up a bond of {tokens(BOND)}; whoever is found to have done harm can lose it")


def _restricted(tour: _Tour) -> None:
    desk, sealer = tour.desk("alice"), Sealer(key=new_content_key())
    cid, manifest = build(desk.store, DATA, tour.say, sealer)
    register_dataset(desk, tour.folder("alice"), cid, manifest, sealer)
    tour.dataset = cid
    tour.say(f"alice registers {short(cid)} as restricted: IPFS holds ciphertext of its train and score clips")
    for name in ("bruno", "chen", "dora", "emeka"):
        request_access(tour.desk(name), tour.folder(name), cid, "to train together")
        tour.say(f"{name} asks to read it")
    for name in GRANTED:
        grant_access(tour.desk("alice"), tour.folder("alice"), cid, open_identity(tour.home, name).address)
        tour.say(f"alice lets {name} read: the content key, sealed to that member's key, goes on chain")
    tour.run_id = create_run(tour.home, SPEC, cid, dispute_window_seconds=DISPUTE_WINDOW_SECONDS).run_id
    _train(tour, 1)
    for name, reason in _refused(tour).items():
        tour.say(f"{name} was left out of the round: {reason}, as everybody can read in the round's record")


def _decide(tour: _Tour) -> None:
    wait("a merit epoch to become final", lambda: tour.ledger.final_epoch() > 0)
    bruno, alice = tour.desk("bruno"), tour.desk("alice")
    spec = plan_spec(bruno, tour.run_id, {"inner.num_steps": "12"})
    routine = _propose(tour, bruno, spec, "More steps a round.")
    rules = plan(alice, tour.run_id, ["rules", "veto_bps=3000"])
    why = "Three in ten are enough to stop what is routine."
    constitutional = _propose(tour, alice, rules, why, sponsors=("bruno",))
    _pass(tour, [routine, constitutional], ("alice", "bruno", "dora", "emeka"))
    ledger = tour.ledger
    tour.say(f"spec is now v{ledger.run(tour.run_id).spec_version}, from the next round on")
    tour.say(f"a routine decision is now stopped by {ledger.rules().veto_bps / 100:g} % of all weight")


def _incident(tour: _Tour) -> None:
    chen = next(m for m in tour.ledger.members() if m.name == "chen")
    case = report(
        tour.desk("dora"),
        IncidentKind.NODE_COMPROMISE,
        "high",
        "chen's node answers under chen's key from a machine that chen does not know",
        accused_id=chen.member_id,
    )
    tour.say(f"dora reports case {case.case_id} about chen, with a bond of {tokens(case.bond)} at stake")
    responder = open_ledger(tour.home, open_identity(tour.home, COORDINATOR))
    responder.contain(case.case_id, Target.MEMBER, case.deadline)
    tour.say("the operator, a responder, bars chen at once; the bar ends by itself with the case at the latest")
    tour.say(f"chen is {'active' if _active(tour, 'chen') else 'barred'} now")
    desk = tour.desk("emeka")
    words = ["verdict", str(case.case_id), "upheld", str(SLASH)]
    number = _propose(tour, desk, plan(desk, tour.run_id, words), "The node's owner confirms it.")
    _pass(tour, [number], ("alice", "bruno", "dora", "emeka"))
    _resolved(tour, require_case(tour.ledger, case.case_id), chen.member_id)


def _resolved(tour: _Tour, case: Case, accused_id: int) -> None:
    bond = tour.ledger.bond(accused_id).amount
    tour.say(
        f"upheld: {tokens(case.slashed)} slashed, chen keeps {tokens(bond)}; dora has her bond back and as much again"
    )
    operator = tour.desk(COORDINATOR)
    learned = operator.store.put(canonical_json({"case": case.case_id, "post_mortem": "chen's node has a new key"}))
    operator.ledger.close_case(case.case_id, learned)
    closed = require_case(tour.ledger, case.case_id)
    tour.say(f"case {case.case_id}: {state_word(closed, 0)} with a post-mortem {short(learned)}; chen is free again")
    if not _active(tour, "chen"):
        raise TenWingsError("expected the bar to end with the case, it did not; look at `tenwings incident show`")


def _dispute(tour: _Tour) -> None:
    """Dora disputes the round as soon as it is committed; the vote voids it."""
    cases: list[Case] = []
    with watch(tour.out, 1) as tell:

        def told(event: Event) -> None:
            tell(event)
            if event["event"] == "committed":
                why = "two of its updates came from one machine"
                desk, number = tour.desk("dora"), int(event["round"])
                cases.append(report(desk, IncidentKind.BAD_ROUND, "high", why, run_id=tour.run_id, round_number=number))

        train(tour.home, tour.run_id, 1, tell=told)
    (case,) = cases
    tour.say(
        f"dora disputes round {case.round} with a bond of {tokens(case.bond)}: it is not final, nothing is claimed"
    )
    desk = tour.desk("emeka")
    words = ["verdict", str(case.case_id), "upheld"]
    number = _propose(tour, desk, plan(desk, tour.run_id, words), f"Void round {case.round}.")
    _pass(tour, [number], ("alice", "bruno", "dora", "emeka"))
    state = tour.ledger.round(tour.run_id, case.round)
    assert state is not None, "the round was committed"
    head = tour.ledger.run(tour.run_id).head_round
    tour.say(f"round {case.round} is {state.status.name.lower()}; the run stands at round {head} again")
    paid = tour.desk("alice").claim(tour.run_id)
    tour.say(f"alice claims {tokens(paid)}: what round {head} granted, and nothing of round {case.round}")


def _takedown(tour: _Tour) -> None:
    _train(tour, 1)
    desk, head = tour.desk("bruno"), tour.ledger.run(tour.run_id).head_cid
    out = tour.folder("bruno") / "sample.mp4"
    sample_videos(tour.home, tour.run_id, head, SampleRequest(prompts=(PROMPT,)), out)
    release = register_release(desk, tour.run_id, tour.ledger.run(tour.run_id).head_round)
    video = register_video(desk, tour.run_id, head, out.read_bytes())
    tour.say(f"bruno registers the checkpoint {short(head)}, a release {short(release)} and a video {short(video)}")
    digest = cids.digest(tour.dataset)
    tour.say("it turns out that a clip was not alice's to give; bruno proposes to take the dataset down")
    number = _propose(tour, desk, plan(desk, tour.run_id, ["takedown", tour.dataset]), "One clip is not ours.")
    _pass(tour, [number], ("alice", "bruno", "dora"))
    for found in descendants(tour.ledger, desk.store, digest):
        state = state_words(found.artifact) if found.artifact else "not registered"
        tour.say(f"made from it: {found.what} {short(found.cid)}, {state}")
    try:
        register_video(desk, tour.run_id, tour.ledger.run(tour.run_id).params.genesis_cid, b"one more video")
    except ConfigError as refused:
        tour.say(f"nothing new can be made from it: {refused}")
    else:
        raise TenWingsError("expected that nothing new is made from a dataset that was taken down, something was")


def _train(tour: _Tour, rounds: int) -> None:
    with watch(tour.out, rounds) as tell:
        train(tour.home, tour.run_id, rounds, tell=tell)


def _refused(tour: _Tour) -> dict[str, str]:
    """Name -> reason of who was left out of the last round."""
    ledger, store = tour.ledger, open_store(tour.home, COORDINATOR)
    state = ledger.round(tour.run_id, ledger.run(tour.run_id).head_round)
    assert state is not None, "a round was committed"
    names = {m.account: m.name for m in ledger.members()}
    record = RoundRecord.from_bytes(store.get(state.commit.record_cid))
    return {names[r.account]: r.reason for r in record.refusals}


def _active(tour: _Tour, name: str) -> bool:
    member = tour.ledger.member(open_identity(tour.home, name).address)
    return member is not None and member.active


def _propose(tour: _Tour, desk: MemberDesk, planned: Plan, why: str, sponsors: Sequence[str] = ()) -> int:
    """Propose a plan, which others may have to sign, too; says what kind of decision it is and what that kind needs."""
    signers = [open_identity(tour.home, name) for name in sponsors]
    number = desk.propose(planned.actions, planned.text(why), planned.article, signers)
    found = tour.ledger.proposal(number)
    kind = f"a {found.kind.name.lower()} decision, needs {needs(found.hurdles)}"
    tour.say(f"proposed: {planned.effect} Article {planned.article} of the charter; {kind}")
    return number


def _pass(tour: _Tour, numbers: Sequence[int], voters: Sequence[str]) -> None:
    """From open votes to their execution; who has no merit yet has no vote."""
    for number in numbers:
        _until(tour.ledger, number, ProposalState.ACTIVE)
        for name in voters:
            _vote(tour, number, name)
    for number in numbers:
        _execute(tour, number)


def _vote(tour: _Tour, number: int, name: str) -> None:
    try:
        weight = tour.desk(name).vote(number, Support.FOR)
    except ConfigError:
        tour.say(f"{name} has no merit yet, hence no vote")
    else:
        tour.say(f"{name} votes for with weight {weight}, without gas")


def _execute(tour: _Tour, number: int) -> None:
    ledger, relay = tour.ledger, open_relay(tour.home)
    _until(ledger, number, ProposalState.SUCCEEDED)
    relay.queue(number)
    wait("the timelock's delay", lambda: ledger.latest_block().timestamp >= ledger.proposal(number).eta)
    relay.execute(number)
    tour.say("succeeded, waited in the timelock, executed")


def _until(ledger: Ledger, number: int, state: ProposalState) -> None:
    wait(f"proposal {number} to be {state.name.lower()}", lambda: ledger.proposal(number).state == state)
