"""The round loop: lease, train, gate, score, aggregate, co-sign, commit; then the next one from the chain's head.

The coordinator decides nothing that others cannot redo: what it gathers goes into a record by CID, evaluators redo the
arithmetic before they sign, and the chain takes the commit only with their signatures. A phase that falls short closes
the round as failed and the head stays.
"""

from __future__ import annotations

import time

from flwr.app import MessageType

from federation import replay
from federation.commit_phase import commit, cosign, make_record
from federation.config import RunSpec
from federation.coordinator import Coordinator, RoundContext, RoundFailed, RunStopped
from federation.messages import EpochTask
from federation.scoring_phase import read_scores, score
from federation.training_phase import admit, train
from node.errors import LedgerRefused
from node.records.content import canonical_json
from node.records.merit import EpochCommit
from node.records.runs import RunState
from node.round_record import RoundRecord, merit_tree_to_bytes, to_json
from node.typed_data import signer

MAX_FAILED_ATTEMPTS = 3
FINALITY_SLACK_SECONDS = 60


def run_rounds(c: Coordinator, num_rounds: int) -> None:
    """Commit `num_rounds` more rounds, then cut a merit epoch. Raises RunStopped after repeated failures."""
    committed = failures = 0
    while committed < num_rounds:
        restore_head(c)
        ctx = RoundContext.open(c, attempt=failures)
        try:
            play(ctx, ctx.number + num_rounds - committed - 1)
            committed, failures = committed + 1, 0
        except RoundFailed as failure:
            failures += 1
            _close_failed(ctx, failure)
            if failures >= MAX_FAILED_ATTEMPTS:
                raise RunStopped(
                    f"round {ctx.number} failed {failures} times in a row, the last time with {failure}; "
                    "look at `tenwings status`, then run `tenwings train` again"
                ) from failure
    try:
        cut_epoch(c)
    except RoundFailed as failure:
        raise RunStopped(
            f"the rounds are committed, the merit epoch is not: {failure}; train again to cut it"
        ) from failure


def restore_head(c: Coordinator) -> None:
    """After a void the chain has to be told the head again, which anyone may do."""
    if c.ledger.run(c.run_id).head_known:
        return
    try:
        c.ledger.restore_head(c.run_id)
    except LedgerRefused as error:
        if error.rule != "HeadKnown":  # somebody was faster
            raise
    run = c.ledger.run(c.run_id)
    c.progress("head-restored", {"round": run.head_round, "head_cid": run.head_cid})


def play(ctx: RoundContext, target: int) -> RoundRecord:
    """One round, all phases; what was gathered before a crash is not asked for again. Raises RoundFailed."""
    c, run = ctx.coordinator, ctx.run
    c.journal.open_round(run.run_id, ctx.number, run.spec_cid, run.head_cid)
    ctx.tell("round-opened", target=target, base_cid=run.head_cid, spec_cid=run.spec_cid, spec_version=run.spec_version)
    started = time.monotonic()
    trained = c.journal.phase("train", lambda: train(ctx))
    receipts, refusals = admit(ctx, trained)
    started = ctx.time_part("train", started, trained["work_ms"])
    answered = c.journal.phase("score", lambda: score(ctx, receipts))
    scored = read_scores(ctx, answered, receipts)
    ctx.time_part("score", started, answered["work_ms"])
    record = make_record(ctx, trained, receipts, [*refusals, *scored.refusals], scored)
    commit(ctx, record)
    c.journal.close_round()
    ctx.tell("committed", **_summary(record), timings_ms=dict(ctx.timings_ms))
    return record


def _summary(record: RoundRecord) -> dict[str, object]:
    return {
        "checkpoint_cid": record.checkpoint_cid,
        "heldout_loss_micro": record.heldout_loss_micro,
        "parent_heldout_loss_micro": record.parent_heldout_loss_micro,
        "num_clients": len(record.receipts),
        "refusals": to_json(list(record.refusals)),
        "reward": str(record.reward),
    }


def _close_failed(ctx: RoundContext, failure: RoundFailed) -> None:
    c = ctx.coordinator
    c.journal.close_round()
    ctx.tell("round-failed", reason=failure.reason, detail=str(failure))
    note = {"run_id": c.run_id, "round": ctx.number, "reason": failure.reason, "detail": str(failure)}
    c.ledger.close_failed(c.run_id, ctx.number, c.store.put(canonical_json(note)), failure.reason)


def cut_epoch(c: Coordinator) -> EpochCommit | None:
    """Commit a merit epoch over all rounds so far, once the last is final. While a round is under dispute, over those
    that are final. None when there is nothing new."""
    run = c.ledger.run(c.run_id)
    if run.head_round and not run.disputed_round:
        _wait_final(c, run)
    upto = max((state.commit.round for state in c.ledger.rounds(c.run_id) if state.final), default=0)
    latest = _latest_epoch(c)
    if upto == 0 or (latest and latest.upto_round >= upto):
        return None
    number = (latest.epoch if latest else 0) + 1
    quorum = max(run.quorum, c.ledger.run(latest.run_id).quorum if latest else 0)  # as the contract has it
    statement, leaves = replay.epoch_of(c.ledger, c.store.get, c.run_id, number, upto)
    if statement.total_weight == 0:  # an epoch in which nobody weighs anything is refused: it would end all votes
        return None
    c.store.put(merit_tree_to_bytes(leaves))
    domain, spec = c.ledger.domain("MeritEpochs"), RunSpec.from_bytes(c.store.get(run.spec_cid))
    cosigned = cosign(
        c, EpochTask(run_id=c.run_id, epoch=number, upto_round=upto), MessageType.QUERY, quorum,
        spec.round.cosign_deadline_seconds, lambda signature: signer(domain, statement, signature),
    )  # fmt: skip
    c.ledger.commit_epoch(statement, cosigned.signatures)
    c.progress("epoch-committed", {"epoch": number, "upto_round": upto, "members": statement.count})
    return statement


def _latest_epoch(c: Coordinator) -> EpochCommit | None:
    number, latest = 1, None
    while (found := c.ledger.epoch(number)) is not None:
        number, latest = number + 1, found
    return latest


def _wait_final(c: Coordinator, run: RunState) -> None:
    """Not longer than until somebody disputes a round: then it is final only after a verdict."""
    give_up = c.clock() + run.params.dispute_window_seconds + FINALITY_SLACK_SECONDS
    while not ((state := c.ledger.round(run.run_id, run.head_round)) and state.final):
        if c.clock() > give_up:
            raise RunStopped(
                f"round {run.head_round} is not final a minute after its dispute window; is the chain alive?"
            )
        if c.ledger.run(run.run_id).disputed_round:
            return
        c.sleep(0.5)
