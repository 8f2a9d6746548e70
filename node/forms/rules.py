"""How decisions are made: rules of votes, kinds, guardian, charter, bounds of merit, modules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node import cid as cids
from node.abi_codec import abi_of, selector
from node.charter_text import parse_charter
from node.forms.form import MERIT_IS_EARNED, NO_ONE_RULES_ALONE, SAFETY, address_in, exactly, form, numbers, told
from node.membership import MemberDesk
from node.records.chain import Address
from node.records.proposals import ProposalKind
from node.replacement import replacing_calls

_DAY = 86_400
_NOBODY = Address("0x" + "0" * 40)


def _rules(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    rules, changes = numbers(desk.ledger.rules(), words)
    return [tuple(vars(rules).values())], f"Change the rules of votes: {told(changes)}.", changes


def _kind(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    contract, function, word = exactly(words, 3)
    kinds = {kind.name.lower(): kind for kind in ProposalKind}
    if word not in kinds or contract not in desk.ledger.addresses() or function not in abi_of(contract).functions:
        raise ValueError(f"expected one of our contracts, its function, and one of {', '.join(kinds)}")
    setting = (desk.ledger.addresses()[contract], selector(contract, function), int(kinds[word]))
    return [setting], f"Make {contract}.{function} {word}.", {}


def _guardian(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    if list(words) == ["nobody"]:
        return [_NOBODY, 0], "Have no guardian.", {}
    account, days = exactly(words, 2)
    until = desk.ledger.latest_block().timestamp + int(days) * _DAY
    effect = f"Make {address_in(account)} the guardian for {days} days; it may cancel a proposal or pause a run, once."
    return [address_in(account), until], effect, {}


def _merit_bounds(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    bounds, changes = numbers(desk.ledger.merit_bounds(), words)
    return [tuple(vars(bounds).values())], f"Change the bounds of merit: {told(changes)}.", changes


def _charter(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (name,) = exactly(words, 1)
    text, now = parse_charter(Path(name).read_bytes()), desk.ledger.charter()
    cid = desk.store.put(text.data)
    if cid == now.cid:
        raise ValueError("expected another charter than the one in force")
    changes = {"charter": (now.cid, cid), "articles": (str(now.num_articles), str(text.num_articles))}
    return (
        [cids.to_bytes(cid), text.num_articles],
        f"Replace the charter by {cid}, {text.num_articles} articles.",
        changes,
    )


def _replace(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    return replacing_calls(desk.ledger, words)


FORMS = dict((
    form("rules NAME=NUMBER...", "TenWingsGovernor.setRules", NO_ONE_RULES_ALONE, _rules),
    form("kind CONTRACT FUNCTION KIND", "TenWingsGovernor.setKind", NO_ONE_RULES_ALONE, _kind),
    form("guardian ACCOUNT DAYS | guardian nobody", "Guardian.appoint", SAFETY, _guardian),
    form("merit-bounds NAME=NUMBER...", "MeritEpochs.setBounds", MERIT_IS_EARNED, _merit_bounds),
    form("charter FILE", "Charter.setCharter", NO_ONE_RULES_ALONE, _charter),
    form("replace MODULE ADDRESS...", "TrainingRuns.grantRole", NO_ONE_RULES_ALONE, _replace, many=True),
))  # fmt: skip
"""By the word that names it."""
