"""Who belongs: admission, suspension, moves of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node import typed_data
from node.chain_records import join_fields
from node.forms.form import A_COMMUNITY_THAT_LASTS, SAFETY, address_in, exactly, form
from node.join_requests import SignedJoinRequest
from node.membership import MemberDesk

_MAX_DELAY_SECONDS = 90 * 86_400


def _admit(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (name,) = exactly(words, 1)
    wish = SignedJoinRequest.load(Path(name))
    request = wish.request
    typed_data.check(desk.ledger.domain("MemberRegistry"), request, wish.signature, request.account)
    if desk.ledger.member(request.account) is not None:
        raise ValueError(f"expected an account that has not joined, {request.account} has")
    roles = "+".join(role.name.lower() for role in request.roles if role.name)
    effect = f"Admit {request.name} as {roles}, account {request.account}."
    return [join_fields(request), wish.signature, b""], effect, {}


def _member(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    number, verb = exactly(words, 2)
    active = {"suspend": False, "restore": True}.get(verb)
    member = next((m for m in desk.ledger.members() if m.member_id == int(number)), None)
    if active is None or member is None:
        raise ValueError(f"expected a member's id and suspend or restore, got {' '.join(words)!r}")
    changes = {f"member {number}": (_state(member.active), _state(active))}
    return [int(number), active], f"{verb.capitalize()} member {number}, {member.name}.", changes


def _state(active: bool) -> str:
    return "active" if active else "suspended"


def _move(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    number, account = exactly(words, 2)
    member = next((m for m in desk.ledger.members() if m.member_id == int(number)), None)
    if member is None:
        raise ValueError(f"expected a member's id, got {number}")
    to = address_in(account)
    effect = f"Move member {number}, {member.name}, to the account {to}."
    return [member.member_id, to], effect, {f"account of member {number}": (member.account, to)}


def _recovery_delay(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (text,) = exactly(words, 1)
    now, wanted = desk.ledger.recovery_delay(), int(text)
    if not 0 < wanted <= _MAX_DELAY_SECONDS or wanted == now:
        raise ValueError(f"expected 1 to {_MAX_DELAY_SECONDS} seconds, not the {now} in force, got {wanted}")
    effect = f"Let members stop a move of their account, or a change of recovery account, for {wanted} seconds."
    return [wanted], effect, {"recovery_delay_seconds": (str(now), str(wanted))}


FORMS = dict((
    form("admit FILE", "MemberRegistry.join", A_COMMUNITY_THAT_LASTS, _admit),
    form("member ID suspend|restore", "MemberRegistry.setActive", SAFETY, _member),
    form("move ID ACCOUNT", "MemberRegistry.moveMember", A_COMMUNITY_THAT_LASTS, _move),
    form("recovery-delay SECONDS", "MemberRegistry.setRecoveryDelay", A_COMMUNITY_THAT_LASTS, _recovery_delay),
))  # fmt: skip
"""By the word that names it."""
