"""A proposal is cancelled by its proposer or by the guardian, who has one right: one suite for every ledger."""

from __future__ import annotations

from node.records.proposals import ProposalKind, ProposalState
from tests.support.acts import refusal
from tests.support.ledger_sites import ADA, BO, FAY, OUTSIDER, Site
from tests.support.votes import call_of, pass_proposal, propose


def test_the_guardian_cancels_one_proposal_until_a_vote_arms_it_again(voting: Site) -> None:
    ledger, first, second = voting.ledger(OUTSIDER), propose(voting), propose(voting, BO, text="Another")
    assert refusal(lambda: ledger.cancel(first)) == (
        "GovernorUnableToCancel",
        {"proposalId": first, "account": OUTSIDER.address},
    )
    assert refusal(lambda: ledger.cancel_as_guardian(first)) == ("NotTheGuardian", {"account": OUTSIDER.address})
    voting.ledger(FAY).cancel_as_guardian(first)
    assert ledger.proposal(first).state == ProposalState.CANCELED
    assert refusal(lambda: voting.ledger(FAY).cancel_as_guardian(second))[0] == "NotTheGuardian"
    guardian = ledger.guardian()
    assert guardian is not None
    assert (guardian.account, guardian.armed) == (FAY.address, False)
    again = call_of(ledger, "Guardian", "appoint", FAY.address, voting.now() + 100_000)
    assert ledger.kind_of([again]) == ProposalKind.CONSTITUTIONAL
    pass_proposal(voting, propose(voting, actions=[again]))
    voting.ledger(FAY).cancel_as_guardian(second)
    assert ledger.proposal(second).state == ProposalState.CANCELED


def test_the_guardian_pauses_a_run_in_place_of_cancelling(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    until = voting.now() + 3_600
    voting.ledger(FAY).pause_as_guardian(1, until)
    assert ledger.run(1).paused_until == until
    assert refusal(lambda: voting.ledger(FAY).cancel_as_guardian(number))[0] == "NotTheGuardian"
    assert refusal(lambda: voting.ledger(FAY).pause_as_guardian(1, until + 1))[0] == "NotTheGuardian"


def test_a_pause_of_the_guardian_that_is_too_long_spends_nothing(voting: Site) -> None:
    rule, values = refusal(lambda: voting.ledger(FAY).pause_as_guardian(1, voting.now() + 8 * 86_400))
    assert (rule, values["latest"] - values["earliest"]) == ("PauseOutOfRange", 7 * 86_400 - 1)
    guardian = voting.ledger(OUTSIDER).guardian()
    assert guardian is not None
    assert guardian.armed


def test_a_proposer_cancels_before_the_vote_and_a_canceled_proposal_stays_so(voting: Site) -> None:
    number = propose(voting)
    voting.ledger(ADA).cancel(number)
    rule, values = refusal(lambda: voting.ledger(FAY).cancel_as_guardian(number))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 2)
    assert voting.ledger(OUTSIDER).proposal(number).state == ProposalState.CANCELED
