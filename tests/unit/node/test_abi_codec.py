"""Calls, logs and errors as bytes, by hand."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from node.abi_codec import abi_of, decode_call, decode_error, decode_log, decode_result, encode_call
from node.deployment import CONTRACTS
from node.governance import (
    article_of,
    ballot_params,
    describe,
    describe_action,
    kind_in,
    proposal_id,
    reason_word,
    words_of,
)
from node.records.chain import Address
from node.records.merit import MeritLeaf
from node.records.proposals import Action, ProposalKind

ACCOUNT = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
RAW = bytes.fromhex(ACCOUNT[2:])


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_abi_of_every_contract_loads(contract: str) -> None:
    assert abi_of(contract).functions


def test_a_contract_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of MemberRegistry"):
        abi_of("Token")


def test_a_call_is_a_selector_and_words() -> None:
    calldata = encode_call("MemberRegistry", "setActive", 3, False)
    assert calldata == keccak(text="setActive(uint256,bool)")[:4] + word(3) + word(0)
    assert decode_call("MemberRegistry", calldata) == ("setActive", {"memberId": 3, "active": False})


def test_a_struct_comes_out_by_component_name() -> None:
    leaf = (1, 2, 3, ACCOUNT, 4, 5, -6, b"\x07" * 32, 8, 9)
    data = (b"\x05" * 32, b"\x06" * 32, bytes(32), 11, 3)
    name, args = decode_call("RewardVault", encode_call("RewardVault", "claim", leaf, data, [b"\x01" * 32]))
    assert name == "claim"
    assert args["leaf"]["account"] == ACCOUNT
    assert args["leaf"]["score"] == -6
    assert args["data"]["cumulativeReward"] == 11
    assert args["proof"] == (b"\x01" * 32,)


def test_an_argument_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"setActive\(uint256,bool\): expected arguments that fit"):
        encode_call("MemberRegistry", "setActive", -1, False)


def test_calldata_of_another_contract_is_refused() -> None:
    with pytest.raises(ValueError, match="selector 0x01020304"):
        decode_call("MemberRegistry", bytes([1, 2, 3, 4]))


def test_a_result_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match=r"MemberRegistry.numMembers: expected ABI-encoded values"):
        decode_result("MemberRegistry", "numMembers", b"\x01")


def test_a_log_gives_indexed_and_plain_arguments_in_their_order() -> None:
    topics = [keccak(text="RewardClaimed(uint256,uint32,uint256,address,uint256,uint256)")]
    topics += [word(1), word(3), bytes(12) + RAW]
    decoded = decode_log("RewardVault", topics, word(2) + word(50) + word(70))
    assert decoded == (
        "RewardClaimed",
        {"runId": 1, "round": 2, "memberId": 3, "account": ACCOUNT, "amount": 50, "cumulativeReward": 70},
    )
    assert decoded is not None
    assert list(decoded[1]) == ["runId", "round", "memberId", "account", "amount", "cumulativeReward"]


def test_a_log_of_an_unknown_event_is_none() -> None:
    assert decode_log("RewardVault", [b"\x01" * 32], b"") is None
    assert decode_log("RewardVault", [], b"") is None


def test_a_log_cut_short_is_refused() -> None:
    topics = [keccak(text="RunFunded(uint256,address,uint256)"), word(1), word(2)]
    with pytest.raises(ValueError, match="RunFunded"):
        decode_log("RewardVault", topics, b"")


def test_a_custom_error_is_named_with_its_values() -> None:
    data = keccak(text="WrongRound(uint256,uint32,uint32)")[:4] + word(1) + word(2) + word(3)
    assert decode_error(data) == ("WrongRound", {"runId": 1, "round": 2, "expected": 3})


def test_an_error_of_openzeppelin_is_named_too() -> None:
    data = keccak(text="GovernorAlreadyCastVote(address)")[:4] + bytes(12) + RAW
    assert decode_error(data) == ("GovernorAlreadyCastVote", {"voter": ACCOUNT})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("Reverted", {})),
        (b"\x01\x02\x03\x04", ("Reverted", {"data": b"\x01\x02\x03\x04"})),
        (bytes.fromhex("4e487b71") + word(17), ("Panic", {"code": 17})),
        (bytes.fromhex("08c379a0") + word(32) + word(2) + b"no".ljust(32, b"\0"), ("Error", {"reason": "no"})),
    ],
)
def test_errors_that_are_no_contracts_own_are_told_apart(data: bytes, expected: tuple[str, dict[str, object]]) -> None:
    assert decode_error(data) == expected


def test_a_proposal_id_follows_from_actions_description_code_and_kind() -> None:
    action, code = Action(target=ACCOUNT, calldata=b"\x01", value=5), b"\x07" * 32
    tables = [word(1) + bytes(12) + RAW, word(1) + word(5), word(1) + word(32) + word(1) + b"\x01".ljust(32, b"\0")]
    heads = [word(160), word(160 + 64), word(160 + 128), keccak(text="why"), word(160 + 256)]
    expected = int.from_bytes(keccak(b"".join([*heads, *tables, word(1), code])), "big")
    for kind in ProposalKind:
        number = proposal_id([action], "why", [code], kind)
        assert (number >> 2, kind_in(number)) == (expected >> 2, kind)


def test_ballot_params_are_the_leaf_and_its_proof() -> None:
    leaf = MeritLeaf(epoch=1, member_id=2, account=ACCOUNT, merit=9, weight=3)
    expected = word(2) + word(9) + word(3) + word(128) + word(1) + b"\x04" * 32
    assert ballot_params(leaf, [b"\x04" * 32]) == expected


def test_a_description_ends_with_its_article_and_its_proposer() -> None:
    whole = describe("Why not\n", ACCOUNT, 12)
    assert whole == "Why not\n#article=12\n#proposer=0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
    assert (words_of(whole), article_of(whole)) == ("Why not", 12)
    assert (words_of("Why not"), article_of("Why not")) == ("Why not", 0)


def test_an_action_that_calls_nothing_we_know_is_described_as_unknown() -> None:
    ours = {"TrainingRuns": ACCOUNT}
    described = describe_action(ours, Action(target=ACCOUNT, calldata=b"\x01\x02\x03\x04"))
    assert described == {
        "contract": "TrainingRuns",
        "function": "unknown",
        "args": {"calldata": b"\x01\x02\x03\x04"},
    }


@pytest.mark.parametrize("reason", ["", "r" * 33, "größe"])
def test_a_reason_that_is_no_word_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 ASCII characters"):
        reason_word(reason)
