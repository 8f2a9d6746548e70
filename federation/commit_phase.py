"""The commit phase: the next checkpoint, the record, the co-signatures and the one transaction of a round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flwr.app import MessageType

from federation import replay
from federation.coordinator import Coordinator, RoundContext, RoundFailed
from federation.exchange import Answer, Patience, exchange, longest_work
from federation.gate import Refused
from federation.messages import CosignTask, HeldoutTask, Task
from federation.outcome import Outcome, RoundInputs, TooFewUpdates, outcome, round_reward
from federation.scoring_phase import Scored
from node.errors import LedgerRefused, SignatureInvalid
from node.proofs import contribution_tree
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import Member, Role
from node.round_record import Refusal, RoundRecord, SignedReceipt, to_json, tree_to_bytes
from node.typed_data import signer


def make_record(
    ctx: RoundContext,
    trained: Mapping[str, Any],
    receipts: Sequence[SignedReceipt],
    refusals: Sequence[Refusal],
    scored: Scored,
) -> RoundRecord:
    """Aggregate, step, measure; checkpoint and tree go to IPFS. Raises RoundFailed."""
    started, c = time.monotonic(), ctx.coordinator
    result = _outcome(ctx, receipts, scored)
    started = ctx.time_part("aggregate", started)
    checkpoint_cid = c.store.put(result.checkpoint)
    leaves = list(result.leaves)
    tree_cid = c.store.put(tree_to_bytes(leaves))
    started = ctx.time_part("ipfs", started)
    parent_loss, loss = _losses(ctx, checkpoint_cid)
    ctx.time_part("heldout", started)
    return RoundRecord(
        chain_id=c.ledger.chain_id(),
        run_id=ctx.run.run_id,
        round=ctx.number,
        spec_cid=ctx.run.spec_cid,
        spec_version=ctx.run.spec_version,
        dataset_digest=ctx.run.dataset_digest,
        base_cid=ctx.run.head_cid,
        deadline=trained["deadline"],
        leases=trained["leases"],
        receipts=tuple(receipts),
        refusals=(*refusals, *_harmful(ctx, result)),
        seed_block_number=scored.seed_block.number,
        seed_block_hash=scored.seed_block.hash,
        sheets=tuple(signed for signed, _ in scored.sheets),
        scores=result.scores,
        checkpoint_cid=checkpoint_cid,
        heldout_loss_micro=loss,
        parent_heldout_loss_micro=parent_loss,
        tree_cid=tree_cid,
        contributions_root=contribution_tree(c.ledger.domain("TrainingRuns"), leaves).root,
        reward=round_reward(leaves),
        timings_ms=dict(ctx.timings_ms),
    )


def _outcome(ctx: RoundContext, receipts: Sequence[SignedReceipt], scored: Scored) -> Outcome:
    c = ctx.coordinator
    inputs = RoundInputs(
        spec=ctx.spec,
        run_id=ctx.run.run_id,
        round=ctx.number,
        base=ctx.base,
        receipts={s.receipt.account: s.receipt for s in receipts},
        updates=ctx.updates,
        sheets=[sheet for _, sheet in scored.sheets],
        member_ids={m.account: m.member_id for m in c.ledger.members()},
        previous=replay.previous_leaves(c.ledger, c.store.get, ctx.run.run_id, ctx.run.head_round),
    )
    try:
        return outcome(inputs)
    except TooFewUpdates as error:
        raise RoundFailed("too-few-updates", str(error)) from error
    except ValueError as error:
        raise RoundFailed("bad-aggregate", str(error)) from error


def _harmful(ctx: RoundContext, result: Outcome) -> list[Refusal]:
    refusals = []
    for score in result.scores:
        if score.account not in result.counted:
            refused = Refused("harmful", f"expected a gain, got {score.gain_micro} +- {score.error_micro} millionths")
            refusals.append(ctx.refusal(score.account, refused, "score"))
    return refusals


def _losses(ctx: RoundContext, checkpoint_cid: Cid) -> tuple[int, int]:
    """Held-out loss of the parent and of the new checkpoint. The parent's is the chain's where its round measured that
    checkpoint on this dataset; else it is measured."""
    run = ctx.run
    parent = ctx.coordinator.ledger.round(run.run_id, run.head_round) if run.head_round else None
    if parent and (parent.commit.checkpoint_cid, parent.commit.dataset_digest) == (run.head_cid, run.dataset_digest):
        return parent.commit.heldout_loss_micro, _heldout(ctx, checkpoint_cid)
    return _heldout(ctx, run.head_cid), _heldout(ctx, checkpoint_cid)


def _heldout(ctx: RoundContext, checkpoint_cid: Cid) -> int:
    task = HeldoutTask(run_id=ctx.run.run_id, spec_cid=ctx.run.spec_cid, checkpoint_cid=checkpoint_cid)
    return ctx.coordinator.heldout(task)


def commit(ctx: RoundContext, record: RoundRecord) -> None:
    """Collect co-signatures and commit. Raises RoundFailed."""
    c, started = ctx.coordinator, time.monotonic()
    record_cid = c.store.put(record.to_bytes())
    statement = replay.commit_of(record, record_cid)
    task = CosignTask(run_id=ctx.run.run_id, round=ctx.number, record_cid=record_cid)
    domain = c.ledger.domain("TrainingRuns")
    ctx.tell("cosigning", record_cid=record_cid)
    cosigned = cosign(
        c, task, MessageType.EVALUATE, ctx.run.quorum, ctx.spec.round.cosign_deadline_seconds,
        lambda signature: signer(domain, statement, signature),
    )  # fmt: skip
    started = ctx.time_part("cosign", started, cosigned.work_ms)
    try:
        c.ledger.commit_round(statement, cosigned.signatures)
    except LedgerRefused as error:
        raise RoundFailed("commit-refused", str(error)) from error
    ctx.time_part("chain", started)


@dataclass(frozen=True, kw_only=True)
class Cosigned:
    """What the co-signing phase gathered."""

    signatures: Sequence[bytes]
    """In ascending order of the signers' addresses, as the chain wants them."""
    work_ms: int
    """Milliseconds that the slowest co-signer worked."""


def cosign(
    c: Coordinator,
    task: Task,
    message_type: str,
    quorum: int,
    deadline_seconds: float,
    recover: Callable[[bytes], Address],
) -> Cosigned:
    """Signatures of at least `quorum` evaluators. Raises RoundFailed("no-quorum")."""
    nodes = c.nodes(Role.EVALUATOR, quorum)
    patience = Patience(enough=max(quorum, len(nodes) - 1), grace_seconds=5, deadline_seconds=deadline_seconds)
    answers = exchange(c.grid, dict.fromkeys(nodes, task), message_type, patience, sleep=c.sleep)
    signatures: dict[Address, bytes] = {}
    refusals: list[Refusal] = []
    for answer in answers:
        member = nodes[answer.node_id]
        try:
            signatures[member.account] = _cosignature(answer, member, recover)
        except Refused as refused:
            refusals.append(refused.refusal(member, "cosign"))
            c.progress("refused", to_json(refusals[-1]))
    if len(signatures) < quorum:
        why = "; ".join(f"{r.account}: {r.reason}: {r.detail}" for r in refusals)
        raise RoundFailed("no-quorum", f"expected {quorum} co-signers, got {len(signatures)} ({why})")
    ordered = [signatures[account] for account in sorted(signatures, key=lambda a: int(a, 16))]
    return Cosigned(signatures=ordered, work_ms=longest_work(answers))


def _cosignature(answer: Answer, member: Member, recover: Callable[[bytes], Address]) -> bytes:
    if answer.refused:
        raise answer.refused
    try:
        signature = bytes.fromhex(str((answer.reply or {}).get("signature")))
        by = recover(signature)
    except ValueError as error:
        raise Refused("malformed", f"expected a signature in hex: {error}") from error
    except SignatureInvalid as error:
        raise Refused("bad-signature", str(error)) from error
    if by != member.account:
        raise Refused("bad-signature", f"expected a signature of {member.account} over this commit, got one of {by}")
    return signature
