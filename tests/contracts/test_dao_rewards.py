"""Rewards: claimed by proof from final rounds, once, for anyone by anyone."""

from __future__ import annotations

from dataclasses import replace

from dao_house import BUDGET, DISPUTE_WINDOW, contribution, later, refused


def test_python_and_solidity_hash_a_contribution_alike(house, granted):
    for leaf, leaf_hash in zip(granted.leaves, granted.hashes, strict=True):
        assert house.vault.leafHash(tuple(vars(leaf).values())) == "0x" + leaf_hash.hex()


def test_a_final_round_pays_each_member_by_proof(house, granted, trainers):
    later(DISPUTE_WINDOW)
    for leaf, proof in zip(granted.leaves, granted.proofs, strict=True):
        house.claim(leaf, granted.commit, 12 * 10**18, proof)

    assert [house.token.balanceOf(trainer.address) for trainer in trainers] == [7 * 10**18, 5 * 10**18]
    assert house.token.balanceOf(house.vault) == BUDGET - 12 * 10**18


def test_a_round_in_its_dispute_window_pays_nothing(house, granted):
    with refused("RoundNotFinal", 1, 1):
        house.claim(granted.leaves[0], granted.commit, 12 * 10**18, granted.proofs[0])


def test_a_second_claim_pays_nothing(house, granted, trainers):
    later(DISPUTE_WINDOW)
    house.claim(granted.leaves[0], granted.commit, 12 * 10**18, granted.proofs[0])
    with refused("NothingToClaim", 1, 1):
        house.claim(granted.leaves[0], granted.commit, 12 * 10**18, granted.proofs[0])


def test_a_leaf_that_promises_more_is_refused(house, granted):
    later(DISPUTE_WINDOW)
    with refused("InvalidProof", 1, 1):
        house.claim(
            replace(granted.leaves[0], cumulative_reward=8 * 10**18), granted.commit, 12 * 10**18, granted.proofs[0]
        )


def test_one_later_claim_pays_for_both_rounds(house, granted, run_id, trainers, evaluators):
    leaf = contribution(run_id, 2, 1, trainers[0], 9 * 10**18)
    tree, hashes = house.contributions([leaf, contribution(run_id, 2, 2, trainers[1], 5 * 10**18)])
    commit = house.next_commit(run_id, tree.root, reward=2 * 10**18)
    house.commit_round(commit, evaluators)
    later(DISPUTE_WINDOW)

    house.claim(leaf, commit, 14 * 10**18, tree.proof(hashes[0]))
    assert house.token.balanceOf(trainers[0].address) == 9 * 10**18
