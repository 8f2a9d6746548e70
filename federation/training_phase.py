"""The train phase: leases out, receipts in, and the gate over every update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flwr.app import MessageType

from federation.aggregate import update_norm
from federation.coordinator import FETCH_SECONDS, RoundContext, RoundFailed
from federation.exchange import Patience, exchange, longest_work
from federation.gate import Refused, check_member, check_receipt, outside_norm, parse_receipt
from federation.messages import TrainTask
from node.data_access import readers
from node.errors import ContentCorrupt, ContentUnavailable
from node.records.artifacts import Artifact
from node.records.chain import Address
from node.records.content import Cid
from node.records.datasets import DatasetManifest, shards_of
from node.records.members import Member, Role
from node.round_record import Refusal, SignedReceipt, refusal_from_json, to_json


def train(ctx: RoundContext) -> dict[str, Any]:
    """Send the leases, wait for receipts. Returns JSON for the journal."""
    c, spec = ctx.coordinator, ctx.spec.round
    dataset = _dataset(ctx)
    nodes, refusals = _with_access(ctx, dataset, c.nodes(Role.TRAINER, spec.min_updates))
    leases = _leases(ctx, dataset, list(nodes.values()))
    deadline = int(c.clock()) + spec.deadline_seconds
    tasks = {
        node: TrainTask(
            run_id=ctx.run.run_id,
            round=ctx.number,
            spec_cid=ctx.run.spec_cid,
            base_cid=ctx.run.head_cid,
            shards=leases[member.account],
            deadline=deadline,
            attempt=ctx.attempt,
        )
        for node, member in nodes.items()
    }
    patience = Patience(
        enough=max(spec.min_updates, len(nodes) - 1),
        grace_seconds=spec.grace_seconds,
        deadline_seconds=spec.deadline_seconds,
    )
    ctx.tell("training", members=[m.name for m in nodes.values()])
    answers = exchange(
        c.grid, tasks, MessageType.TRAIN, patience, sleep=c.sleep,
        on_answer=lambda a: ctx.tell("answered", phase="train", member=nodes[a.node_id].name, seconds=a.seconds),
    )  # fmt: skip
    replies = []
    for answer in answers:
        member = nodes[answer.node_id]
        if answer.refused:
            refusals.append(answer.refused.refusal(member, "train"))
        elif answer.reply is not None:
            replies.append({"account": member.account, "receipt": answer.reply.get("receipt")})
    return {
        "deadline": deadline,
        "leases": leases,
        "replies": replies,
        "refusals": to_json(refusals),
        "work_ms": longest_work(answers),
    }


def _dataset(ctx: RoundContext) -> Artifact:
    artifact = ctx.coordinator.ledger.artifact(ctx.run.dataset_digest)
    if artifact is None:
        raise RoundFailed("no-dataset", f"expected dataset 0x{ctx.run.dataset_digest.hex()} to be registered")
    if not artifact.state.usable:
        state = artifact.state.name.lower().replace("_", " ")
        raise RoundFailed("no-dataset", f"expected a dataset that may be used, {artifact.cid} is {state}")
    return artifact


def _with_access(
    ctx: RoundContext, dataset: Artifact, nodes: Mapping[int, Member]
) -> tuple[dict[int, Member], list[Refusal]]:
    """The nodes that may read the dataset; the others are left out of this round, with a reason that all can read."""
    if not dataset.restricted:
        return dict(nodes), []
    allowed = readers(ctx.coordinator.ledger, dataset.digest)
    refused = Refused("no-access", f"expected a grant by the owner of {dataset.cid}; ask with `tenwings data request`")
    outside = [refused.refusal(member, "train") for member in nodes.values() if member.account not in allowed]
    return {node: member for node, member in nodes.items() if member.account in allowed}, outside


def _leases(ctx: RoundContext, dataset: Artifact, trainers: Sequence[Member]) -> dict[Address, list[Cid]]:
    """Train shards dealt out by member id, the same way every round."""
    c = ctx.coordinator
    shards = shards_of(DatasetManifest.from_bytes(c.store.get(dataset.cid)), "train")
    if not shards:
        raise RoundFailed("no-dataset", f"expected train shards in dataset {dataset.cid}, there are none")
    everyone = sorted(m.member_id for m in c.ledger.members() if m.roles & Role.TRAINER)
    leases = {}
    for member in trainers:
        start = everyone.index(member.member_id)
        mine = [s.cid for s in shards[start :: len(everyone)]]
        leases[member.account] = mine or [shards[start % len(shards)].cid]
    return leases


def admit(ctx: RoundContext, trained: Mapping[str, Any]) -> tuple[list[SignedReceipt], list[Refusal]]:
    """The gate over all replies, in order of account. Raises RoundFailed below the minimum."""
    refusals = [refusal_from_json(r) for r in trained["refusals"]]
    admitted: dict[Address, SignedReceipt] = {}
    for reply in sorted(trained["replies"], key=lambda r: str(r["account"])):
        account = Address(reply["account"])
        try:
            signed = _admit_one(ctx, account, reply["receipt"])
            if any(s.receipt.update_digest == signed.receipt.update_digest for s in admitted.values()):
                raise Refused("duplicate", f"expected an update of its own, got {signed.update_cid} again")
            admitted[account] = signed
        except Refused as refused:
            refusals.append(ctx.refusal(account, refused, "train"))
    norms = {account: update_norm(ctx.updates[account]) for account in admitted}
    for account, too_far in outside_norm(norms, ctx.spec.gate.max_norm_ratio).items():
        refusals.append(ctx.refusal(account, too_far, "train", admitted.pop(account).update_cid))
    ctx.tell("gated", admitted=len(admitted), refusals=to_json(refusals))
    if len(admitted) < ctx.spec.round.min_updates:
        why = "; ".join(f"{r.account}: {r.reason}" for r in refusals)
        raise RoundFailed("too-few-updates", f"expected {ctx.spec.round.min_updates}, got {len(admitted)} ({why})")
    ctx.updates = {account: ctx.updates[account] for account in admitted}
    return list(admitted.values()), refusals


def _admit_one(ctx: RoundContext, account: Address, raw: object) -> SignedReceipt:
    store, ledger = ctx.coordinator.store, ctx.coordinator.ledger
    check_member(ledger.member(account), Role.TRAINER)
    signed = parse_receipt(raw)
    check_receipt(
        signed,
        account=account,
        domain=ledger.domain("TrainingRuns"),
        run_id=ctx.run.run_id,
        round_number=ctx.number,
        spec_cid=ctx.run.spec_cid,
        base_cid=ctx.run.head_cid,
    )
    try:
        data = store.get(signed.update_cid, timeout_seconds=FETCH_SECONDS, max_bytes=ctx.payload.max_bytes)
    except ContentUnavailable as error:
        raise Refused("unavailable", str(error)) from error
    except ContentCorrupt as error:
        raise Refused("corrupt", str(error)) from error
    except ValueError as error:
        raise Refused("too-large", str(error)) from error
    ctx.updates[account] = ctx.payload.read(data)
    store.pin(signed.update_cid)
    return signed
