"""The score phase: evaluators measure every admitted update with draws that nobody could know before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flwr.app import MessageType

from federation.coordinator import FETCH_SECONDS, RoundContext, RoundFailed
from federation.exchange import Patience, exchange, longest_work
from federation.gate import Refused, check_sheet_covers
from federation.messages import ScoreTask
from federation.receipts import check_sheet
from federation.scoring import scoring_seed
from node.errors import ContentCorrupt, ContentUnavailable, SignatureInvalid
from node.records.chain import Address, Block
from node.records.members import Role
from node.round_record import (
    Refusal,
    ScoreSheet,
    SignedReceipt,
    SignedSheet,
    refusal_from_json,
    signed_sheet_from_json,
    to_json,
)

BLOCK_WAIT_SECONDS = 60.0
SHEET_BYTES = 4096
SCORE_BYTES = 512
"""No score sheet is longer than SHEET_BYTES and SCORE_BYTES for each update."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The sheets that hold, in order of account."""

    seed_block: Block
    sheets: Sequence[tuple[SignedSheet, ScoreSheet]]
    refusals: Sequence[Refusal]


def score(ctx: RoundContext, receipts: Sequence[SignedReceipt]) -> dict[str, Any]:
    """Ask all evaluators. Returns JSON for the journal."""
    c = ctx.coordinator
    block = _next_block(ctx)
    nodes = c.nodes(Role.EVALUATOR, ctx.run.quorum)
    task = ScoreTask(
        run_id=ctx.run.run_id,
        round=ctx.number,
        spec_cid=ctx.run.spec_cid,
        base_cid=ctx.run.head_cid,
        receipts=to_json(list(receipts)),
        seed_block_number=block.number,
    )
    patience = Patience(
        enough=max(ctx.run.quorum, len(nodes) - 1),
        grace_seconds=ctx.spec.round.grace_seconds,
        deadline_seconds=ctx.spec.round.score_deadline_seconds,
    )
    ctx.tell("scoring", members=[m.name for m in nodes.values()])
    answers = exchange(
        c.grid, dict.fromkeys(nodes, task), MessageType.EVALUATE, patience, sleep=c.sleep,
        on_answer=lambda a: ctx.tell("answered", phase="score", member=nodes[a.node_id].name, seconds=a.seconds),
    )  # fmt: skip
    sheets, refusals = [], []
    for answer in answers:
        member = nodes[answer.node_id]
        if answer.refused:
            refusals.append(answer.refused.refusal(member, "score"))
        elif answer.reply is not None:
            sheets.append({"account": member.account, "sheet": answer.reply.get("sheet")})
    return {
        "block_number": block.number,
        "sheets": sheets,
        "refusals": to_json(refusals),
        "work_ms": longest_work(answers),
    }


def _next_block(ctx: RoundContext) -> Block:
    """The first block mined after now: nobody knew its hash while they trained."""
    c = ctx.coordinator
    newest = c.ledger.latest_block().number
    give_up = c.clock() + BLOCK_WAIT_SECONDS
    while c.ledger.latest_block().number == newest:
        if c.clock() > give_up:
            raise RoundFailed("no-block", f"expected a block after {newest} within a minute, the chain stands still")
        c.sleep(0.1)
    return c.ledger.block_at(newest + 1)


def read_scores(ctx: RoundContext, scored: Mapping[str, Any], receipts: Sequence[SignedReceipt]) -> Scored:
    """Check every sheet. Raises RoundFailed below the quorum."""
    block = ctx.coordinator.ledger.block_at(scored["block_number"])
    refusals = [refusal_from_json(r) for r in scored["refusals"]]
    sheets: list[tuple[SignedSheet, ScoreSheet]] = []
    for reply in sorted(scored["sheets"], key=lambda r: str(r["account"])):
        account = Address(reply["account"])
        try:
            sheets.append(_read_sheet(ctx, account, reply["sheet"], block, receipts))
        except Refused as refused:
            refusals.append(ctx.refusal(account, refused, "score"))
    if len(sheets) < ctx.run.quorum:
        why = "; ".join(f"{r.account}: {r.reason}" for r in refusals)
        raise RoundFailed("too-few-sheets", f"expected {ctx.run.quorum}, got {len(sheets)} ({why})")
    return Scored(seed_block=block, sheets=sheets, refusals=refusals)


def _read_sheet(
    ctx: RoundContext, account: Address, raw: object, block: Block, receipts: Sequence[SignedReceipt]
) -> tuple[SignedSheet, ScoreSheet]:
    store, ledger = ctx.coordinator.store, ctx.coordinator.ledger
    try:
        signed = signed_sheet_from_json(raw)
        limit = SHEET_BYTES + SCORE_BYTES * len(receipts)
        sheet = ScoreSheet.from_bytes(store.get(signed.cid, timeout_seconds=FETCH_SECONDS, max_bytes=limit))
        if signed.account != account:
            raise Refused("bad-sheet", f"expected a sheet of {account}, got one of {signed.account}")
        check_sheet(ledger.domain("TrainingRuns"), sheet, signed)
    except ValueError as error:
        raise Refused("malformed", str(error)) from error
    except SignatureInvalid as error:
        raise Refused("bad-signature", str(error)) from error
    except (ContentUnavailable, ContentCorrupt) as error:
        raise Refused("unavailable", str(error)) from error
    check_sheet_covers(
        sheet,
        signed,
        run_id=ctx.run.run_id,
        round_number=ctx.number,
        base_cid=ctx.run.head_cid,
        seed=scoring_seed(block.hash, receipts),
        updates={s.receipt.account: s.receipt.update_digest for s in receipts},
    )
    store.pin(signed.cid)
    return signed, sheet
