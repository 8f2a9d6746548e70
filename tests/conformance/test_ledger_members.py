"""Members join with a voucher or are refused: one suite for every ledger."""

from __future__ import annotations

from typing import Any

import pytest

from node.records.members import Role
from node.typed_data import HALF_ORDER, sign
from tests.support.acts import join, refusal, request_of, voucher_of
from tests.support.ledger_sites import ADA, BO, OPERATOR, OUTSIDER, Site


def test_a_member_that_joined_is_found_by_its_account(site: Site) -> None:
    assert join(site, ADA) == 1
    assert join(site, BO, roles=Role.CURATOR) == 2
    members = site.ledger(OUTSIDER).members()
    assert [(m.member_id, m.account, m.name, m.roles) for m in members] == [
        (1, ADA.address, "member 1", Role.TRAINER | Role.EVALUATOR),
        (2, BO.address, "member 2", Role.CURATOR),
    ]
    assert site.ledger(OUTSIDER).member(BO.address) == members[1]
    assert members[0].active
    assert members[0].node_key_digest == b"\x01" * 32


def test_who_never_joined_is_no_member(site: Site) -> None:
    assert site.ledger(OUTSIDER).member(ADA.address) is None
    assert site.ledger(OUTSIDER).members() == ()


def test_an_admitter_can_join_a_member_without_a_voucher(site: Site) -> None:
    ledger, request = site.ledger(OPERATOR), request_of(site, ADA)
    assert ledger.join(request, sign(ADA, ledger.domain("MemberRegistry"), request), b"") == 1


def test_nobody_joins_twice(site: Site) -> None:
    join(site, ADA)
    refused = refusal(lambda: join(site, ADA, node_key_digest=b"\x99" * 32))
    assert refused == ("AlreadyMember", {"account": ADA.address, "memberId": 1})


def test_a_voucher_by_an_outsider_is_refused(site: Site) -> None:
    assert refusal(lambda: join(site, ADA, admitter=OUTSIDER)) == ("NotAnAdmitter", {"signer": OUTSIDER.address})


def test_a_late_request_is_refused(site: Site) -> None:
    rule, values = refusal(lambda: join(site, ADA, deadline=site.now() - 1))
    assert (rule, set(values)) == ("RequestExpired", {"deadline", "timestamp"})


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"roles": Role(0)}, ("InvalidRoles", {"roles": 0})),
        ({"roles": Role(8)}, ("InvalidRoles", {"roles": 8})),
        ({"name": ""}, ("InvalidName", {"length": 0, "maximum": 64})),
        ({"name": "ü" * 33}, ("InvalidName", {"length": 66, "maximum": 64})),
        ({"node_key_digest": bytes(32)}, ("EmptyNodeKey", {"account": ADA.address})),
        ({"node_key_digest": b"\x02" * 32}, ("NodeKeyTaken", {"nodeKeyDigest": b"\x02" * 32, "memberId": 1})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_request_against_the_rules_is_refused(
    site: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    join(site, BO)
    assert refusal(lambda: join(site, ADA, **changes)) == refused


def test_a_request_signed_by_another_account_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    domain = ledger.domain("MemberRegistry")
    forged = sign(BO, domain, request)
    refused = refusal(lambda: ledger.join(request, forged, sign(OPERATOR, domain, voucher_of(request))))
    assert refused == ("InvalidSignature", {"signer": ADA.address, "signature": forged})


def test_a_malleated_voucher_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    domain = ledger.domain("MemberRegistry")
    good = sign(OPERATOR, domain, voucher_of(request))
    high = (2 * HALF_ORDER + 1 - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    twin = good[:32] + high + bytes([55 - good[64]])
    refused = refusal(lambda: ledger.join(request, sign(ADA, domain, request), twin))
    assert refused == ("ECDSAInvalidSignatureS", {"s": high})


def test_a_voucher_cut_short_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    signature = sign(ADA, ledger.domain("MemberRegistry"), request)
    assert refusal(lambda: ledger.join(request, signature, b"\x01" * 64)) == (
        "ECDSAInvalidSignatureLength",
        {"length": 64},
    )
    assert refusal(lambda: ledger.join(request, signature, bytes(65))) == ("ECDSAInvalidSignature", {})


def test_a_number_too_wide_is_the_callers_mistake(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA, deadline=2**64)
    with pytest.raises(ValueError, match="uint64"):
        ledger.join(request, b"\x01" * 65, b"\x01" * 65)
