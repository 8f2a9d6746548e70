"""Ballots are counted by weight and by heads, once each: one suite for every ledger."""

from __future__ import annotations

from node.abi_codec import decode_error
from node.records.proposals import ProposalState, Support
from node.typed_data import sign
from tests.support.acts import refusal
from tests.support.ledger_sites import ADA, BO, CY, DEE, EVE, OUTSIDER, Site
from tests.support.votes import allow_mit, ballot_of, decided, propose, rules_call, vote


def test_a_routine_proposal_passes_unless_it_is_vetoed(voting: Site) -> None:
    quiet, stopped = propose(voting, text="Quiet"), propose(voting, BO, text="Stopped")
    voting.advance(102)
    vote(voting, stopped, ADA, Support.AGAINST)
    decided(voting, quiet)
    ledger = voting.ledger(OUTSIDER)
    assert ledger.proposal(quiet).state == ProposalState.SUCCEEDED
    assert ledger.proposal(stopped).state == ProposalState.DEFEATED


def test_weight_without_heads_changes_no_constitution(voting: Site) -> None:
    number = propose(voting, actions=rules_call(voting))
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO, Support.AGAINST)
    vote(voting, number, DEE, Support.FOR)
    decided(voting, number)
    proposal = voting.ledger(OUTSIDER).proposal(number)
    assert (proposal.tally.weight_for, proposal.tally.heads_for) == (50, 2)
    assert (proposal.hurdles.for_weight, proposal.hurdles.for_heads, proposal.hurdles.majority_bps) == (50, 2, 6_667)
    assert proposal.state == ProposalState.DEFEATED  # 50 of 80 are no two thirds


def test_a_late_swing_moves_the_deadline_once(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    before = ledger.proposal(number)
    voting.advance(before.vote_end - voting.now() - 100)
    vote(voting, number, ADA, Support.AGAINST)  # 40 of 34: vetoed in the last quarter
    after = ledger.proposal(number)
    assert (after.vote_end - before.vote_end, after.extended) == (250, True)
    voting.advance(200)
    assert ledger.proposal(number).state == ProposalState.ACTIVE
    vote(voting, number, BO)
    assert ledger.proposal(number).vote_end == after.vote_end


def test_many_ballots_go_in_one_transaction_and_a_refused_one_leaves_the_others(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    vote(voting, number, BO)
    ballots = [ballot_of(ledger, number, who, Support.FOR) for who in (ADA, BO, CY)]
    domain = ledger.domain("TenWingsGovernor")
    signed = [(ballot, sign(who, domain, ballot)) for ballot, who in zip(ballots, (ADA, BO, CY), strict=True)]
    assert ledger.cast_ballots(signed) == 2
    assert ledger.proposal(number).tally.weight_for == 90
    refused = next(e for e in ledger.events(0) if e.name == "BallotRefused")
    assert decode_error(refused.args["reason"]) == ("GovernorAlreadyCastVote", {"voter": BO.address})


def test_a_proposal_without_quorum_is_defeated(voting: Site) -> None:
    number = propose(voting, actions=allow_mit(voting))
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO, Support.ABSTAIN)  # who abstains makes no quorum
    decided(voting, number)
    ledger = voting.ledger(OUTSIDER)
    assert ledger.proposal(number).state == ProposalState.DEFEATED
    rule, values = refusal(lambda: ledger.queue(number))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 3)
    assert values["expectedStates"] == (1 << 4).to_bytes(32, "big")


def test_a_ballot_counts_once(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    vote(voting, number, ADA)
    assert refusal(lambda: vote(voting, number, ADA)) == ("GovernorAlreadyCastVote", {"voter": ADA.address})


def test_a_relayed_ballot_cannot_be_replayed(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    ballot = ballot_of(ledger, number, ADA, Support.FOR)
    signature = sign(ADA, ledger.domain("TenWingsGovernor"), ballot)
    assert ledger.cast_ballot(ballot, signature) == 40
    refused = refusal(lambda: ledger.cast_ballot(ballot, signature))
    assert refused == ("GovernorAlreadyCastVote", {"voter": ADA.address})


def test_a_ballot_before_its_time_is_refused(voting: Site) -> None:
    rule, values = refusal(lambda: vote(voting, propose(voting), ADA))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 0)


def test_a_ballot_with_the_merit_of_another_is_refused(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    assert refusal(lambda: vote(voting, number, EVE)) == (
        "InvalidMeritProof",
        {"account": EVE.address, "epoch": 1, "memberId": 1, "merit": 1600, "weight": 40},
    )


def test_a_ballot_without_or_with_malformed_proof_is_refused(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    assert refusal(lambda: vote(voting, number, ADA, params=b""))[0] == "MeritProofRequired"
    assert refusal(lambda: vote(voting, number, ADA, params=b"\x01"))[0] == "Reverted"
