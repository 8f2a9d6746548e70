"""The relay takes what a member signed, refuses what nobody signed, and says what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from api.errors import Refused
from api.relay import RateLimit, Relay
from node.records.artifacts import ArtifactKind, Registration
from node.records.members import JoinRequest
from node.records.proposals import Support
from node.typed_data import sign
from tests.support.history import History, identity
from tests.support.site import Site


@pytest.fixture
def history() -> History:
    return History().play()


@pytest.fixture
def site(history: History) -> Site:
    return Site(history)


def ballot_message(history: History, name: str, support: Support, signer: str | None = None) -> dict[str, Any]:
    """A ballot as JSON; forged when `signer` is another."""
    ballot, signature = history.ballot(name, support, "because")
    if signer is not None:
        signature = sign(identity(signer), history.ledger.domain("TenWingsGovernor"), ballot)
    return {
        "proposal_id": str(ballot.proposal_id),
        "support": int(ballot.support),
        "voter": ballot.voter,
        "reason": ballot.reason,
        "params": "0x" + ballot.params.hex(),
        "signature": "0x" + signature.hex(),
    }


def join_message(request: JoinRequest, signature: bytes, voucher: bytes) -> dict[str, Any]:
    """A join request as JSON."""
    return {
        "account": request.account,
        "roles": int(request.roles),
        "node_key_digest": "0x" + request.node_key_digest.hex(),
        "name": request.name,
        "deadline": request.deadline,
        "signature": "0x" + signature.hex(),
        "voucher": "0x" + voucher.hex(),
    }


def test_a_signed_ballot_is_counted_and_shown(history: History, site: Site) -> None:
    answer = site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR))

    assert answer.status_code == 200
    assert answer.json() == {"what": "weight", "id": "20"}
    assert history.ledger.proposal(history.proposal_id).tally.weight_for == 50
    site.poll()
    assert "For 50" in site.page(f"/proposals/{history.proposal_id}").text


def test_a_forged_ballot_is_refused_with_both_accounts_named(history: History, site: Site) -> None:
    answer = site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR, signer="alice"))

    assert answer.status_code == 422
    assert answer.json()["error"] == "signature-invalid"
    assert history.people["emil"].address in answer.json()["message"]
    assert history.people["alice"].address in answer.json()["message"]
    assert history.ledger.proposal(history.proposal_id).tally.weight_for == 30


def test_a_changed_choice_is_refused(history: History, site: Site) -> None:
    message = {**ballot_message(history, "emil", Support.FOR), "support": 0}

    assert site.post("/api/relay/ballot", message).status_code == 422
    assert history.ledger.proposal(history.proposal_id).tally.weight_against == 20


def test_a_ballot_is_taken_once(history: History, site: Site) -> None:
    message = ballot_message(history, "emil", Support.FOR)
    site.post("/api/relay/ballot", message)

    again = site.post("/api/relay/ballot", message)

    assert again.status_code == 409
    assert again.json()["details"]["rule"] == "GovernorAlreadyCastVote"


def test_a_second_ballot_of_a_voter_gets_the_contracts_own_word(history: History, site: Site) -> None:
    answer = site.post("/api/relay/ballot", ballot_message(history, "alice", Support.AGAINST))

    assert answer.status_code == 409
    assert answer.json()["details"]["rule"] == "GovernorAlreadyCastVote"


def test_a_ballot_after_the_vote_is_409_with_the_state(history: History, site: Site) -> None:
    history.clock.advance(3700)

    answer = site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR))

    assert answer.status_code == 409
    assert "to be active to vote on it, it is succeeded" in answer.json()["message"]


def test_a_ballot_on_nothing_is_404(history: History, site: Site) -> None:
    history.proposal_id = 7

    answer = site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("signature", "0x12", "expected a signature of 65 bytes, got 1"),
        ("signature", "no hex", "expected bytes as 0x hex"),
        ("signature", "0x1z", "expected bytes as 0x hex"),
        ("voter", "0x12", "expected a checksummed address of 42 characters"),
        ("support", 3, "less than or equal to 2"),
        ("surprise", 1, "Extra inputs are not permitted"),
    ],
)
def test_a_malformed_message_is_422_and_says_what_was_expected(
    history: History, site: Site, field: str, value: object, words: str
) -> None:
    message = {**ballot_message(history, "emil", Support.FOR), field: value}

    answer = site.post("/api/relay/ballot", message)

    assert answer.status_code == 422
    assert words.lower() in answer.json()["message"].lower()


def test_a_member_joins_with_an_admitters_voucher(history: History, site: Site) -> None:
    answer = site.post("/api/relay/join", join_message(*history.join_messages("fay")))

    assert answer.json() == {"what": "member", "id": "6"}
    site.poll()
    assert "fay" in site.page("/members").text


def test_nobody_joins_without_a_voucher(history: History, site: Site) -> None:
    request, signature, _ = history.join_messages("fay")

    answer = site.post("/api/relay/join", join_message(request, signature, b""))

    assert answer.status_code == 422
    assert "admitter's voucher" in answer.json()["message"]


def test_a_voucher_of_a_stranger_gets_the_contracts_own_word(history: History, site: Site) -> None:
    request, signature, _ = history.join_messages("fay")

    answer = site.post("/api/relay/join", join_message(request, signature, signature))

    assert answer.status_code == 409
    assert answer.json()["details"]["rule"] == "NotAnAdmitter"


def test_an_expired_request_is_refused_before_it_costs_gas(history: History, site: Site) -> None:
    messages = history.join_messages("fay")
    history.clock.advance(3601)
    history.ledger.mine()

    answer = site.post("/api/relay/join", join_message(*messages))

    assert answer.status_code == 422
    assert answer.json()["error"] == "expired"


def artifact_message(history: History, name: str) -> dict[str, Any]:
    """A registration as JSON."""
    person = history.people.setdefault(name, identity(name))
    registration = Registration(
        account=person.address,
        kind=ArtifactKind.VIDEO,
        cid=history.store.put(b"a video"),
        licence="CC-BY-4.0",
        parents=(history.dataset_digest,),
        deadline=history.deadline,
    )
    signature = sign(person, history.ledger.domain("ArtifactRegistry"), registration)
    return {
        "account": registration.account,
        "kind": 6,
        "cid": registration.cid,
        "licence": registration.licence,
        "parents": ["0x" + parent.hex() for parent in registration.parents],
        "deadline": registration.deadline,
        "signature": "0x" + signature.hex(),
    }


def test_an_artifact_is_registered_and_shown_with_its_parents(history: History, site: Site) -> None:
    answer = site.post("/api/relay/artifact", artifact_message(history, "bob"))

    assert answer.status_code == 200
    site.poll()
    newest = site.twin("/artifacts")["artifacts"][0]
    assert newest["digest"] == answer.json()["id"]
    assert newest["parents"] == ["0x" + history.dataset_digest.hex()]
    assert newest["kind"] == "video"


def test_a_stranger_registers_nothing(history: History, site: Site) -> None:
    answer = site.post("/api/relay/artifact", artifact_message(history, "mallory"))

    assert answer.status_code == 403
    assert "is no member" in answer.json()["message"]


def test_a_cid_that_is_none_is_422(history: History, site: Site) -> None:
    answer = site.post("/api/relay/artifact", {**artifact_message(history, "bob"), "cid": "Qm" + "a" * 44})

    assert answer.status_code == 422
    assert "version 0 CID" in answer.json()["message"]


def proposal_message(history: History, name: str, text: str) -> dict[str, Any]:
    """A proposal as JSON."""
    statement, description, sponsors = history.proposal_messages(name, text)
    return {
        "proposer": statement.proposer,
        "proposal_id": str(statement.proposal_id),
        "deadline": statement.deadline,
        "actions": [{"target": a.target, "calldata": "0x" + a.calldata.hex()} for a in history.actions],
        "description": description,
        "sponsors": [{"account": s.account, "signature": "0x" + s.signature.hex()} for s in sponsors],
    }


def test_a_proposal_is_made_and_shown(history: History, site: Site) -> None:
    answer = site.post("/api/relay/proposal", proposal_message(history, "carol", "Shorter rounds"))

    assert answer.status_code == 200
    site.poll()
    page = site.page(f"/proposals/{answer.json()['id']}")
    assert "Shorter rounds pending" in page.text


def test_many_ballots_are_cast_at_once(history: History, site: Site) -> None:
    messages = [ballot_message(history, name, Support.FOR) for name in ("emil", "alice", "bob")]

    answer = site.post("/api/relay/ballots", {"ballots": messages})

    assert answer.json() == {"what": "ballots", "id": "2"}  # alice voted before
    assert history.ledger.proposal(history.proposal_id).tally.weight_for == 70


def test_a_proposal_of_changed_words_is_refused_with_the_id_that_they_make(history: History, site: Site) -> None:
    message = proposal_message(history, "carol", "Shorter rounds")

    answer = site.post("/api/relay/proposal", {**message, "description": "Longer rounds"})

    assert answer.status_code == 422
    assert answer.json()["error"] == "wrong-proposal-id"


def test_a_proposal_that_succeeded_is_queued_and_executed_by_anyone(history: History, site: Site) -> None:
    history.vote("emil", Support.FOR)
    history.clock.advance(3700)

    queued = site.post(f"/api/relay/queue/{history.proposal_id}")
    early = site.post(f"/api/relay/execute/{history.proposal_id}")
    history.clock.advance(100)
    executed = site.post(f"/api/relay/execute/{history.proposal_id}")

    assert queued.json()["id"].startswith("0x")
    assert (early.status_code, early.json()["details"]["rule"]) == (409, "TimelockUnexpectedOperationState")
    assert executed.status_code == 200
    assert history.ledger.run(1).spec_version == 2


def claim_message(history: History, name: str, **changes: Any) -> dict[str, Any]:
    """A member's line of the head round and its proof, as JSON."""
    leaf, proof = history.claim_messages(name)
    body = {**vars(leaf), "update_digest": "0x" + leaf.update_digest.hex(), "proof": ["0x" + p.hex() for p in proof]}
    return {**body, "reward": str(leaf.reward), "cumulative_reward": str(leaf.cumulative_reward), **changes}


def test_a_reward_is_paid_to_its_owner_whoever_asks(history: History, site: Site) -> None:
    answer = site.post("/api/relay/claim", claim_message(history, "bob"))

    assert answer.json() == {"what": "wei", "id": "28000000000000000000"}
    assert history.ledger.reward_balance(history.people["bob"].address) == 28 * 10**18
    site.poll()
    assert site.twin("/members")["members"][1]["claimed"] == "28000000000000000000"


def test_a_reward_is_paid_once_and_never_raised(history: History, site: Site) -> None:
    again = site.post("/api/relay/claim", claim_message(history, "alice"))
    more = site.post("/api/relay/claim", claim_message(history, "bob", cumulative_reward=str(10**21)))

    assert (again.status_code, again.json()["details"]["rule"]) == (409, "NothingToClaim")
    assert (more.status_code, more.json()["details"]["rule"]) == (409, "InvalidProof")


def test_claims_for_a_member_spend_nothing_of_its_own_requests(history: History) -> None:
    site = Site(history)
    site.app.state.services.relay._limit = RateLimit(num_requests=1)
    message = claim_message(history, "emil", cumulative_reward=str(10**21))

    assert [site.post("/api/relay/claim", message).status_code for _ in range(2)] == [409, 429]
    assert site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR)).status_code == 200


def test_a_claim_with_a_number_too_wide_is_422(history: History, site: Site) -> None:
    assert site.post("/api/relay/claim", claim_message(history, "bob", steps=2**32)).status_code == 422


def test_an_open_proposal_is_not_queued(history: History, site: Site) -> None:
    answer = site.post(f"/api/relay/queue/{history.proposal_id}")

    assert answer.status_code == 409
    assert "it is active" in answer.json()["message"]


def test_without_a_relayer_the_relay_says_so(history: History) -> None:
    answer = Site(history, relay_ledger=None).post(f"/api/relay/queue/{history.proposal_id}")

    assert answer.status_code == 503
    assert answer.json()["error"] == "no-relay"


def test_an_account_can_ask_only_so_often_and_the_others_do_not_suffer() -> None:
    now = [0.0]
    limit = RateLimit(num_requests=2, window_seconds=60, now=lambda: now[0])
    limit.spend("alice")
    limit.spend("alice")

    with pytest.raises(Refused, match=r"at most 2 requests in 60 s for alice; wait 60 s"):
        limit.spend("alice")
    limit.spend("bob")
    now[0] = 60.0
    limit.spend("alice")


def test_who_cannot_sign_for_an_account_cannot_spend_its_requests(history: History) -> None:
    site = Site(history)
    site.app.state.services.relay._limit = RateLimit(num_requests=1)
    forged = ballot_message(history, "emil", Support.FOR, signer="alice")

    assert [site.post("/api/relay/ballot", forged).status_code for _ in range(3)] == [422, 422, 422]
    assert site.post("/api/relay/ballot", ballot_message(history, "emil", Support.FOR)).status_code == 200


def test_a_spent_account_is_429_with_a_time_to_wait(history: History) -> None:
    site = Site(history)
    site.app.state.services.relay._limit = RateLimit(num_requests=1)
    site.post("/api/relay/artifact", artifact_message(history, "bob"))

    answer = site.post("/api/relay/artifact", artifact_message(history, "bob"))

    assert answer.status_code == 429
    assert "retry-after" in answer.headers


def test_the_relay_signs_no_vouchers() -> None:
    assert not [name for name in vars(Relay) if "voucher" in name or "sign" in name]
