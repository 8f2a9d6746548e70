"""Artifacts are registered by digest, licence and parents: one suite for every ledger."""

from __future__ import annotations

from typing import Any

import pytest

from node.records.artifacts import ArtifactKind
from tests.support.acts import cid, digest, refusal, register
from tests.support.ledger_sites import ADA, BO, FAY, OUTSIDER, Site


def test_a_registered_artifact_is_found_by_its_digest(community: Site) -> None:
    found = community.ledger(OUTSIDER).artifact(digest("dataset"))
    assert found is not None
    assert (found.kind, found.account, found.cid, found.licence) == (
        ArtifactKind.DATASET,
        ADA.address,
        cid("dataset"),
        "CC-BY-4.0",
    )
    assert community.ledger(OUTSIDER).artifact(b"\x09" * 32) is None


def test_an_artifact_can_name_its_parents(community: Site) -> None:
    made = register(community, BO, "codec", kind=ArtifactKind.CODEC, parents=(digest("dataset"),))
    assert made == digest("codec")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"licence": "proprietary"}, ("LicenceNotAllowed", {"licence": "proprietary"})),
        ({"parents": (b"\x07" * 32,)}, ("UnknownParent", {"parent": b"\x07" * 32})),
        ({"cid": cid("dataset")}, ("AlreadyRegistered", {"digest": digest("dataset"), "account": ADA.address})),
        ({"account": FAY.address}, ("NotAnActiveMember", {"account": FAY.address})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_registration_against_the_rules_is_refused(
    community: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: register(community, BO, "new", **changes)) == refused
