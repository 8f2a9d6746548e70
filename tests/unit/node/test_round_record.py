"""The JSON objects of a round: they survive their bytes exactly, and anything else is refused as one ValueError."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import cid as cids
from node.records.chain import Address
from node.records.merit import MeritLeaf
from node.records.rounds import ContributionLeaf, Receipt
from node.round_record import (
    Refusal,
    RoundRecord,
    ScoreSheet,
    SignedReceipt,
    SignedSheet,
    UpdateScore,
    merit_tree_from_bytes,
    merit_tree_to_bytes,
    refusal_from_json,
    signed_receipt_from_json,
    signed_sheet_from_json,
    to_json,
    tree_from_bytes,
    tree_to_bytes,
)

ALICE, DORA = Address("0x" + "a" * 40), Address("0x" + "d" * 40)
CID = cids.of(b"something")
DIGEST = cids.digest(CID)
RECEIPT = Receipt(
    run_id=1, round=2, account=ALICE, spec_digest=DIGEST, base_digest=bytes(32), update_digest=DIGEST,
    num_samples=2**64 - 1, num_steps=30, start_loss_micro=2, end_loss_micro=1,
)  # fmt: skip
SIGNED = SignedReceipt(receipt=RECEIPT, update_cid=CID, signature=bytes(range(65)))
SCORE = UpdateScore(account=ALICE, update_digest=DIGEST, gain_micro=-(2**63), error_micro=2**63 - 1)
SHEET = ScoreSheet(
    run_id=1, round=2, account=DORA, base_cid=CID, seed=bytes([9]) * 32, base_loss_micro=1_500_000, num_draws=8,
    scores=(SCORE, replace(SCORE, account=DORA, gain_micro=5)),
)  # fmt: skip
REFUSAL = Refusal(account=ALICE, member_id=3, phase="train", reason="norm", detail="expected é, got \ud800 [/x]")
RECORD = RoundRecord(
    chain_id=31337,
    run_id=1,
    round=2,
    spec_cid=CID,
    spec_version=4,
    dataset_digest=bytes([6]) * 32,
    base_cid=CID,
    deadline=1_750_000_000,
    leases={ALICE: [CID, CID], DORA: []},
    receipts=(SIGNED,),
    refusals=(REFUSAL, replace(REFUSAL, update_cid=CID)),
    seed_block_number=77,
    seed_block_hash=bytes([7]) * 32,
    sheets=(SignedSheet(account=DORA, cid=CID, signature=bytes(65)),),
    scores=(SCORE,),
    checkpoint_cid=CID,
    heldout_loss_micro=1_400_000,
    parent_heldout_loss_micro=1_500_000,
    tree_cid=CID,
    contributions_root=bytes([5]) * 32,
    reward=2**96 - 1,
    timings_ms={"train": 41_000, "score": 0},
    failure="",
)
LEAF = ContributionLeaf(
    run_id=1, round=2, member_id=3, account=ALICE, samples=16, steps=2, score=-5, update_digest=DIGEST,
    reward=10**20, cumulative_reward=2**128 - 1,
)  # fmt: skip
MERIT = MeritLeaf(epoch=1, member_id=3, account=ALICE, merit=800_000, weight=89_442)


def damaged(data: bytes, path: list[str | int], value: Any) -> bytes:
    """The same JSON with one place changed."""
    raw = json.loads(data)
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(raw).encode()


# exactly


def test_a_round_record_survives_its_bytes_exactly() -> None:
    again = RoundRecord.from_bytes(RECORD.to_bytes())

    assert again == RECORD
    assert again.to_bytes() == RECORD.to_bytes()


def test_an_empty_round_record_survives_too() -> None:
    empty = replace(
        RECORD, leases={}, receipts=(), refusals=(), sheets=(), scores=(), timings_ms={}, failure="too-few-updates"
    )

    assert RoundRecord.from_bytes(empty.to_bytes()) == empty


def test_a_score_sheet_survives_its_bytes_exactly() -> None:
    assert ScoreSheet.from_bytes(SHEET.to_bytes()) == SHEET


def test_trees_survive_their_bytes_in_order_of_member() -> None:
    second = replace(LEAF, member_id=1, account=DORA)
    assert tree_from_bytes(tree_to_bytes([LEAF, second])) == [second, LEAF]
    assert tree_to_bytes([LEAF, second]) == tree_to_bytes([second, LEAF])
    assert merit_tree_from_bytes(merit_tree_to_bytes([MERIT, replace(MERIT, member_id=2)])) == [
        replace(MERIT, member_id=2), MERIT
    ]  # fmt: skip


def test_replies_of_nodes_survive_json() -> None:
    assert signed_receipt_from_json(json.loads(json.dumps(to_json(SIGNED)))) == SIGNED
    assert signed_sheet_from_json(json.loads(json.dumps(to_json(RECORD.sheets[0])))) == RECORD.sheets[0]
    assert refusal_from_json(json.loads(json.dumps(to_json(REFUSAL)))) == REFUSAL


def test_bytes_are_hex_and_wei_is_text() -> None:
    raw = json.loads(RECORD.to_bytes())

    assert raw["version"] == 1
    assert raw["contributions_root"] == "0x" + "05" * 32
    assert raw["reward"] == "79228162514264337593543950335"
    assert raw["scores"][0]["gain_micro"] == -(2**63)
    assert raw["refusals"][0]["update_cid"] is None


@given(
    reward=st.integers(0, 2**96 - 1),
    detail=st.text(max_size=50),
    leases=st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), max_size=3), max_size=3),
    timings=st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    signature=st.binary(max_size=70),
)
def test_whatever_a_record_holds_survives(
    reward: int, detail: str, leases: dict[str, list[str]], timings: dict[str, int], signature: bytes
) -> None:
    record = replace(
        RECORD,
        reward=reward,
        refusals=(replace(REFUSAL, detail=detail),),
        leases=leases,
        timings_ms=timings,
        receipts=(replace(SIGNED, signature=signature),),
    )

    assert RoundRecord.from_bytes(record.to_bytes()) == record


# refused

READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "a round record": (RoundRecord.from_bytes, RECORD.to_bytes()),
    "a score sheet": (ScoreSheet.from_bytes, SHEET.to_bytes()),
    "a contributions tree": (tree_from_bytes, tree_to_bytes([LEAF])),
    "a merit tree": (merit_tree_from_bytes, merit_tree_to_bytes([MERIT])),
}
GARBAGE = [
    b"",
    b"\xff\xfe",
    b"{",
    b"[]",
    b"5",
    b"null",
    b'"x"',
    b"{}",
    b'{"version":1}',
    b'{"version":2}',
    b"[" * 50_000,
]


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize("data", GARBAGE, ids=lambda data: repr(data[:14]))
def test_garbage_is_refused_by_name(what: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=f"^expected {what}: "):
        READERS[what][0](data)


@pytest.mark.parametrize("what", READERS)
def test_every_field_is_needed(what: str) -> None:
    read, data = READERS[what]
    for name in json.loads(data):
        raw = json.loads(data)
        del raw[name]
        with pytest.raises(ValueError, match=f"^expected {what}: "):
            read(json.dumps(raw).encode())


@pytest.mark.parametrize("text", [b"1.0", b"1e3", b"NaN", b"Infinity", b"-Infinity"])
def test_a_float_anywhere_is_refused(text: bytes) -> None:
    for what, (read, data) in READERS.items():
        changed = data.replace(b'"version":1', b'"another":' + text + b',"version":1')
        assert changed != data
        with pytest.raises(ValueError, match=f"^expected {what}: .*expected integers and text alone"):
            read(changed)


def test_a_record_with_a_float_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="records hold no floats"):
        replace(RECORD, timings_ms={"train": 1.5}).to_bytes()  # type: ignore[dict-item]


WRONG: list[tuple[list[str | int], Any]] = [
    (["run_id"], "1"),
    (["round"], True),
    (["round"], None),
    (["spec_cid"], 5),
    (["failure"], None),
    (["seed_block_hash"], 5),
    (["seed_block_hash"], "0xzz"),
    (["contributions_root"], None),
    (["reward"], "much"),
    (["reward"], []),
    (["leases"], []),
    (["leases"], {"a": "cid"}),
    (["leases"], {"a": [1]}),
    (["timings_ms"], {"train": "long"}),
    (["timings_ms"], [1]),
    (["receipts"], None),
    (["receipts"], 5),
    (["receipts"], ["x"]),
    (["receipts", 0, "receipt"], None),
    (["receipts", 0, "receipt", "num_steps"], "2"),
    (["receipts", 0, "signature"], 7),
    (["refusals"], {"a": 1}),
    (["refusals", 0, "member_id"], "3"),
    (["refusals", 0, "detail"], ["x"]),
    (["refusals", 0, "update_cid"], 5),
    (["sheets", 0, "cid"], None),
    (["scores", 0, "gain_micro"], "5"),
    (["scores", 0, "gain_micro"], 2**63),
    (["scores", 0, "error_micro"], -1),
    (["scores", 0, "update_digest"], 0),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{'.'.join(map(str, p))}={str(v)[:9]}" for p, v in WRONG])
def test_a_field_of_another_type_or_range_is_refused(path: list[str | int], value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a round record: "):
        RoundRecord.from_bytes(damaged(RECORD.to_bytes(), path, value))


@pytest.mark.parametrize("value", ["5", None, [], {}, True, 2**63, -(2**63) - 1, 10**400])
def test_a_sheets_gain_is_a_64_bit_integer(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a score sheet: "):
        ScoreSheet.from_bytes(damaged(SHEET.to_bytes(), ["scores", 0, "gain_micro"], value))


@pytest.mark.parametrize("raw", [None, 5, "x", [], {}, {"receipt": 5}, {"account": 5, "cid": 6, "signature": 7}])
def test_a_reply_that_is_something_else_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a signed receipt: "):
        signed_receipt_from_json(raw)
    with pytest.raises(ValueError, match=r"^expected a signed score sheet: "):
        signed_sheet_from_json(raw)
    with pytest.raises(ValueError, match=r"^expected a refusal: "):
        refusal_from_json(raw)


def test_a_score_beyond_64_bits_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="gain_micro"):
        replace(SCORE, gain_micro=2**63)
    with pytest.raises(ValueError, match="error_micro: expected 0"):
        replace(SCORE, error_micro=-1)
