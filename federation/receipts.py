"""What a client signs over its work: receipts by trainers, score sheets by evaluators."""

from __future__ import annotations

from node import cid as cids
from node.identity import Identity
from node.records.chain import Domain
from node.records.content import Cid
from node.records.rounds import Receipt, SheetStatement
from node.round_record import ScoreSheet, SignedReceipt, SignedSheet
from node.typed_data import check, sign


def sign_receipt(identity: Identity, domain: Domain, receipt: Receipt, update_cid: Cid) -> SignedReceipt:
    """A trainer's signature over its receipt."""
    return SignedReceipt(receipt=receipt, update_cid=update_cid, signature=sign(identity, domain, receipt))


def sheet_statement(sheet: ScoreSheet, cid: Cid) -> SheetStatement:
    """What an evaluator signs over a sheet stored at `cid`."""
    return SheetStatement(run_id=sheet.run_id, round=sheet.round, account=sheet.account, sheet_digest=cids.digest(cid))


def sign_sheet(identity: Identity, domain: Domain, sheet: ScoreSheet, cid: Cid) -> SignedSheet:
    """An evaluator's signature over its sheet."""
    return SignedSheet(account=sheet.account, cid=cid, signature=sign(identity, domain, sheet_statement(sheet, cid)))


def check_sheet(domain: Domain, sheet: ScoreSheet, signed: SignedSheet) -> None:
    """Raises SignatureInvalid."""
    check(domain, sheet_statement(sheet, signed.cid), signed.signature, signed.account)
