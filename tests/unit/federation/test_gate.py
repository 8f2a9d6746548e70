"""The gate: each thing that is refused, with the reason code that its owner sees."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from federation.gate import (
    REASONS,
    Refused,
    check_member,
    check_receipt,
    check_sheet_covers,
    check_update,
    outside_norm,
    parse_receipt,
)
from federation.receipts import sign_sheet
from node import cid as cids
from node.records.chain import Address
from node.records.members import Member, Role
from node.round_record import ScoreSheet, SignedReceipt, SignedSheet, to_json
from tests.support.tiny import BASE_CID, DOMAIN, SEED, SPEC_CID, identity, payload, score, sheet, signed_receipt

SHAPES = {"a": (8, 8), "b": (5,)}
ALICE, BOB = identity("alice").address, identity("bob").address


def member(**changes: Any) -> Member:
    known = Member(
        member_id=3, account=ALICE, name="alice", roles=Role.TRAINER, active=True, joined_at=0, node_key_digest=b""
    )
    return replace(known, **changes)


def reason(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    return caught.value.reason


def check(signed: SignedReceipt, account: Address = ALICE) -> None:
    check_receipt(
        signed, account=account, domain=DOMAIN, run_id=1, round_number=1, spec_cid=SPEC_CID, base_cid=BASE_CID
    )


def update(**tensors: Any) -> dict[str, Any]:
    return {"a": np.ones((8, 8), np.float32), "b": np.ones(5, np.float32), **tensors}


# reasons


def test_a_reason_code_that_nobody_knows_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="unknown reason code 'bad luck'"):
        Refused("bad luck", "")


def test_every_reason_code_has_words_and_fits_the_chain() -> None:
    assert all(words and len(code) <= 32 and code.isascii() for code, words in REASONS.items())


def test_a_refusal_keeps_who_when_and_why_and_cuts_a_novel() -> None:
    line = Refused("norm", "x" * 1000).refusal(member(), "train", BASE_CID)

    assert (line.account, line.member_id, line.phase, line.reason) == (ALICE, 3, "train", "norm")
    assert (line.update_cid, len(line.detail)) == (BASE_CID, 300)


# members


def test_an_active_member_with_the_role_passes() -> None:
    assert check_member(member(roles=Role.TRAINER | Role.CURATOR), Role.TRAINER).member_id == 3


@pytest.mark.parametrize("who", [None, member(active=False), member(roles=Role.EVALUATOR)])
def test_a_stranger_a_barred_member_and_one_without_the_role_are_not_allowed(who: Member | None) -> None:
    assert reason(check_member, who, Role.TRAINER) == "not-allowed"


# receipts


def test_an_honest_receipt_passes_and_survives_the_wire() -> None:
    signed = signed_receipt("alice")

    assert parse_receipt(to_json(signed)) == signed
    check(signed)


@pytest.mark.parametrize(
    "raw",
    [None, 5, "receipt", [], {}, {"receipt": None}, {"receipt": {}}, [[[]]], {"receipt": [], "update_cid": 1}],
)
def test_a_reply_that_is_no_receipt_is_malformed(raw: object) -> None:
    assert reason(parse_receipt, raw) == "malformed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_samples", "16"),
        ("num_samples", 1.5),
        ("num_steps", True),
        ("round", None),
        ("account", 7),
        ("spec_digest", "0xzz"),
        ("end_loss_micro", [1]),
    ],
)
def test_a_field_of_another_type_is_malformed(field: str, value: object) -> None:
    raw = to_json(signed_receipt("alice"))
    raw["receipt"][field] = value

    assert reason(parse_receipt, raw) == "malformed"


@pytest.mark.parametrize("cid", ["", "bafy", 5, None, "Qm" + "a" * 44, "b" * 59])
def test_an_update_cid_that_is_none_is_malformed(cid: object) -> None:
    assert reason(parse_receipt, {**to_json(signed_receipt("alice")), "update_cid": cid}) == "malformed"


def test_a_receipt_over_another_update_than_its_cid_is_malformed() -> None:
    raw = {**to_json(signed_receipt("alice", b"one")), "update_cid": cids.of(b"two")}

    assert reason(parse_receipt, raw) == "malformed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"run_id": 2}, "wrong-round"),
        ({"round": 2}, "wrong-round"),
        ({"spec_digest": bytes(32)}, "wrong-spec"),
        ({"base_digest": bytes(32)}, "stale-base"),
    ],
)
def test_a_statement_about_something_else_gets_its_own_code(changes: dict[str, Any], code: str) -> None:
    assert reason(check, signed_receipt("alice", **changes)) == code


def test_a_receipt_of_another_account_is_a_bad_signature() -> None:
    assert reason(check, signed_receipt("bob")) == "bad-signature"
    assert reason(check, replace(signed_receipt("alice"), signature=signed_receipt("bob").signature)) == "bad-signature"


def test_a_signature_for_another_chain_is_bad() -> None:
    assert reason(check, signed_receipt("alice", domain=replace(DOMAIN, chain_id=1))) == "bad-signature"


@pytest.mark.parametrize("signature", [b"", bytes(65), bytes(64), b"\xff" * 65, bytes(64) + b"\x1b"])
def test_bytes_that_are_no_signature_are_bad(signature: bytes) -> None:
    assert reason(check, replace(signed_receipt("alice"), signature=signature)) == "bad-signature"


@pytest.mark.parametrize("changes", [{"num_samples": 2**64}, {"num_steps": -1}, {"end_loss_micro": 2**64}])
def test_a_number_too_wide_for_its_field_is_malformed(changes: dict[str, int]) -> None:
    signed = signed_receipt("alice")

    assert reason(check, replace(signed, receipt=replace(signed.receipt, **changes))) == "malformed"


# updates


def test_an_update_in_the_format_comes_out_dense() -> None:
    found = check_update(payload(update(), 4096), SHAPES, 4096)

    assert sorted(found) == ["a", "b"]
    assert found["a"].shape == (8, 8)
    assert found["a"].dtype == np.float32
    np.testing.assert_array_equal(found["a"], 1)


def test_what_the_wire_format_refuses_keeps_its_code() -> None:
    assert reason(check_update, b"not an update", SHAPES, 512) == "malformed"
    assert reason(check_update, b"", SHAPES, 512) == "malformed"
    assert reason(check_update, payload(update(), 256), SHAPES, 512) == "malformed"
    assert reason(check_update, payload({"c": np.ones(3, np.float32)}), SHAPES, 512) == "wrong-shape"
    assert reason(check_update, payload(update()) + bytes(4096), SHAPES, 512) == "too-large"


def test_an_update_of_zeros_changes_nothing_and_is_refused() -> None:
    zeros = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}

    assert reason(check_update, payload(zeros), SHAPES, 512) == "zero-update"


# norms


def norms(*values: float) -> dict[Address, float]:
    return {Address(f"0x{i}"): value for i, value in enumerate(values)}


def test_a_norm_beyond_the_ratio_over_the_lower_median_is_refused() -> None:
    found = outside_norm(norms(1.0, 2.0, 20.0, 20.1), Decimal(10))

    assert {account: refused.reason for account, refused in found.items()} == {"0x3": "norm"}
    assert found[Address("0x3")].detail == "expected at most 20, got 20.1"


def test_two_of_two_huge_norms_cannot_raise_the_bar_for_each_other() -> None:
    assert set(outside_norm(norms(1.0, 500.0), Decimal(10))) == {"0x1"}


def test_one_update_or_none_is_never_outside() -> None:
    assert outside_norm({}, Decimal(10)) == {}
    assert outside_norm(norms(1e30), Decimal(1)) == {}


# sheets


def covers(found: ScoreSheet, signed: SignedSheet | None = None, **changes: Any) -> None:
    signed = signed or sign_sheet(identity("dora"), DOMAIN, found, cids.of(found.to_bytes()))
    expected: dict[str, Any] = {"run_id": 1, "round_number": 1, "base_cid": BASE_CID, "seed": SEED}
    digest = cids.digest(cids.of(b"update"))
    check_sheet_covers(found, signed, updates={ALICE: digest, BOB: digest}, **{**expected, **changes})


def full(**changes: Any) -> ScoreSheet:
    return sheet("dora", score("alice", 5), score("bob", -5), **changes)


def test_a_sheet_over_exactly_these_updates_passes() -> None:
    covers(full())


@pytest.mark.parametrize("changes", [{"run_id": 2}, {"round_number": 2}, {"base_cid": SPEC_CID}, {"seed": bytes(32)}])
def test_a_sheet_for_another_round_base_or_seed_is_bad(changes: dict[str, Any]) -> None:
    assert reason(covers, full(), **changes) == "bad-sheet"


def test_a_sheet_that_leaves_one_out_or_adds_a_stranger_is_bad() -> None:
    assert reason(covers, sheet("dora", score("alice", 5))) == "bad-sheet"
    extra = sheet("dora", score("alice", 5), score("bob", 5), score("carol", 5))
    assert reason(covers, extra) == "bad-sheet"


def test_a_sheet_over_another_update_of_the_same_account_is_bad() -> None:
    assert reason(covers, sheet("dora", score("alice", 5), score("bob", 5, update=b"other"))) == "bad-sheet"


def test_a_sheet_cannot_vote_twice_on_one_update() -> None:
    stuffed = sheet("dora", score("alice", -9), score("alice", -9), score("alice", -9), score("bob", 5))

    assert reason(covers, stuffed) == "bad-sheet"


def test_a_sheet_signed_for_somebody_else_is_bad() -> None:
    found = full()
    signed = sign_sheet(identity("dora"), DOMAIN, replace(found, account=BOB), cids.of(found.to_bytes()))

    assert reason(covers, found, signed) == "bad-sheet"
