"""The relay's client: the API takes exactly what it sends, and every odd answer becomes one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from node import relay_client
from node.errors import ConfigError, DaemonUnavailable
from node.membership import MemberDesk
from node.records.artifacts import ArtifactKind
from node.records.members import Role
from node.records.proposals import ProposalState, Support
from node.relay_client import RelayClient
from tests.support.history import HOUR, OPERATOR, History, identity
from tests.support.site import Site

URL = "http://127.0.0.1:8080"


def answering(status: int, body: bytes) -> Callable[..., requests.Response]:
    def post(url: str, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response._content, response.url = status, body, url
        return response

    return post


# against the API itself


@pytest.fixture
def history() -> History:
    return History().play()


@pytest.fixture
def client(history: History, monkeypatch: pytest.MonkeyPatch) -> RelayClient:
    """A client whose requests go to the dashboard's app without a network."""
    site = Site(history)

    def post(url: str, *, json: Any, timeout: float) -> requests.Response:
        assert url.startswith(URL)
        answer = site.post(url.removeprefix(URL), json)
        return answering(answer.status_code, answer.content)(url)

    monkeypatch.setattr(relay_client.requests, "post", post)
    return RelayClient(URL + "/")


def desk(history: History, client: RelayClient, name: str) -> MemberDesk:
    return MemberDesk(identity=identity(name), ledger=history.ledger, store=history.store, relay=client)


def test_a_join_arrives(history: History, client: RelayClient) -> None:
    number = desk(history, client, "frida").join("frida", Role.EVALUATOR, bytes([8]) * 32, OPERATOR)

    member = history.ledger.member(identity("frida").address)
    assert member is not None
    assert (member.member_id, number, member.roles) == (6, 6, Role.EVALUATOR)


def test_a_registration_arrives_with_its_parents(history: History, client: RelayClient) -> None:
    cid = history.store.put(b"a report")

    digest = desk(history, client, "bob").register(ArtifactKind.REPORT, cid, "MIT", [history.dataset_digest])

    artifact = history.ledger.artifact(digest)
    assert artifact is not None
    assert artifact.cid == cid


def test_a_proposal_a_vote_the_queue_and_the_execution_arrive(history: History, client: RelayClient) -> None:
    cid = history.store.put(b'{"another":"spec"}')
    number = desk(history, client, "carol").propose([history.ledger.set_spec_action(1, cid)], "Another spec", 1)
    history.clock.advance(120)
    assert desk(history, client, "alice").vote(number, Support.FOR, "because") == 30
    history.clock.advance(2 * HOUR)
    client.queue(number)
    assert history.ledger.proposal(number).state == ProposalState.QUEUED
    history.clock.advance(120)

    client.execute(number)

    assert history.ledger.run(1).spec_cid == cid


def test_a_claim_arrives(history: History, client: RelayClient) -> None:
    paid = desk(history, client, "bob").claim(1)

    assert paid == history.ledger.claimed(1, 2) > 10**18


def test_what_the_relay_refuses_is_a_callers_mistake_with_its_reason(history: History, client: RelayClient) -> None:
    with pytest.raises(ConfigError, match=r"^the relay refused: .*\S"):
        client.queue(history.proposal_id)


# against anything else


def failing(error: Exception) -> Callable[..., requests.Response]:
    def post(*args: Any, **options: Any) -> requests.Response:
        raise error

    return post


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("refused"), requests.Timeout("90 s"), requests.TooManyRedirects()]
)
def test_an_api_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(relay_client.requests, "post", failing(error))

    with pytest.raises(DaemonUnavailable, match=rf"expected an API at {URL}, it does not answer .*`tenwings up`"):
        RelayClient(URL).queue(1)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (500, b"", DaemonUnavailable, "answered 500"),
        (502, b"<html>bad gateway</html>", DaemonUnavailable, "answered 502: <html>bad gateway"),
        (503, b'{"message": "no chain"}', DaemonUnavailable, "answered 503: no chain"),
        (422, b'{"message": "expected a signature"}', ConfigError, "the relay refused: expected a signature"),
        (404, b'{"detail": "Not Found"}', ConfigError, "the relay refused: Not Found"),
        (429, b'{"error": "too-often"}', ConfigError, "the relay refused: too-often"),
        (400, b"[1, 2]", ConfigError, r"the relay refused: \[1, 2\]"),
        (400, b"", ConfigError, "the relay refused"),
        (200, b"", DaemonUnavailable, "is it an API of Ten Wings"),
        (200, b"<html>", DaemonUnavailable, "is it an API of Ten Wings"),
        (200, b"{}", DaemonUnavailable, "is it an API of Ten Wings"),
        (200, b"[]", DaemonUnavailable, "is it an API of Ten Wings"),
        (200, b"null", DaemonUnavailable, "is it an API of Ten Wings"),
        (302, b"moved", DaemonUnavailable, "is it an API of Ten Wings"),
    ],
)
def test_every_odd_answer_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, error: type[Exception], words: str
) -> None:
    monkeypatch.setattr(relay_client.requests, "post", answering(status, body))

    with pytest.raises(error, match=words):
        RelayClient(URL).queue(1)


def test_numbers_beyond_53_bits_and_bytes_travel_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def post(url: str, *, json: Any, timeout: float) -> requests.Response:
        sent.update(json, url=url)
        return answering(200, b'{"id": "5"}')(url)

    monkeypatch.setattr(relay_client.requests, "post", post)

    assert RelayClient(URL).claim(leaf(), [bytes(32)]) == 5
    assert sent["url"] == f"{URL}/api/relay/claim"
    assert (sent["cumulative_reward"], sent["score"], sent["member_id"]) == (str(10**20), -5, 3)
    assert sent["update_digest"] == "0x" + "00" * 32
    assert sent["proof"] == ["0x" + "00" * 32]
    json.dumps(sent)


def leaf() -> Any:
    from node.records.rounds import ContributionLeaf

    return ContributionLeaf(
        run_id=1, round=2, member_id=3, account=identity("alice").address, samples=16, steps=2, score=-5,
        update_digest=bytes(32), reward=7, cumulative_reward=10**20,
    )  # fmt: skip
