"""What trainers and evaluators sign: it holds for exactly these values and for nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.receipts import check_sheet, sheet_statement, sign_receipt, sign_sheet
from node import cid as cids
from node.errors import SignatureInvalid
from node.typed_data import signer
from tests.support.tiny import DOMAIN, identity, receipt, score, sheet

DORA = identity("dora")
SHEET = sheet("dora", score("alice", 5))
CID = cids.of(SHEET.to_bytes())


def test_a_receipts_signature_leads_back_to_the_trainer() -> None:
    alice, update = identity("alice"), cids.of(b"update")

    signed = sign_receipt(alice, DOMAIN, receipt(alice.address, update), update)

    assert signer(DOMAIN, signed.receipt, signed.signature) == alice.address
    assert signed.update_cid == update


def test_a_sheet_is_signed_over_its_digest_run_and_round() -> None:
    statement = sheet_statement(SHEET, CID)

    assert (statement.run_id, statement.round, statement.account) == (1, 1, DORA.address)
    assert statement.sheet_digest == cids.digest(CID)


def test_a_sheet_as_signed_holds() -> None:
    check_sheet(DOMAIN, SHEET, sign_sheet(DORA, DOMAIN, SHEET, CID))


def test_one_changed_score_breaks_the_signature() -> None:
    signed = sign_sheet(DORA, DOMAIN, SHEET, CID)
    changed = sheet("dora", score("alice", 6))

    with pytest.raises(SignatureInvalid):
        check_sheet(DOMAIN, changed, replace(signed, cid=cids.of(changed.to_bytes())))


def test_a_sheet_signed_by_another_account_does_not_hold() -> None:
    with pytest.raises(SignatureInvalid):
        check_sheet(DOMAIN, SHEET, sign_sheet(identity("emil"), DOMAIN, SHEET, CID))


def test_a_sheet_of_another_round_does_not_hold() -> None:
    signed = sign_sheet(DORA, DOMAIN, SHEET, CID)

    with pytest.raises(SignatureInvalid):
        check_sheet(DOMAIN, replace(SHEET, round=2), signed)
