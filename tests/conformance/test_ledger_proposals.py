"""Proposals are signed, sponsored, described and sorted by kind: one suite for every ledger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from node import cid as cids
from node.chain_records import spec_args
from node.governance import describe
from node.records.proposals import Action, ProposalKind, ProposalStatement, Sponsor
from tests.support.acts import cid, refusal
from tests.support.ledger_sites import ADA, BO, CY, OUTSIDER, SPEC_PARAMS, Site
from tests.support.votes import allow_mit, call_of, decided, propose, rules_call, signed_by, vote


def test_a_proposals_kind_follows_from_its_calls(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    routine, standard = [ledger.set_spec_action(1, cid("spec 2"))], allow_mit(voting)
    assert ledger.kind_of(routine) == ProposalKind.ROUTINE
    assert ledger.kind_of([*routine, *standard]) == ProposalKind.STANDARD
    assert ledger.kind_of([*standard, *rules_call(voting)]) == ProposalKind.CONSTITUTIONAL
    assert ledger.kind_of([call_of(ledger, "Charter", "transferOwnership", ADA.address)]) == ProposalKind.CONSTITUTIONAL
    renounce = call_of(ledger, "MeritEpochs", "renounceRole", bytes(32), ADA.address)
    assert ledger.kind_of([renounce]) == ProposalKind.CONSTITUTIONAL
    assert ledger.kind_of([Action(target=ADA.address, calldata=b"\x01")]) == ProposalKind.STANDARD
    assert ledger.proposal(propose(voting, actions=standard)).kind == ProposalKind.STANDARD


def test_an_unknown_proposal_is_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    expected = ("GovernorNonexistentProposal", {"proposalId": 5})
    for action in (ledger.proposal, ledger.queue, ledger.execute):
        assert refusal(partial(action, 5)) == expected
    assert refusal(lambda: vote(voting, 5, ADA)) == expected


def test_a_proposal_needs_a_final_epoch(rewarded: Site) -> None:
    assert refusal(lambda: propose(rewarded))[0] == "NoFinalEpoch"


def test_an_outsider_proposes_nothing(voting: Site) -> None:
    assert refusal(lambda: propose(voting, OUTSIDER)) == ("NotAnActiveMember", {"account": OUTSIDER.address})


def test_the_same_proposal_is_not_made_twice(voting: Site) -> None:
    number = propose(voting)
    rule, values = refusal(lambda: propose(voting))
    assert (rule, values["proposalId"]) == ("GovernorUnexpectedProposalState", number)


def proposing(voting: Site, description: str) -> Callable[[], object]:
    ledger = voting.ledger(OUTSIDER)
    actions = [ledger.set_spec_action(1, cid("spec 2"))]
    statement = ProposalStatement(proposer=ADA.address, proposal_id=1, deadline=voting.now() + 9)
    return lambda: ledger.propose(statement, actions, description, [Sponsor(account=ADA.address, signature=b"\x01")])


@pytest.mark.parametrize(
    "description",
    [
        "",
        "short",
        f"of another\n#article=1\n#proposer={BO.address.lower()}",
        f"shouted\n#article=1\n#proposer={ADA.address}",
        "#proposer=0x" + "g" * 40,
    ],
)
def test_a_description_that_does_not_name_the_proposer_is_refused(voting: Site, description: str) -> None:
    refused = refusal(proposing(voting, description))
    assert refused == ("GovernorRestrictedProposer", {"proposer": ADA.address})


@pytest.mark.parametrize("lines", ["", "#article=1 ", "#article=\n", "#article=0\n", "#article=1234\n", "article=1\n"])
def test_a_description_that_names_no_article_is_refused(voting: Site, lines: str) -> None:
    description = f"Change it\n{lines}#proposer={ADA.address.lower()}"
    assert refusal(proposing(voting, description)) == ("ArticleMissing", {})


def test_a_constitutional_proposal_needs_its_sponsors(voting: Site) -> None:
    actions = rules_call(voting)
    refused = refusal(lambda: propose(voting, actions=actions, others=[]))
    assert refused == ("TooFewSponsors", {"given": 1, "needed": 2})
    refused = refusal(lambda: propose(voting, actions=actions, others=[OUTSIDER]))
    assert refused == ("NotAnActiveMember", {"account": OUTSIDER.address})
    proposal = voting.ledger(OUTSIDER).proposal(propose(voting, actions=actions, others=[CY]))
    assert (proposal.proposer, proposal.sponsors) == (ADA.address, (CY.address,))


def test_sponsors_out_of_order_or_without_the_proposer_are_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    actions, description = rules_call(voting), describe("x", ADA.address, 1)
    number = ledger.proposal_id(actions, description)
    statement = ProposalStatement(proposer=ADA.address, proposal_id=number, deadline=voting.now() + 9)
    first, second = signed_by(ledger, statement, ADA, BO)
    refused = refusal(lambda: ledger.propose(statement, actions, description, [second, first]))
    assert refused == ("SponsorsNotAscending", {"previous": second.account, "account": first.account})
    others = signed_by(ledger, statement, BO, CY)
    refused = refusal(lambda: ledger.propose(statement, actions, description, others))
    assert refused == ("ProposerIsNoSponsor", {"proposer": ADA.address})


def test_a_member_has_one_routine_proposal_before_its_voters_at_a_time(voting: Site) -> None:
    first = propose(voting, text="First")
    assert refusal(lambda: propose(voting, text="Second")) == ("RoutineStillOpen", {"proposalId": first})
    propose(voting, actions=allow_mit(voting), text="Of another kind")
    propose(voting, BO, text="By another member")
    voting.ledger(ADA).cancel(first)
    second = propose(voting, text="Second")
    decided(voting, second)
    voting.advance(102)
    propose(voting, text="Third")


def test_a_proposal_signed_for_other_actions_is_refused(voting: Site) -> None:
    ledger, description = voting.ledger(OUTSIDER), describe("x", ADA.address, 1)
    meant, sent = (ledger.set_spec_action(1, cid(text)) for text in ("spec 2", "spec 3"))
    statement = ProposalStatement(
        proposer=ADA.address, proposal_id=ledger.proposal_id([meant], description), deadline=voting.now() + 9
    )
    sponsors = signed_by(ledger, statement, ADA)
    refused = refusal(lambda: ledger.propose(statement, [sent], description, sponsors))
    assert refused == ("InvalidSignature", {"signer": ADA.address, "signature": sponsors[0].signature})


def test_an_action_of_ours_is_described_for_people(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    described = ledger.describe_action(ledger.set_spec_action(1, cid("spec 2")))
    assert described == {
        "contract": "TrainingRuns",
        "function": "setSpec",
        "args": {"runId": 1, "specCid": cids.to_bytes(cid("spec 2")), "params": spec_args(SPEC_PARAMS)},
    }
    strange = ledger.describe_action(Action(target=ADA.address, calldata=b"\x01"))
    assert strange["contract"] == "unknown"
