"""The main job, whole, on one machine: everything real, in a few minutes, with its numbers.

A network comes up, five members join by signed messages, a dataset is registered, rounds are trained by Flower, a vote
between two rounds changes the spec, rewards are claimed by proof, a video is sampled, and an audit replays it all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from federation.audit_report import audit_run
from federation.config import RunSpec
from federation.datasets import LICENCE, DatasetPlan, build
from federation.joining import join, parse_roles
from federation.network import start_nodes, up
from federation.plots import Curve, plot_losses
from federation.progress import watch
from federation.proposals import plan_spec
from federation.provenance import verify_video
from federation.runs import create_run, train
from federation.sampling import SampleRequest, sample_videos
from federation.server_app import progress_path
from federation.stage import Stage, wait
from node.config import Home
from node.console import Out, loss, short, tokens
from node.errors import SignatureInvalid
from node.governance import needs
from node.local_ports import Ports
from node.records.artifacts import ArtifactKind
from node.records.proposals import ProposalState, Support
from node.records.rounds import RoundStatus
from node.round_record import RoundRecord
from node.wiring import COORDINATOR, open_ledger, open_relay, open_store

CAST = {"alice": "trainer", "bruno": "trainer", "chen": "trainer", "dora": "evaluator", "emeka": "evaluator"}
PROMPTS = (
    "a red ball moves right behind a pillar on a mint background",
    "a blue ball moves right on a navy background and bounces off the right wall",
    "a green square falls on a cream background",
    "a rabbit on green grass",
)
VOTED = {"inner.num_steps": "20"}
BALLOTS = {"alice": Support.FOR, "bruno": Support.FOR, "dora": Support.FOR, "emeka": Support.AGAINST}


@dataclass(frozen=True, kw_only=True)
class DemoPlan:
    """What the demo is asked to do."""

    num_rounds: int = 6
    keep: bool = False
    """Leave the network up."""
    out: Path = Path("demo-out")
    spec: RunSpec = field(default_factory=RunSpec)
    data: DatasetPlan = field(default_factory=DatasetPlan)


@dataclass(kw_only=True)
class _Stage(Stage):
    """The demo's state."""

    plan: DemoPlan


def run_demo(home: Home, plan: DemoPlan, out: Out) -> None:
    """Play all parts; the network is taken down at the end, unless kept, and on every error."""
    stage = _Stage(home=home, plan=plan, out=out)
    with stage.curtain(keep=plan.keep):
        _play(stage)


def _play(stage: _Stage) -> None:
    out, home, plan = stage.out, stage.home, stage.plan
    started = time.monotonic()
    with stage.part(1, "start", "The network comes up"):
        ports = up(home, attached=not plan.keep, tell=lambda what: out.say(f"  {what}"))
        out.say(f"  dashboard: {ports.api_url}")
    with stage.part(2, "join", "Five members join by signed messages; a dataset is registered"):
        run_id = _found(stage)
    before_vote = plan.num_rounds // 2
    with stage.part(3, "rounds", f"{before_vote} rounds of training"), watch(out, before_vote) as tell:
        train(home, run_id, before_vote, tell=tell)
    with stage.part(4, "vote", "A vote between two rounds"):
        _vote(stage, run_id)
    after_vote = plan.num_rounds - before_vote
    with stage.part(3, "rounds", f"{after_vote} more rounds, with the voted spec"), watch(out, after_vote) as tell:
        train(home, run_id, after_vote, tell=tell)
    with stage.part(5, "rewards", "Rewards claimed by Merkle proof"):
        _claim(stage, run_id)
    with stage.part(6, "video", "A video from the last checkpoint, and the loss of each round"):
        summary = _show(stage, run_id)
    with stage.part(7, "audit", "The audit replays everything but training"):
        audit_run(home, run_id, out)
    _finish(stage, run_id, summary, time.monotonic() - started)


def _found(stage: _Stage) -> int:
    for name, role in CAST.items():
        member = join(stage.home, name, parse_roles(role), attached=False, start=False)
        stage.out.say(f"  {name}: member {member.member_id}, {role}, {short(member.account)}")
    start_nodes(stage.home, list(CAST), attached=not stage.plan.keep)
    desk = stage.desk("alice")
    cid, manifest = build(desk.store, stage.plan.data, lambda text: stage.out.say(f"  {text}"))
    desk.register(ArtifactKind.DATASET, cid, LICENCE)
    stage.out.say(f"  dataset {short(cid)}, licence {LICENCE}: {manifest.attribution}")
    run = create_run(stage.home, stage.plan.spec, cid)
    stage.out.say(f"  run {run.run_id}: preset {stage.plan.spec.model.preset}, spec {short(run.spec_cid)}")
    return run.run_id


def _vote(stage: _Stage, run_id: int) -> None:
    wait("a merit epoch to become final", lambda: open_ledger(stage.home).final_epoch() > 0)
    desk = stage.desk("bruno")
    plan = plan_spec(desk, run_id, VOTED)
    why = "More inner steps per round: fewer messages per sample."
    number = desk.propose(plan.actions, plan.text(why), plan.article)
    effect = "; ".join(f"{name}: {before} → {after}" for name, (before, after) in plan.changes.items())
    ledger, relay = open_ledger(stage.home), open_relay(stage.home)
    found = ledger.proposal(number)
    stage.out.say(f"  bruno proposes {effect}; {found.kind.name.lower()}: needs {needs(found.hurdles)}")
    wait("the vote to open", lambda: ledger.proposal(number).state == ProposalState.ACTIVE)
    for name, support in BALLOTS.items():
        weight = stage.desk(name).vote(number, support)
        stage.out.say(f"  {name} votes {support.name.lower()} with weight {weight}, without gas")
    wait("the proposal to succeed", lambda: ledger.proposal(number).state == ProposalState.SUCCEEDED)
    relay.queue(number)
    stage.out.say("  succeeded, queued in the timelock")
    wait("the timelock's delay", lambda: ledger.latest_block().timestamp >= ledger.proposal(number).eta)
    relay.execute(number)
    run = ledger.run(run_id)
    stage.out.say(f"  executed: spec is now v{run.spec_version}, {short(run.spec_cid)}, from round {run.next_round}")


def _claim(stage: _Stage, run_id: int) -> None:
    for name in CAST:
        desk = stage.desk(name)
        paid = desk.claim(run_id)
        stage.out.say(f"  {name}: {tokens(paid)} paid, balance {tokens(desk.ledger.reward_balance(desk.account))}")


def _show(stage: _Stage, run_id: int) -> dict[str, Any]:
    curve = loss_curve(stage.home, run_id)
    folder = stage.plan.out
    folder.mkdir(parents=True, exist_ok=True)
    sheet, cid = sample_videos(stage.home, run_id, None, SampleRequest(prompts=PROMPTS), folder / "sample.mp4")
    plot = folder / "loss.png"
    plot_losses(curve, plot)
    stage.out.say(f'  "{PROMPTS[0]}": {folder / "sample.mp4"}\n  with three more prompts: {sheet}\n  losses: {plot}')
    verdict = verify_video(stage.home, folder / "sample.mp4")
    if verdict.problem:
        raise SignatureInvalid(verdict.problem)
    stage.out.say("  signed and marked; `tenwings verify` reads prompt, seed and checkpoint back")
    return {"losses_micro": list(curve.losses_micro), "checkpoint": cid}


def loss_curve(home: Home, run_id: int) -> Curve:
    """Held-out loss at the genesis checkpoint and after every round, from the chain."""
    ledger, store = open_ledger(home), open_store(home, COORDINATOR)
    losses: list[int] = []
    for state in ledger.rounds(run_id):
        if state.status == RoundStatus.VOIDED:
            continue
        if not losses:
            losses.append(RoundRecord.from_bytes(store.get(state.commit.record_cid)).parent_heldout_loss_micro)
        losses.append(state.commit.heldout_loss_micro)
    return Curve(losses_micro=tuple(losses))


def _finish(stage: _Stage, run_id: int, summary: Mapping[str, Any], seconds: float) -> None:
    losses, out = summary["losses_micro"], stage.out
    fall = 100 * (1 - losses[-1] / losses[0])
    inside = round_parts(stage.home, run_id)
    result = {
        **summary,
        "fall_percent": round(fall, 2),
        "seconds": round(seconds, 1),
        "parts_seconds": {k: round(v, 1) for k, v in stage.seconds.items()},
        "rounds_seconds": {k: round(v, 1) for k, v in inside.items()},
    }
    out.result(
        result,
        f"\n[bold]Held-out loss {loss(losses[0])} → {loss(losses[-1])}, {fall:.1f} % lower[/bold]\n"
        f"in all {seconds:.0f} s: {_listed(stage.seconds)}\n"
        f"of the rounds: {_listed(inside)}",
    )
    url = Ports.of(stage.home).api_url
    if stage.plan.keep:
        out.say(f"\nThe network stays up: {url} (tenwings down --home {stage.home.root} stops it)")
    else:
        out.say(f"\nThe dashboard was at {url}; `make demo KEEP=1` leaves it up.")


def _listed(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())


PART_NAMES = {
    "train": "training",
    "score": "scoring",
    "aggregate": "aggregation",
    "heldout": "held-out loss",
    "cosign": "co-signing",
    "ipfs": "IPFS",
    "chain": "chain",
}


def round_parts(home: Home, run_id: int) -> dict[str, float]:
    """Seconds of all committed rounds by part; what no node worked in a phase is Flower's own waiting."""
    parts = dict.fromkeys([*PART_NAMES.values(), "Flower's waiting"], 0.0)
    for line in progress_path(home, run_id).read_text().splitlines():
        event = json.loads(line)
        if event["event"] != "committed":
            continue
        timings = event["timings_ms"]
        for part, name in PART_NAMES.items():
            waited = timings.get(f"{part}_wait", 0)
            parts[name] += (timings.get(part, 0) - waited) / 1000
            parts["Flower's waiting"] += waited / 1000
    return parts
