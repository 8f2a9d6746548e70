"""What a vote that passed changes, and when: one suite for every ledger."""

from __future__ import annotations

from node import cid as cids
from node.abi_codec import encode_call
from node.records.proposals import Action, ProposalKind, ProposalState, Support, Tally
from tests.support.acts import cid, commit_of, cosign, params_of, refusal, register
from tests.support.ledger_sites import ADA, BO, CY, DEE, OUTSIDER, SPEC_PARAMS, Site
from tests.support.votes import allow_mit, call_of, decided, pass_proposal, propose, rules_call, vote


def test_a_spec_is_changed_by_a_vote(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    number = propose(voting)
    assert ledger.proposal(number).state == ProposalState.PENDING
    voting.advance(102)
    assert ledger.proposal(number).state == ProposalState.ACTIVE
    assert vote(voting, number, ADA) == 40
    assert vote(voting, number, DEE, Support.ABSTAIN) == 10
    assert vote(voting, number, CY, Support.AGAINST) == 20
    decided(voting, number)
    assert ledger.proposal(number).state == ProposalState.SUCCEEDED
    ledger.queue(number)
    assert ledger.proposal(number).state == ProposalState.QUEUED
    voting.advance(200)
    ledger.execute(number)
    after = ledger.proposal(number)
    assert (after.state, after.kind, after.hurdles.veto_weight) == (ProposalState.EXECUTED, ProposalKind.ROUTINE, 34)
    assert after.tally == Tally(
        weight_for=40, weight_against=20, weight_abstain=10, heads_for=1, heads_against=1, heads_abstain=1
    )
    assert (ledger.run(1).spec_version, ledger.run(1).spec_cid) == (2, cid("spec 2"))
    assert ledger.run(1).params.spec_cid == cid("spec 1")
    assert [p.proposal_id for p in ledger.proposals()] == [number]


def test_a_round_under_the_old_spec_is_refused_after_the_vote(voting: Site) -> None:
    stale = commit_of(voting.ledger(OUTSIDER))
    pass_proposal(voting, propose(voting))
    ledger = voting.ledger(OUTSIDER)
    refused = refusal(lambda: ledger.commit_round(stale, cosign(ledger, stale, ADA, BO)))
    assert refused[0] == "WrongSpec"


def test_a_vote_can_suspend_a_member(voting: Site) -> None:
    registry = voting.ledger(OUTSIDER).domain("MemberRegistry").verifying_contract
    action = Action(target=registry, calldata=encode_call("MemberRegistry", "setActive", 3, False))
    pass_proposal(voting, propose(voting, actions=[action]))
    member = voting.ledger(OUTSIDER).member(CY.address)
    assert member is not None
    assert not member.active
    assert refusal(lambda: propose(voting, CY, text="Let me in again")) == (
        "NotAnActiveMember",
        {"account": CY.address},
    )


def test_a_vote_can_change_rules_licences_and_roles(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    curator = bytes.fromhex("850d585eb7f024ccee5e68e55f2c26cc72e1e6ee456acf62135757a5eb9d4a10")
    actions = [
        *rules_call(voting, quorum_bps=1_000, voting_delay_seconds=10),
        call_of(ledger, "ArtifactRegistry", "setLicence", "CC0-1.0", False),
        call_of(ledger, "TrainingRuns", "grantRole", curator, ADA.address),
    ]
    pass_proposal(voting, propose(voting, actions=actions))
    assert refusal(lambda: register(voting, ADA, "x", licence="CC0-1.0"))[0] == "LicenceNotAllowed"
    assert voting.ledger(ADA).create_run(params_of()) == 2
    assert (ledger.rules().quorum_bps, ledger.rules().voting_delay_seconds) == (1_000, 10)
    later = ledger.proposal(propose(voting, actions=allow_mit(voting)))
    assert (later.hurdles.for_weight, later.vote_end - later.vote_start) == (10, 1_000)


def test_rules_out_of_range_are_refused_when_executed(voting: Site) -> None:
    number = propose(voting, actions=rules_call(voting, quorum_bps=6_668))
    assert refusal(lambda: pass_proposal(voting, number)) == (
        "RuleOutOfRange",
        {"rule": 2, "value": 6_668, "lowest": 1, "highest": 6_667},
    )


def test_a_table_of_kinds_is_governed_and_a_proposal_of_another_kind_by_now_is_void(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    selector = ledger.set_spec_action(1, cid("x")).calldata[:4]
    setting = (ledger.addresses()["TrainingRuns"], selector, 2)
    quiet = propose(voting, text="While it is routine")
    pass_proposal(voting, propose(voting, actions=[call_of(ledger, "TenWingsGovernor", "setKind", setting)]))
    assert ledger.kind_of([ledger.set_spec_action(1, cid("spec 2"))]) == ProposalKind.CONSTITUTIONAL
    assert ledger.proposal(quiet).state == ProposalState.SUCCEEDED
    assert refusal(lambda: ledger.queue(quiet))[0] == "GovernorNonexistentProposal"


def test_a_charter_is_replaced_by_both_houses(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    before = ledger.charter()
    assert (before.cid, before.num_articles, before.version) == (cid("charter"), 3, 1)
    action = call_of(ledger, "Charter", "setCharter", cids.to_bytes(cid("another")), 5)
    pass_proposal(voting, propose(voting, actions=[action]))
    after = ledger.charter()
    assert (after.cid, after.num_articles, after.version) == (cid("another"), 5, 2)
    assert refusal(lambda: propose(voting, article=6)) == ("UnknownArticle", {"article": 6, "numArticles": 5})


def test_merit_bounds_are_governed(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    assert vars(ledger.merit_bounds()) == {"max_share_bps": 4_000, "max_growth_bps": 20_000}
    action = call_of(ledger, "MeritEpochs", "setBounds", (500, 15_000))
    pass_proposal(voting, propose(voting, actions=[action]))
    assert vars(ledger.merit_bounds()) == {"max_share_bps": 500, "max_growth_bps": 15_000}


def test_a_proposal_whose_call_fails_changes_nothing(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    actions = [ledger.set_spec_action(1, cid("spec 2")), ledger.set_spec_action(9, cid("spec 2"), SPEC_PARAMS)]
    number = propose(voting, actions=actions)
    assert refusal(lambda: pass_proposal(voting, number)) == ("UnknownRun", {"runId": 9})
    assert ledger.run(1).spec_version == 1
    assert ledger.proposal(number).state == ProposalState.QUEUED


def test_a_proposal_is_not_executed_before_the_timelocks_delay(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO)
    decided(voting, number)
    ledger.queue(number)
    assert refusal(lambda: ledger.execute(number))[0] == "TimelockUnexpectedOperationState"
    assert ledger.proposal(number).eta > voting.now()
