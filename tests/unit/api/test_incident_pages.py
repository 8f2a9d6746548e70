"""Pages of artifacts, access and incidents: each shows what its twin says, and the relay takes their messages."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import pytest

from node.incidents import IncidentKind, Target
from node.records.artifacts import ArtifactKind, Registration
from node.signed_requests import AccessGrant, AccessRequest, IncidentReport, MemberRequest, route_of
from node.typed_data import sign
from tests.support.history import History
from tests.support.site import Site
from tests.unit.api.test_api_pages import texts

TOKEN = 10**18


def message(history: History, name: str, request: MemberRequest) -> dict[str, Any]:
    """A signed request as the relay takes it."""
    values = {}
    for field in fields(request):
        value = getattr(request, field.name)
        values[field.name] = "0x" + value.hex() if isinstance(value, bytes) else value
    domain = history.ledger.domain(route_of(request).contract)
    signature = sign(history.people[name], domain, request)
    return {"request": type(request).__name__, "values": values, "signature": "0x" + signature.hex()}


def secret(history: History) -> bytes:
    """A restricted dataset of alice's."""
    registration = Registration(
        account=history.people["alice"].address,
        kind=ArtifactKind.DATASET,
        cid=history.store.put(b"a sealed dataset"),
        licence="CC0-1.0",
        parents=(history.dataset_digest,),
        restricted=True,
        deadline=history.deadline,
    )
    signature = sign(history.people["alice"], history.ledger.domain("ArtifactRegistry"), registration)
    digest: bytes = history.ledger.register_artifact(registration, signature)
    return digest


def asked(history: History, digest: bytes) -> AccessRequest:
    return AccessRequest(
        account=history.people["bob"].address,
        digest=digest,
        encryption_key=hashlib.sha256(b"bob's encryption key").digest(),
        purpose="a study of waves",
        nonce=0,
        deadline=history.deadline,
    )


def reported(history: History) -> IncidentReport:
    return IncidentReport(
        account=history.people["alice"].address,
        kind=IncidentKind.STOLEN_DATA,
        severity=3,
        accused_id=3,
        run_id=0,
        round=0,
        artifact=history.dataset_digest,
        evidence_cid=history.store.put(b"evidence"),
        nonce=0,
        deadline=history.deadline,
    )


@pytest.fixture
def history() -> History:
    history = History().play()
    history.ledger.deposit_bond(1, 50 * TOKEN)
    return history


def shows_all(site: Site, path: str) -> bool:
    page, twin = site.page(path), site.twin(path)
    missing = [text for _, text in texts({**twin, "as_of": {}}) if not page.shows(text)]
    return missing == []


def test_a_request_and_a_grant_stand_on_the_artifacts_page(history: History) -> None:
    digest = secret(history)
    site = Site(history)
    path = f"/artifacts/0x{digest.hex()}"
    assert site.post("/api/relay/request", message(history, "bob", asked(history, digest))).status_code == 200
    grant = AccessGrant(
        owner=history.people["alice"].address,
        digest=digest,
        account=history.people["bob"].address,
        wrapped_key=b"sealed",
        nonce=0,
        deadline=history.deadline,
    )
    assert site.post("/api/relay/request", message(history, "alice", grant)).status_code == 200

    twin = Site(history).twin(path)

    assert [(row["access"], row["purpose"], row["who"]["name"]) for row in twin["accesses"]] == [
        ("granted", "a study of waves", "bob")
    ]
    assert [row["what"] for row in twin["parents"]] == ["dataset"]
    assert shows_all(Site(history), path)


def test_a_datasets_page_lists_the_checkpoints_made_from_it(history: History) -> None:
    twin = Site(history).twin(f"/artifacts/0x{history.dataset_digest.hex()}")
    assert [row["what"] for row in twin["descendants"]] == [
        "checkpoint of run 1, round 1",
        "checkpoint of run 1, round 2",
    ]


def test_an_incident_is_reported_through_the_relay_and_shown(history: History) -> None:
    answer = Site(history).post("/api/relay/request", message(history, "alice", reported(history)))
    assert answer.status_code == 200
    history.ledger.contain(1, Target.MEMBER, history.clock() + 3600)

    site = Site(history)

    (row,) = site.twin("/incidents")["incidents"]
    assert (row["kind"], row["severity"], row["state"]) == ("stolen data", "high", "open")
    assert (row["reporter"]["name"], row["accused"]["name"]) == ("alice", "carol")
    assert shows_all(site, "/incidents")
    assert shows_all(site, "/incidents/1")
    carol = next(member for member in site.twin("/members")["members"] if member["name"] == "carol")
    assert (carol["state"], carol["active"]) == ("barred", False)


def test_a_request_that_is_none_of_ours_is_refused(history: History) -> None:
    body = message(history, "alice", reported(history))
    site = Site(history)
    assert site.post("/api/relay/request", {**body, "request": "Payment"}).status_code == 422
    assert site.post("/api/relay/request", {**body, "values": {}}).status_code == 422
    wrong = {**body["values"], "artifact": "dataset"}
    assert site.post("/api/relay/request", {**body, "values": wrong}).status_code == 422


def test_a_case_within_its_deadline_does_not_lapse(history: History) -> None:
    site = Site(history)
    assert site.post("/api/relay/lapse/1", {}).status_code == 404
    site.post("/api/relay/request", message(history, "alice", reported(history)))
    assert site.post("/api/relay/lapse/1", {}).status_code == 409
    history.clock.advance(15 * 86400)
    assert Site(history).post("/api/relay/lapse/1", {}).status_code == 200


def test_unknown_artifacts_and_cases_are_not_found(history: History) -> None:
    site = Site(history)
    assert site.get(f"/api/artifacts/0x{'11' * 32}").status_code == 404
    assert site.get("/api/incidents/7").status_code == 404
