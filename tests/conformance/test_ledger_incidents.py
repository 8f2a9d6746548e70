"""The same suite for incidents and bonds: reported, contained, decided by a vote, closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.errors import LedgerRefused
from node.identity import Identity
from node.incidents import Case, CaseStatus, IncidentKind, Target
from node.records.artifacts import ArtifactState
from node.records.rounds import RoundStatus
from node.signed_requests import BondWithdrawal, IncidentReport, route_of
from node.typed_data import sign
from tests.support.acts import cid, commit_round, digest, refusal
from tests.support.ledger_sites import ADA, BO, CY, OPERATOR, OUTSIDER, TWR, Site
from tests.support.votes import INCIDENT_ROLE, allow_mit, call_of, on_runs, pass_proposal, propose, vote

BOND = 100 * TWR
REPORT_BOND = 10 * TWR
CASE_SECONDS = 14 * 86400
WEEK = 7 * 86400


def submit(site: Site, who: Identity, request: Any) -> bytes:
    ledger = site.ledger(OUTSIDER)
    return ledger.submit(request, sign(who, ledger.domain(route_of(request).contract), request))


def report_of(site: Site, who: Identity = ADA, **changes: Any) -> IncidentReport:
    """Who reports that Cy, member 3, harmed the dataset."""
    report = IncidentReport(
        account=who.address,
        kind=IncidentKind.STOLEN_DATA,
        severity=3,
        accused_id=3,
        run_id=0,
        round=0,
        artifact=digest("dataset"),
        evidence_cid=cid("evidence"),
        nonce=site.ledger(OUTSIDER).nonce("IncidentManager", who.address),
        deadline=site.now() + 100,
    )
    return replace(report, **changes)


def put_up(site: Site) -> None:
    for member_id in (1, 2, 3):
        site.ledger(OPERATOR).deposit_bond(member_id, BOND)


def case_of(site: Site, case_id: int = 1) -> Case:
    return site.ledger(OUTSIDER).cases()[case_id - 1]


def decide(site: Site, verdict: CaseStatus, from_bond: int = 0) -> None:
    action = site.ledger(OUTSIDER).action("IncidentManager", "adjudicate", 1, int(verdict), (from_bond, 0, 0))
    pass_proposal(site, propose(site, actions=(action,), text="A verdict"))


@pytest.fixture
def bonded(community: Site) -> Site:
    """The first three members have put up a bond."""
    put_up(community)
    return community


@pytest.fixture
def judging(voting: Site) -> Site:
    """The same where votes count."""
    put_up(voting)
    return voting


def test_a_report_opens_a_case_with_a_bond_and_a_deadline(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    case, ledger = case_of(bonded), bonded.ledger(OUTSIDER)
    assert (case.kind, case.severity, case.reporter_id, case.accused_id) == (IncidentKind.STOLEN_DATA, 3, 1, 3)
    assert (case.artifact, case.evidence_cid) == (digest("dataset"), cid("evidence"))
    assert (case.bond, case.deadline) == (REPORT_BOND, case.reported_at + CASE_SECONDS)
    assert (ledger.bond(1).amount, ledger.bond(1).staked) == (BOND, REPORT_BOND)
    assert ledger.bond(3).open_cases == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": 7}, "InvalidReport"),
        ({"severity": 5}, "InvalidReport"),
        ({"accused_id": 1}, "InvalidReport"),
        ({"round": 1}, "InvalidReport"),
        ({"accused_id": 99}, "UnknownMember"),
        ({"nonce": 5}, "InvalidAccountNonce"),
        ({"deadline": 1}, "RequestExpired"),
        ({"account": OUTSIDER.address}, "NotAnActiveMember"),
    ],
)
def test_a_report_against_the_rules_is_refused(bonded: Site, changes: dict[str, Any], rule: str) -> None:
    assert refusal(lambda: submit(bonded, ADA, report_of(bonded, **changes)))[0] == rule


def test_a_report_without_a_bond_is_refused(community: Site) -> None:
    refused = refusal(lambda: submit(community, ADA, report_of(community)))
    assert refused == ("BondTooSmall", {"memberId": 1, "amount": 0, "needed": REPORT_BOND})


def test_a_responder_bars_and_freezes_for_a_while(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    responder, ledger, until = bonded.ledger(OPERATOR), bonded.ledger(OUTSIDER), bonded.now() + WEEK - 10
    responder.contain(1, Target.MEMBER, until)
    responder.contain(1, Target.ARTIFACT, until)
    assert [(c.target, c.until) for c in case_of(bonded).contained] == [
        (Target.MEMBER, until),
        (Target.ARTIFACT, until),
    ]
    member, dataset = ledger.member(CY.address), ledger.artifact(digest("dataset"))
    assert member is not None
    assert dataset is not None
    assert (member.active, member.barred_until, dataset.state) == (False, until, ArtifactState.FROZEN)
    bonded.advance(WEEK)
    member, dataset = ledger.member(CY.address), ledger.artifact(digest("dataset"))
    assert member is not None
    assert dataset is not None
    assert (member.active, dataset.state) == (True, ArtifactState.ACTIVE)
    rule, values = refusal(lambda: responder.contain(1, Target.MEMBER, bonded.now() + 60))
    assert (rule, values["from"]) == ("ContainedRecently", until + 30 * 86400)


def test_a_bar_takes_nobodys_vote(judging: Site) -> None:
    number = propose(judging, actions=allow_mit(judging))
    submit(judging, ADA, report_of(judging, accused_id=2))
    judging.ledger(OPERATOR).contain(1, Target.MEMBER, judging.now() + WEEK - 10)
    member = judging.ledger(OUTSIDER).member(BO.address)
    assert member is not None
    assert not member.active
    judging.advance(102)
    assert vote(judging, number, BO) == 30


def test_a_containment_for_too_long_or_of_nothing_is_refused(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    responder = bonded.ledger(OPERATOR)
    assert refusal(lambda: responder.contain(1, Target.MEMBER, bonded.now() + WEEK + 60))[0] == "InvalidContainment"
    assert refusal(lambda: responder.contain(1, Target.RUN, bonded.now() + 60)) == (
        "NothingToContain",
        {"caseId": 1, "target": 0},
    )
    assert refusal(lambda: responder.contain(2, Target.MEMBER, bonded.now() + 60)) == ("UnknownCase", {"caseId": 2})


def test_only_a_responder_contains(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    rule, values = refusal(lambda: bonded.ledger(BO).contain(1, Target.MEMBER, bonded.now() + 60))
    assert (rule, values["account"]) == ("AccessControlUnauthorizedAccount", BO.address)


def test_an_upheld_case_slashes_rewards_and_is_closed_with_a_post_mortem(judging: Site) -> None:
    submit(judging, ADA, report_of(judging))
    decide(judging, CaseStatus.UPHELD, from_bond=30 * TWR)
    ledger, case = judging.ledger(OUTSIDER), case_of(judging)
    assert (case.status, case.slashed, case.reward) == (CaseStatus.UPHELD, 30 * TWR, REPORT_BOND)
    assert [ledger.bond(member).amount for member in (1, 3)] == [BOND + REPORT_BOND, BOND - 30 * TWR]
    assert ledger.bond(3).open_cases == 0
    judging.ledger(OPERATOR).close_case(1, cid("learned"))
    assert case_of(judging).post_mortem_cid == cid("learned")
    assert refusal(lambda: judging.ledger(OPERATOR).close_case(1, cid("learned")))[0] == "WrongCaseState"


def test_a_dismissed_case_frees_what_was_contained(judging: Site) -> None:
    submit(judging, ADA, report_of(judging, accused_id=4))
    judging.ledger(OPERATOR).contain(1, Target.MEMBER, judging.now() + WEEK - 10)
    decide(judging, CaseStatus.DISMISSED)
    case = case_of(judging)
    assert (case.status, case.contained) == (CaseStatus.DISMISSED, ())
    assert all(member.active for member in judging.ledger(OUTSIDER).members())
    assert judging.ledger(OUTSIDER).bond(1).amount == BOND


def test_a_malicious_report_forfeits_its_bond(judging: Site) -> None:
    submit(judging, ADA, report_of(judging))
    decide(judging, CaseStatus.MALICIOUS)
    assert judging.ledger(OUTSIDER).bond(1).amount == BOND - REPORT_BOND


def test_a_vote_does_not_take_more_than_the_bond(judging: Site) -> None:
    submit(judging, ADA, report_of(judging))
    decide(judging, CaseStatus.UPHELD, from_bond=BOND + 1)
    assert case_of(judging).slashed == BOND
    assert judging.ledger(OUTSIDER).bond(3).amount == 0


def test_a_dismissed_case_slashes_nobody(judging: Site) -> None:
    submit(judging, ADA, report_of(judging))
    with pytest.raises(LedgerRefused, match="CannotSlash"):
        decide(judging, CaseStatus.DISMISSED, from_bond=1)
    assert case_of(judging).status == CaseStatus.OPEN


def test_a_case_without_a_verdict_lapses_and_frees_everything(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    anyone = bonded.ledger(BO)
    assert refusal(lambda: anyone.lapse_case(1))[0] == "WrongCaseState"
    bonded.advance(CASE_SECONDS + 2)
    anyone.lapse_case(1)
    assert case_of(bonded).status == CaseStatus.LAPSED
    assert [anyone.bond(member).amount for member in (1, 3)] == [BOND, BOND]
    assert anyone.bond(3).open_cases == 0


def test_a_bond_is_withdrawn_after_the_delay_unless_a_case_is_open(bonded: Site) -> None:
    ledger = bonded.ledger(OUTSIDER)
    nonce = ledger.nonce("IncidentManager", CY.address)
    asked = BondWithdrawal(account=CY.address, amount=40 * TWR, nonce=nonce, deadline=bonded.now() + 100)
    submit(bonded, CY, asked)
    assert refusal(lambda: ledger.withdraw_bond(3))[0] == "NothingToWithdraw"
    submit(bonded, ADA, report_of(bonded))
    bonded.advance(WEEK)
    assert refusal(lambda: ledger.withdraw_bond(3)) == ("BondHeld", {"memberId": 3, "openCases": 1})
    bonded.advance(CASE_SECONDS)
    ledger.lapse_case(1)
    assert refusal(lambda: ledger.withdraw_bond(3))[0] == "NothingToWithdraw"  # not kept ready for longer than a week
    nonce = ledger.nonce("IncidentManager", CY.address)
    submit(bonded, CY, replace(asked, nonce=nonce, deadline=bonded.now() + 100))
    bonded.advance(WEEK)
    ledger.withdraw_bond(3)
    assert ledger.reward_balance(CY.address) == 40 * TWR
    assert ledger.bond(3).amount == 60 * TWR


def test_who_is_accused_reports_and_what_is_staked_stays(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    submit(bonded, CY, report_of(bonded, CY, accused_id=1))
    ledger = bonded.ledger(OUTSIDER)
    assert [(ledger.bond(n).staked, ledger.bond(n).open_cases) for n in (1, 3)] == [(REPORT_BOND, 1)] * 2
    bonded.advance(CASE_SECONDS + 2)
    ledger.lapse_case(1)
    nonce = ledger.nonce("IncidentManager", CY.address)
    submit(bonded, CY, BondWithdrawal(account=CY.address, amount=BOND, nonce=nonce, deadline=bonded.now() + 100))
    bonded.advance(WEEK)
    ledger.withdraw_bond(3)
    assert (ledger.reward_balance(CY.address), ledger.bond(3).amount) == (BOND - REPORT_BOND, REPORT_BOND)


def test_more_than_the_bond_is_not_asked_for(bonded: Site) -> None:
    asked = BondWithdrawal(account=CY.address, amount=BOND + 1, nonce=0, deadline=bonded.now() + 100)
    refused = refusal(lambda: submit(bonded, CY, asked))
    assert refused == ("BondTooSmall", {"memberId": 3, "amount": BOND, "needed": BOND + 1})


def test_a_vote_changes_the_settings(judging: Site) -> None:
    action = judging.ledger(OUTSIDER).action("IncidentManager", "setSettings", (TWR, 86400, 60))
    pass_proposal(judging, propose(judging, actions=(action,), text="Cheaper reports"))
    submit(judging, ADA, report_of(judging))
    case = case_of(judging)
    assert (case.bond, case.deadline) == (TWR, case.reported_at + 86400)
    settings = judging.ledger(OUTSIDER).incident_settings()
    assert vars(settings) == {"report_bond": TWR, "case_seconds": 86400, "withdrawal_seconds": 60}


def test_a_vote_changes_the_recovery_delay(judging: Site) -> None:
    ledger = judging.ledger(OUTSIDER)
    assert ledger.recovery_delay() == 3 * 86400
    action = ledger.action("MemberRegistry", "setRecoveryDelay", 86400)
    pass_proposal(judging, propose(judging, actions=(action,), text="Faster recoveries"))
    assert ledger.recovery_delay() == 86400


# disputed rounds and paused runs


def disputed(site: Site, number: int) -> IncidentReport:
    return report_of(site, kind=IncidentKind.BAD_ROUND, run_id=1, round=number, artifact=bytes(32))


def status_of(site: Site, number: int) -> RoundStatus:
    state = site.ledger(OUTSIDER).round(1, number)
    assert state is not None
    return state.status


def test_an_upheld_dispute_voids_the_round_and_sends_the_head_back(judging: Site) -> None:
    commit_round(judging)
    submit(judging, ADA, disputed(judging, 2))
    assert status_of(judging, 2) == RoundStatus.DISPUTED
    decide(judging, CaseStatus.UPHELD)
    assert status_of(judging, 2) == RoundStatus.VOIDED
    assert judging.ledger(OUTSIDER).run(1).head_round == 1


def test_a_dismissed_dispute_leaves_the_round(judging: Site) -> None:
    commit_round(judging)
    submit(judging, ADA, disputed(judging, 2))
    decide(judging, CaseStatus.DISMISSED)
    judging.advance(60)
    assert status_of(judging, 2) == RoundStatus.FINAL


def test_a_lapsed_dispute_leaves_the_round(judging: Site) -> None:
    commit_round(judging)
    submit(judging, ADA, disputed(judging, 2))
    judging.advance(CASE_SECONDS + 2)
    judging.ledger(BO).lapse_case(1)
    judging.advance(60)
    assert status_of(judging, 2) == RoundStatus.FINAL


def test_a_replaced_manager_ends_its_cases_and_a_vote_ends_its_dispute(judging: Site) -> None:
    ledger, timelock = judging.ledger(OUTSIDER), judging.address("TimelockController")
    commit_round(judging)
    submit(judging, ADA, disputed(judging, 2))
    submit(judging, BO, report_of(judging, BO, accused_id=4))
    judging.ledger(OPERATOR).contain(2, Target.ARTIFACT, judging.now() + WEEK - 10)
    judging.ledger(OPERATOR).contain(2, Target.MEMBER, judging.now() + WEEK - 10)
    keepers = ("MemberRegistry", "ArtifactRegistry", "TrainingRuns")
    manager = judging.address("IncidentManager")
    moved = [call_of(ledger, keeper, "revokeRole", INCIDENT_ROLE, manager) for keeper in keepers]
    pass_proposal(judging, propose(judging, actions=moved, text="Another manager"))
    judging.advance(CASE_SECONDS + 2)
    for case_id in (1, 2):
        judging.ledger(BO).lapse_case(case_id)
    assert [case.status for case in ledger.cases()] == [CaseStatus.LAPSED] * 2
    assert [ledger.bond(member).amount for member in (1, 2, 3)] == [BOND] * 3
    assert [ledger.bond(member).open_cases for member in (3, 4)] == [0, 0]
    assert status_of(judging, 2) == RoundStatus.DISPUTED
    settled = [
        on_runs(judging, "grantRole", INCIDENT_ROLE, timelock),
        on_runs(judging, "settleDispute", 1, 2, False),
        on_runs(judging, "revokeRole", INCIDENT_ROLE, timelock),
    ]
    pass_proposal(judging, propose(judging, actions=settled, text="It stands"))
    judging.advance(60)
    assert status_of(judging, 2) == RoundStatus.FINAL


def test_a_final_round_is_not_disputed(judging: Site) -> None:
    assert refusal(lambda: submit(judging, ADA, disputed(judging, 1)))[0] == "RoundNotOpen"
    assert judging.ledger(OUTSIDER).cases() == ()


def test_a_paused_run_takes_no_commit_until_the_case_is_closed(judging: Site) -> None:
    submit(judging, ADA, report_of(judging, run_id=1, artifact=bytes(32)))
    judging.ledger(OPERATOR).contain(1, Target.RUN, judging.now() + 3600)
    assert refusal(lambda: commit_round(judging))[0] == "RunIsPaused"
    decide(judging, CaseStatus.DISMISSED)
    commit_round(judging)
    assert judging.ledger(OUTSIDER).run(1).head_round == 2


def test_cids_of_a_case_are_readable(bonded: Site) -> None:
    submit(bonded, ADA, report_of(bonded))
    (event,) = [e for e in bonded.ledger(OUTSIDER).events(0) if e.name == "IncidentReported"]
    assert cids.from_bytes(event.args["evidenceCid"]) == cid("evidence")
