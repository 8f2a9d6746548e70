"""Recovery accounts and moves: what the events add up to is what the chain says, and the members page shows it."""

from __future__ import annotations

from typing import Any

import pytest

from api.index.fold import Fold
from node.records.chain import Address
from node.signed_requests import Leaving, MemberRequest, MoveAcceptance, MoveRequest, MoveStop, RecoveryChoice, route_of
from node.typed_data import sign
from tests.support.history import History, identity
from tests.support.site import Site
from tests.unit.api.test_api_pages import texts

DELAY = 3 * 86_400
NOBODY = Address("0x" + "0" * 40)
FRIEND, PHONE = identity("a friend"), identity("alice's phone")


@pytest.fixture
def history() -> History:
    return History().play()


def submit(history: History, who: Any, request: MemberRequest) -> None:
    history.ledger.submit(request, sign(who, history.ledger.domain(route_of(request).contract), request))


def choose(history: History, recovery: Address) -> None:
    account = history.people["alice"].address
    nonce = history.ledger.nonce("MemberRegistry", account)
    choice = RecoveryChoice(account=account, recovery=recovery, nonce=nonce, deadline=history.deadline)
    submit(history, history.people["alice"], choice)


def start_move(history: History) -> None:
    request = MoveRequest(recovery=FRIEND.address, member_id=1, to=PHONE.address, nonce=0, deadline=history.deadline)
    submit(history, FRIEND, request)


def stop_move(history: History) -> None:
    account = history.people["alice"].address
    nonce = history.ledger.nonce("MemberRegistry", account)
    submit(history, history.people["alice"], MoveStop(account=account, nonce=nonce, deadline=history.deadline))


def accept_move(history: History) -> None:
    history.clock.advance(DELAY)
    submit(history, PHONE, MoveAcceptance(member_id=1, account=PHONE.address, deadline=history.deadline))


def leave(history: History) -> None:
    account = history.people["alice"].address
    nonce = history.ledger.nonce("MemberRegistry", account)
    submit(history, history.people["alice"], Leaving(account=account, nonce=nonce, deadline=history.deadline))


def agrees(history: History) -> bool:
    """Whether the events, replayed from the first, say what the chain says of alice."""
    entry, now = Fold(history.ledger.events(0)).history().recoveries[1], history.clock()
    found = history.ledger.recovery(1)
    return (entry.in_force(now), entry.moving_to, entry.acceptable_from) == (
        found.recovery,
        found.moving_to,
        found.acceptable_from,
    )


def test_a_recovery_account_and_its_change_follow_from_the_events(history: History) -> None:
    choose(history, FRIEND.address)
    assert agrees(history)
    choose(history, PHONE.address)
    assert agrees(history)
    history.clock.advance(DELAY)
    history.ledger.mine()
    assert history.ledger.recovery(1).recovery == PHONE.address
    assert agrees(history)
    choose(history, NOBODY)
    history.clock.advance(DELAY)
    assert history.ledger.recovery(1).recovery is None
    assert agrees(history)


@pytest.mark.parametrize("end", [stop_move, accept_move, leave])
def test_a_move_and_its_end_follow_from_the_events(history: History, end: Any) -> None:
    choose(history, FRIEND.address)
    start_move(history)
    assert history.ledger.recovery(1).moving_to == PHONE.address
    assert agrees(history)
    end(history)
    assert history.ledger.recovery(1).recovery is None
    assert agrees(history)


def alice_of(history: History) -> tuple[Any, bool]:
    """Her row in the JSON twin, and whether the page shows every text of the twin."""
    site = Site(history)
    page, twin = site.page("/members"), site.twin("/members")
    return twin["members"][0], all(page.shows(text) for _, text in texts({**twin, "as_of": {}}))


def test_the_members_page_shows_a_change_of_recovery_account_until_it_is_in_force(history: History) -> None:
    assert alice_of(history)[0]["recovery"] is None
    choose(history, FRIEND.address)
    choose(history, PHONE.address)
    waiting = {
        "account": FRIEND.address,
        "next_account": PHONE.address,
        "next_from": history.clock() + DELAY,
        "moving_to": None,
        "acceptable_from": 0,
    }
    row, shown = alice_of(history)
    assert (row["recovery"], shown) == (waiting, True)

    history.clock.advance(DELAY)
    history.ledger.mine()
    row, shown = alice_of(history)
    assert (row["recovery"], shown) == (
        {**waiting, "account": PHONE.address, "next_account": None, "next_from": 0},
        True,
    )


def test_the_members_page_shows_where_a_member_moves_and_from_when(history: History) -> None:
    choose(history, FRIEND.address)
    start_move(history)
    row, shown = alice_of(history)
    assert (row["account"], shown) == (history.people["alice"].address, True)
    assert row["recovery"] == {
        "account": FRIEND.address,
        "next_account": None,
        "next_from": 0,
        "moving_to": PHONE.address,
        "acceptable_from": history.clock() + DELAY,
    }

    accept_move(history)
    row, shown = alice_of(history)
    assert (row["account"], row["recovery"], shown) == (PHONE.address, None, True)


def test_who_left_is_shown_as_left_and_nobody_can_move_it(history: History) -> None:
    choose(history, FRIEND.address)
    leave(history)
    row, shown = alice_of(history)
    assert (row["state"], row["active"], row["recovery"], shown) == ("left", False, None, True)
