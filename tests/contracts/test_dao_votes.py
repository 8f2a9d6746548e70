"""Votes: weight from a final merit epoch, gasless for members, executed by the timelock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dao_house import (
    EPOCH_FINALITY,
    SPEC_PARAMS,
    TIMELOCK_DELAY,
    VOTING_DELAY,
    VOTING_PERIOD,
    Plan,
    later,
    refused,
)

from node import cid
from node.identity import Identity
from node.records.members import Role
from node.records.proposals import ProposalState, Support

NEW_SPEC = cid.of(b"spec 2")


@pytest.fixture(scope="module")
def plan(house, merited, run_id, trainers):
    calldata = bytes.fromhex(house.runs.setSpec.encode_input(run_id, cid.to_bytes(NEW_SPEC), SPEC_PARAMS)[2:])
    return Plan(proposer=trainers[0], target=house.runs.address, calldata=calldata, words="Train longer clips")


@pytest.fixture(scope="module")
def open_vote(house, plan):
    house.propose(plan)
    later(VOTING_DELAY + 1)
    return house.proposal_id(plan)


@pytest.fixture
def passed(house, plan, open_vote, merited, trainers):
    house.vote(trainers[0], open_vote, Support.FOR, merited.leaves[0], merited.proofs[0])
    later(VOTING_PERIOD)


def test_an_epoch_is_final_after_its_delay(house, merited):
    finalised_at = merited.transaction.timestamp + EPOCH_FINALITY
    assert house.epochs.finalEpochAt(finalised_at - 1) == 0
    assert house.epochs.finalEpochAt(finalised_at) == 1


def test_python_and_solidity_hash_merit_alike(house, merited):
    for leaf, leaf_hash in zip(merited.leaves, merited.hashes, strict=True):
        assert house.epochs.leafHash(*vars(leaf).values()) == "0x" + leaf_hash.hex()


def test_members_change_the_spec_without_paying_gas(house, plan, open_vote, merited, run_id, trainers):
    house.vote(trainers[0], open_vote, Support.FOR, merited.leaves[0], merited.proofs[0])
    house.vote(trainers[1], open_vote, Support.ABSTAIN, merited.leaves[1], merited.proofs[1])
    assert house.governor.proposalVotes(open_vote) == (0, 60, 40)
    assert house.governor.proposalHeads(open_vote) == (0, 1, 1)
    later(VOTING_PERIOD)
    house.queue(plan)
    later(TIMELOCK_DELAY)
    transaction = house.execute(plan)

    assert house.runs.specOf(run_id) == (2, "0x" + cid.digest(NEW_SPEC).hex())
    event = transaction.events["SpecChanged"]
    assert (event["version"], event["fromRound"]) == (2, 2)
    assert house.governor.state(open_vote) == ProposalState.EXECUTED


def test_nothing_is_executed_before_its_delay(house, plan, passed):
    house.queue(plan)
    with refused("TimelockUnexpectedOperationState"):
        house.execute(plan)


def test_a_proposal_is_executed_once(house, plan, passed):
    house.queue(plan)
    later(TIMELOCK_DELAY)
    house.execute(plan)
    with refused("GovernorUnexpectedProposalState"):
        house.execute(plan)


def test_a_third_of_the_weight_stops_a_routine_proposal(house, open_vote, merited, trainers):
    house.vote(trainers[0], open_vote, Support.FOR, merited.leaves[0], merited.proofs[0])
    house.vote(trainers[1], open_vote, Support.AGAINST, merited.leaves[1], merited.proofs[1])
    later(VOTING_PERIOD)
    assert house.governor.state(open_vote) == ProposalState.DEFEATED


@pytest.fixture
def new_charter(house, merited, trainers, evaluators):
    """A constitutional proposal with three sponsors, open to votes."""
    calldata = bytes.fromhex(house.charter.setCharter.encode_input(cid.to_bytes(cid.of(b"a charter")), 3)[2:])
    plan = Plan(
        proposer=trainers[0],
        target=house.charter.address,
        calldata=calldata,
        words="Say it in three articles",
        sponsors=(trainers[1], evaluators[0]),
    )
    house.propose(plan)
    later(VOTING_DELAY + 1)
    return plan


def test_both_houses_replace_the_charter(house, new_charter, merited, trainers):
    number = house.proposal_id(new_charter)
    for trainer, leaf, proof in zip(trainers, merited.leaves, merited.proofs, strict=True):
        house.vote(trainer, number, Support.FOR, leaf, proof)
    later(VOTING_PERIOD)
    house.queue(new_charter)
    later(TIMELOCK_DELAY)
    house.execute(new_charter)
    assert house.charter.text() == ("0x" + cid.digest(cid.of(b"a charter")).hex(), 2)
    assert house.charter.numArticles() == 3


def test_weight_without_heads_does_not_replace_the_charter(house, new_charter, merited, trainers):
    number = house.proposal_id(new_charter)
    house.vote(trainers[0], number, Support.FOR, merited.leaves[0], merited.proofs[0])
    house.vote(trainers[1], number, Support.AGAINST, merited.leaves[1], merited.proofs[1])
    later(VOTING_PERIOD)
    assert house.governor.state(number) == ProposalState.DEFEATED


def test_too_few_sponsors_cannot_propose_another_charter(house, new_charter):
    alone = replace(new_charter, words="Again", sponsors=())
    with refused("TooFewSponsors", 1, 3):
        house.propose(alone)


def test_the_smaller_weight_does_not_win(house, open_vote, merited, trainers):
    house.vote(trainers[1], open_vote, Support.FOR, merited.leaves[1], merited.proofs[1])
    house.vote(trainers[0], open_vote, Support.AGAINST, merited.leaves[0], merited.proofs[0])
    later(VOTING_PERIOD)
    assert house.governor.state(open_vote) == ProposalState.DEFEATED


def test_a_member_votes_once(house, open_vote, merited, trainers):
    house.vote(trainers[0], open_vote, Support.FOR, merited.leaves[0], merited.proofs[0])
    with refused("GovernorAlreadyCastVote", trainers[0].address):
        house.vote(trainers[0], open_vote, Support.FOR, merited.leaves[0], merited.proofs[0])


def test_a_forged_weight_is_refused(house, open_vote, merited, trainers):
    heavier = replace(merited.leaves[1], weight=60)
    with refused("InvalidMeritProof", trainers[1].address, 1, 2, 1600, 60):
        house.vote(trainers[1], open_vote, Support.FOR, heavier, merited.proofs[1])


def test_a_vote_without_a_proof_says_what_is_missing(house, open_vote):
    with refused("MeritProofRequired", house.relayer.address):
        house.governor.castVote(open_vote, int(Support.FOR), {"from": house.relayer})


def test_a_new_member_without_merit_may_propose(house, plan):
    newcomer = Identity.create()
    house.join(newcomer, Role.TRAINER)
    house.propose(replace(plan, proposer=newcomer))


def test_an_outsider_may_not_propose(house, plan, outsider):
    with refused("NotAnActiveMember", outsider.address):
        house.propose(replace(plan, proposer=outsider))


def test_the_deployer_keeps_no_power(house, run_id):
    for contract in (house.members, house.artifacts, house.runs, house.timelock):
        assert not contract.hasRole(bytes(32), house.operator.address)
    with refused("AccessControlUnauthorizedAccount", house.operator.address):
        house.runs.setSpec(run_id, cid.to_bytes(NEW_SPEC), SPEC_PARAMS, {"from": house.operator.address})
