"""EIP-712: our digests against an independent implementation, and what a signature must be to count."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak

from node.errors import SignatureInvalid
from node.identity import Identity
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address, Domain
from node.records.content import Cid
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit
from node.records.proposals import Ballot, ProposalStatement, Support
from node.records.rounds import Receipt, RoundCommit, SheetStatement
from node.typed_data import HALF_ORDER, Signable, check, digest, recover, sign, signer, wallet_message

ORDER = 2 * HALF_ORDER + 1
MEMBER = Identity(bytes(31) + b"\x01")
OTHER = Identity(bytes(31) + b"\x02")
CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
DOMAIN = Domain(name="TenWings TrainingRuns", version="1", chain_id=31337, verifying_contract=CONTRACT)
CID = Cid("bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")

JOIN = JoinRequest(
    account=MEMBER.address, roles=Role.TRAINER | Role.EVALUATOR, node_key_digest=b"\x05" * 32, name="Ada ✓", deadline=9
)
COMMIT = RoundCommit(
    run_id=1,
    round=2,
    spec_digest=b"\x01" * 32,
    dataset_digest=b"\x04" * 32,
    parent_digest=b"\x02" * 32,
    checkpoint_cid=CID,
    contributions_root=b"\x03" * 32,
    record_cid=CID,
    num_clients=4,
    reward=5,
    heldout_loss_micro=6,
)
RECEIPT = Receipt(
    run_id=1,
    round=2,
    account=MEMBER.address,
    spec_digest=b"\x01" * 32,
    base_digest=b"\x02" * 32,
    update_digest=b"\x03" * 32,
    num_samples=4,
    num_steps=5,
    start_loss_micro=6,
    end_loss_micro=7,
)
RECORDS: list[Signable] = [
    JOIN,
    Voucher(account=MEMBER.address, roles=Role.CURATOR, deadline=9),
    Registration(
        account=MEMBER.address,
        kind=ArtifactKind.DATASET,
        cid=CID,
        licence="CC-BY-4.0",
        parents=(b"\x07" * 32, b"\x08" * 32),
        deadline=9,
    ),
    Registration(account=MEMBER.address, kind=ArtifactKind.VIDEO, cid=CID, licence="CC0-1.0", deadline=9),
    COMMIT,
    EpochCommit(
        epoch=1, run_id=1, upto_round=8, root=b"\x01" * 32, total_weight=10, max_weight=3, count=5, tree_cid=CID
    ),
    ProposalStatement(proposer=MEMBER.address, proposal_id=2**255, deadline=9),
    Ballot(proposal_id=2**255, support=Support.FOR, voter=MEMBER.address, reason="yes", params=b"\x01\x02"),
    RECEIPT,
    SheetStatement(run_id=1, round=2, account=MEMBER.address, sheet_digest=b"\x01" * 32),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_the_digest_is_the_one_that_a_wallet_makes_of_the_message(record: Signable) -> None:
    wallet = encode_typed_data(full_message=wallet_message(DOMAIN, record))
    assert digest(DOMAIN, record) == _hash_eip191_message(wallet)


def test_the_voucher_digest_is_built_as_the_standard_says() -> None:
    voucher = Voucher(account=MEMBER.address, roles=Role.CURATOR, deadline=9)
    account, contract = bytes.fromhex(MEMBER.address[2:]), bytes.fromhex(CONTRACT[2:])
    separator = keccak(
        keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(text="TenWings TrainingRuns")
        + keccak(text="1")
        + (31337).to_bytes(32, "big")
        + bytes(12)
        + contract
    )
    struct = keccak(
        keccak(text="Voucher(address account,uint8 roles,uint64 deadline)")
        + bytes(12)
        + account
        + (4).to_bytes(32, "big")
        + (9).to_bytes(32, "big")
    )
    assert digest(DOMAIN, voucher) == keccak(b"\x19\x01" + separator + struct)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_the_signer_is_found_from_the_signature(record: Signable) -> None:
    assert signer(DOMAIN, record, sign(MEMBER, DOMAIN, record)) == MEMBER.address


def test_a_signature_by_another_account_is_refused_with_both_named() -> None:
    with pytest.raises(SignatureInvalid, match=f"signed by {MEMBER.address}.*signature by {OTHER.address}"):
        check(DOMAIN, RECEIPT, sign(OTHER, DOMAIN, RECEIPT), MEMBER.address)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Receipt)])
def test_a_changed_field_of_a_receipt_spoils_its_signature(field: str) -> None:
    signature = sign(MEMBER, DOMAIN, RECEIPT)
    value = getattr(RECEIPT, field)
    changed = OTHER.address if field == "account" else bytes(32) if isinstance(value, bytes) else value + 1
    change: dict[str, Any] = {field: changed}
    forged = dataclasses.replace(RECEIPT, **change)
    with pytest.raises(SignatureInvalid):
        check(DOMAIN, forged, signature, MEMBER.address)


@pytest.mark.parametrize(
    "change", [{"chain_id": 1}, {"verifying_contract": OTHER.address}, {"name": "Other"}, {"version": "2"}]
)
def test_a_signature_for_another_domain_is_refused(change: dict[str, Any]) -> None:
    elsewhere = dataclasses.replace(DOMAIN, **change)
    with pytest.raises(SignatureInvalid):
        check(DOMAIN, JOIN, sign(MEMBER, elsewhere, JOIN), MEMBER.address)


def test_the_malleated_twin_of_a_signature_is_refused() -> None:
    signature = sign(MEMBER, DOMAIN, JOIN)
    high = ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(SignatureInvalid, match="low s"):
        signer(DOMAIN, JOIN, twin)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x01" * 64,
        b"\x01" * 66,
        bytes(65),
        bytes(64) + b"\x1b",
        b"\xff" * 32 + bytes(31) + b"\x01\x1b",
        b"\x05".rjust(32, b"\0") + bytes(31) + b"\x01\x1b",
        b"\x01" * 64 + b"\x00",
        b"\x01" * 64 + b"\x1d",
        b"\xff" * 65,
    ],
    ids=lambda garbage: f"{len(garbage)} bytes {garbage[:2].hex()}..{garbage[-1:].hex()}",
)
def test_garbage_is_refused_as_no_signature(garbage: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        check(DOMAIN, JOIN, garbage, MEMBER.address)


def test_signatures_are_canonical_and_the_same_each_time() -> None:
    for number in range(50):
        record = dataclasses.replace(JOIN, deadline=number)
        signature = sign(MEMBER, DOMAIN, record)
        assert len(signature) == 65
        assert int.from_bytes(signature[32:64], "big") <= HALF_ORDER
        assert signature[64] in (27, 28)
        assert signature == sign(MEMBER, DOMAIN, record)


def test_a_number_too_wide_is_refused_with_its_field_named() -> None:
    with pytest.raises(ValueError, match="deadline: expected a uint64"):
        digest(DOMAIN, dataclasses.replace(JOIN, deadline=2**64))


def test_a_digest_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="nodeKeyDigest: expected a bytes32"):
        digest(DOMAIN, dataclasses.replace(JOIN, node_key_digest=b"\x05" * 31))


def test_recovering_works_without_a_record() -> None:
    assert recover(b"\x11" * 32, MEMBER.sign_digest(b"\x11" * 32)) == MEMBER.address
