"""A disputed round waits, a voided one is gone with its claims, and rounds go on from where it started."""

from __future__ import annotations

import pytest
from brownie import accounts
from dao_house import DISPUTE_WINDOW, contribution, data_of, later, refused
from eth_utils import keccak

from node.records.rounds import RoundStatus

GRANTED = 12 * 10**18


@pytest.fixture(scope="module")
def incidents(house):
    """An account that may do what the incident contract may; the timelock granted it, as a vote would."""
    account = accounts[5]
    timelock = accounts.at(house.timelock.address, force=True)
    accounts[0].transfer(timelock, "1 ether")
    house.runs.grantRole(keccak(text="INCIDENT_ROLE"), account, {"from": timelock})
    return account


def test_a_disputed_round_pays_nothing_however_long_it_takes(house, granted, incidents):
    house.runs.dispute(1, 1, {"from": incidents})
    later(100 * DISPUTE_WINDOW)
    assert house.runs.statusOf(1, 1) == RoundStatus.DISPUTED
    with refused("RoundNotFinal", 1, 1):
        house.claim(granted.leaves[0], granted.commit, GRANTED, granted.proofs[0])


def test_a_cleared_round_pays_after_another_window(house, granted, incidents, trainers):
    house.runs.dispute(1, 1, {"from": incidents})
    house.runs.settleDispute(1, 1, False, {"from": incidents})
    later(DISPUTE_WINDOW)
    house.claim(granted.leaves[0], granted.commit, GRANTED, granted.proofs[0])
    assert house.token.balanceOf(trainers[0].address) == 7 * 10**18


def test_a_voided_round_is_gone_and_the_next_one_starts_where_it_did(house, granted, incidents, trainers, evaluators):
    house.runs.dispute(1, 1, {"from": incidents})
    house.runs.settleDispute(1, 1, True, {"from": incidents})
    house.runs.restoreHead(1, data_of(granted.commit, GRANTED), {"from": house.relayer})
    leaf = contribution(1, 2, 1, trainers[0], 3 * 10**18)
    tree, hashes = house.contributions([leaf, contribution(1, 2, 2, trainers[1], 10**18)])
    commit = house.next_commit(1, tree.root, reward=4 * 10**18)
    house.commit_round(commit, evaluators)
    later(DISPUTE_WINDOW)

    assert (commit.round, commit.parent_digest) == (2, granted.commit.parent_digest)
    house.claim(leaf, commit, 4 * 10**18, tree.proof(hashes[0]))
    assert house.token.balanceOf(trainers[0].address) == 3 * 10**18
    with refused("RoundNotFinal", 1, 1):
        house.claim(granted.leaves[1], granted.commit, GRANTED, granted.proofs[1])


def test_nobody_else_disputes(house, granted):
    with refused("AccessControlUnauthorizedAccount", house.relayer.address):
        house.runs.dispute(1, 1, {"from": house.relayer})
