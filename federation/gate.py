"""The gate: what is refused before it is scored, and the reason code that its owner sees.

Every check raises `Refused`; a refusal never ends a round. The codes are part of the protocol: they stand in the round
record, in the API and on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from federation.wire import WireError, decode
from node import cid as cids
from node.errors import SignatureInvalid
from node.records.chain import Address, Domain
from node.records.content import Cid
from node.records.members import Member, Role
from node.round_record import Refusal, ScoreSheet, SignedReceipt, SignedSheet, signed_receipt_from_json
from node.typed_data import check

REASONS: Mapping[str, str] = {
    "no-reply": "the node did not answer before the deadline",
    "client-error": "the node answered with an error",
    "malformed": "the reply or the update is not in the format of the protocol",
    "not-allowed": "the account is no active member with the role this takes",
    "no-access": "the member has no access to the run's restricted dataset; its owner grants it",
    "bad-signature": "the signature is not the account's over this statement",
    "wrong-round": "the statement is for another run or round",
    "wrong-spec": "the statement is for another run spec",
    "stale-base": "the update was trained from another checkpoint than the round's base",
    "duplicate": "the same update was handed in by another account",
    "unavailable": "the content was not served on IPFS in time",
    "corrupt": "the bytes on IPFS are not the ones the CID names",
    "too-large": "the update is larger than its format allows",
    "wrong-shape": "tensor names or shapes are not the checkpoint's",
    "not-finite": "the update holds NaN or infinity",
    "zero-update": "the update changes nothing",
    "norm": "the update's norm is too far above the round's median",
    "harmful": "evaluators measured that the update raises the loss",
    "bad-sheet": "the score sheet does not cover this round's updates",
    "disagrees": "the evaluator did not reach the same result",
}


class Refused(Exception):
    """Something a client sent that the round goes on without."""

    def __init__(self, reason: str, detail: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reason code {reason!r}; known: {sorted(REASONS)}")
        self.reason = reason
        self.detail = detail[:300]
        super().__init__(f"{reason}: {detail}")

    def refusal(self, member: Member, phase: str, update_cid: Cid | None = None) -> Refusal:
        """The line of the round record."""
        return Refusal(
            account=member.account,
            member_id=member.member_id,
            phase=phase,
            reason=self.reason,
            detail=self.detail,
            update_cid=update_cid,
        )


def check_member(member: Member | None, role: Role) -> Member:
    """Raises Refused("not-allowed")."""
    if member is None or not member.active or not member.roles & role:
        raise Refused("not-allowed", f"expected an active member with role {role.name}, got {member}")
    return member


def parse_receipt(raw: object) -> SignedReceipt:
    """Raises Refused("malformed")."""
    try:
        signed = signed_receipt_from_json(raw)
        if cids.digest(signed.update_cid) != signed.receipt.update_digest:
            raise ValueError(f"the receipt's digest is not that of {signed.update_cid}")
    except ValueError as error:
        raise Refused("malformed", str(error)) from error
    return signed


def check_receipt(
    signed: SignedReceipt,
    *,
    account: Address,
    domain: Domain,
    run_id: int,
    round_number: int,
    spec_cid: Cid,
    base_cid: Cid,
) -> None:
    """Is this the account's signed word about this round? Raises Refused."""
    receipt = signed.receipt
    if (receipt.run_id, receipt.round) != (run_id, round_number):
        raise Refused(
            "wrong-round", f"expected run {run_id} round {round_number}, got {receipt.run_id}/{receipt.round}"
        )
    if receipt.spec_digest != cids.digest(spec_cid):
        raise Refused("wrong-spec", f"expected the spec {spec_cid}, got digest 0x{receipt.spec_digest.hex()}")
    if receipt.base_digest != cids.digest(base_cid):
        raise Refused("stale-base", f"expected the base {base_cid}, got digest 0x{receipt.base_digest.hex()}")
    if receipt.account != account:
        raise Refused("bad-signature", f"expected a receipt of {account}, got one of {receipt.account}")
    try:
        check(domain, receipt, signed.signature, account)
    except SignatureInvalid as error:
        raise Refused("bad-signature", str(error)) from error
    except ValueError as error:
        raise Refused("malformed", str(error)) from error


def check_update(data: bytes, shapes: Mapping[str, tuple[int, ...]], top_k: int) -> dict[str, NDArray[np.float32]]:
    """The update's dense tensors. Raises Refused with the wire format's own code."""
    try:
        update = decode(data, shapes, top_k=top_k)
    except WireError as error:
        raise Refused(error.code, str(error)) from error
    if not any(tensor.any() for tensor in update.values()):
        raise Refused("zero-update", "expected an update that changes the checkpoint, got all zeros")
    return update


def outside_norm(norms: Mapping[Address, float], max_ratio: Decimal) -> dict[Address, Refused]:
    """Accounts whose update's norm exceeds `max_ratio` times the (lower) median of all."""
    if not norms:
        return {}
    ordered = sorted(norms.values())
    limit = float(max_ratio) * ordered[(len(ordered) - 1) // 2]
    return {
        account: Refused("norm", f"expected at most {limit:.6g}, got {norm:.6g}")
        for account, norm in norms.items()
        if norm > limit
    }


def check_sheet_covers(
    sheet: ScoreSheet,
    signed: SignedSheet,
    *,
    run_id: int,
    round_number: int,
    base_cid: Cid,
    seed: bytes,
    updates: Mapping[Address, bytes],
) -> None:
    """Does this sheet score exactly this round's admitted updates (account -> digest)? Raises Refused("bad-sheet")."""
    same = (sheet.run_id, sheet.round, sheet.base_cid, sheet.seed) == (run_id, round_number, base_cid, seed)
    if not same or sheet.account != signed.account:
        raise Refused("bad-sheet", f"expected round {round_number} from {base_cid} by {signed.account}, got another")
    covered = {s.account: s.update_digest for s in sheet.scores}
    if covered != dict(updates) or len(sheet.scores) != len(updates):
        raise Refused("bad-sheet", f"expected one score for each of {len(updates)} updates, got {len(sheet.scores)}")
