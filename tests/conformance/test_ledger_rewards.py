"""Rewards are funded, claimed by proof, vested and slashed: one suite for every ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.records.rounds import ContributionLeaf
from tests.support.acts import (
    LEAVES,
    claim,
    commit_round,
    cosign,
    epoch_of,
    hash_of,
    leaf_of,
    params_of,
    refusal,
    tree_of,
)
from tests.support.ledger_sites import ADA, BO, CY, OPERATOR, OUTSIDER, TWR, Site
from tests.support.votes import incidents, on_vault, pass_proposal, propose


def test_funding_moves_tokens_into_the_vault(running: Site) -> None:
    ledger = running.ledger(OPERATOR)
    ledger.fund(1, 50 * TWR)
    ledger.fund(1, 5 * TWR)
    assert ledger.funded(1) == 55 * TWR
    assert ledger.reward_balance(OPERATOR.address) == 945 * TWR


def test_nobody_funds_more_than_they_own(running: Site) -> None:
    refused = refusal(lambda: running.ledger(ADA).fund(1, 1))
    assert refused == ("ERC20InsufficientBalance", {"sender": ADA.address, "balance": 0, "needed": 1})


def test_an_unknown_run_is_not_funded(running: Site) -> None:
    assert refusal(lambda: running.ledger(OPERATOR).fund(7, 1)) == ("UnknownRun", {"runId": 7})


def test_a_claim_with_proof_is_paid_once(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    assert claim(rewarded, LEAVES[0]) == 7 * TWR
    assert ledger.reward_balance(ADA.address) == ledger.claimed(1, 1) == 7 * TWR
    assert refusal(lambda: claim(rewarded, LEAVES[0])) == (
        "NothingToClaim",
        {"runId": 1, "memberId": 1, "cumulativeReward": 7 * TWR, "claimed": 7 * TWR},
    )


def test_a_later_claim_pays_the_difference(rewarded: Site) -> None:
    claim(rewarded, LEAVES[0])
    second = [leaf_of(ADA, 4 * TWR, 2, 11 * TWR), leaf_of(BO, 6 * TWR, 2, 9 * TWR)]
    commit_round(rewarded, contributions_root=tree_of(rewarded.ledger(OUTSIDER), second).root)
    rewarded.advance(50)
    assert claim(rewarded, second[0], second) == 4 * TWR
    assert claim(rewarded, LEAVES[1]) == 3 * TWR
    assert claim(rewarded, second[1], second) == 6 * TWR


def all_claims(site: Site) -> list[tuple[ContributionLeaf, Sequence[bytes]]]:
    tree = tree_of(site.ledger(OUTSIDER))
    return [(leaf, tree.proof(hash_of(site.ledger(OUTSIDER), leaf))) for leaf in LEAVES]


def test_one_transaction_claims_for_all_and_passes_over_who_was_paid(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    claim(rewarded, LEAVES[0])
    assert ledger.claim_for(all_claims(rewarded)) == 3 * TWR
    assert [ledger.reward_balance(who.address) for who in (ADA, BO, CY)] == [7 * TWR, 3 * TWR, 0]
    assert ledger.claim_for(all_claims(rewarded)) == 0


def test_a_batch_with_a_forged_leaf_pays_nobody(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    honest, (leaf, proof), _ = all_claims(rewarded)
    forged = replace(leaf, cumulative_reward=leaf.cumulative_reward + 1)
    assert refusal(lambda: ledger.claim_for([honest, (forged, proof)]))[0] == "InvalidProof"
    assert ledger.claimed(1, 1) == 0


def test_a_batch_of_two_rounds_is_refused(rewarded: Site) -> None:
    honest, (leaf, proof), _ = all_claims(rewarded)
    refused = refusal(lambda: rewarded.ledger(OUTSIDER).claim_for([honest, (replace(leaf, round=2), proof)]))
    assert refused == ("AnotherRound", {"index": 1, "runId": 1, "round": 2})


def test_a_claim_on_a_round_in_dispute_is_refused(running: Site) -> None:
    commit_round(running)
    assert refusal(lambda: claim(running, LEAVES[0])) == ("RoundNotFinal", {"runId": 1, "round": 1})


def test_a_claim_with_another_amount_is_refused(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    forged = replace(LEAVES[0], cumulative_reward=9 * TWR)
    proof = tree_of(ledger).proof(hash_of(ledger, LEAVES[0]))
    assert refusal(lambda: ledger.claim(forged, proof)) == (
        "InvalidProof",
        {"runId": 1, "round": 1, "leafHash": hash_of(ledger, forged)},
    )


def test_a_claim_beyond_the_budget_is_refused(running: Site) -> None:
    commit_round(running)
    running.ledger(OPERATOR).fund(1, TWR)
    running.advance(50)
    assert refusal(lambda: claim(running, LEAVES[0])) == (
        "InsufficientFunds",
        {"runId": 1, "funded": TWR, "needed": 10 * TWR},
    )


def test_claims_beyond_what_the_rounds_granted_are_refused(running: Site) -> None:
    commit_round(running, reward=8 * TWR)
    running.ledger(OPERATOR).fund(1, 50 * TWR)
    running.advance(50)
    claim(running, LEAVES[0])
    assert refusal(lambda: claim(running, LEAVES[1])) == (
        "MoreThanGranted",
        {"runId": 1, "claimedAfter": 10 * TWR, "granted": 8 * TWR},
    )


def test_the_vested_part_is_locked_paid_in_time_and_slashed_before(community: Site) -> None:
    community.ledger(OPERATOR).create_run(params_of(vested_bps=5_000, vesting_seconds=10_000))
    commit_round(community)
    community.ledger(OPERATOR).fund(1, 50 * TWR)
    community.advance(50)
    ledger = community.ledger(OUTSIDER)
    assert claim(community, LEAVES[0]) == 7 * TWR
    assert (ledger.reward_balance(ADA.address), ledger.locked(1, 1)) == (7 * TWR // 2, 7 * TWR // 2)
    community.advance(20_000)
    assert ledger.release(1, 1) == 7 * TWR // 2
    assert (ledger.reward_balance(ADA.address), ledger.locked(1, 1)) == (7 * TWR, 0)
    assert refusal(lambda: ledger.release(1, 1)) == ("NothingVested", {"runId": 1, "memberId": 1})


def test_what_has_not_vested_is_slashed_to_the_runs_budget(community: Site) -> None:
    community.ledger(OPERATOR).create_run(params_of(vested_bps=10_000, vesting_seconds=10**9))
    commit_round(community)
    community.ledger(OPERATOR).fund(1, 50 * TWR)
    community.advance(50)
    ledger = community.ledger(OUTSIDER)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    community.advance(60)
    claim(community, LEAVES[0])
    calls = [*incidents(community), on_vault(community, "slashUnvested", 1, 1, 6 * TWR)]
    pass_proposal(community, propose(community, actions=calls))
    assert ledger.funded(1) == 56 * TWR
    assert ledger.reward_balance(ADA.address) + ledger.locked(1, 1) == TWR
    left = ledger.locked(1, 1)
    calls = [on_vault(community, "slashUnvested", 1, 1, 5 * TWR)]
    pass_proposal(community, propose(community, actions=calls, text="More than is left"))
    assert ledger.locked(1, 1) == 0
    assert 0 < ledger.funded(1) - 56 * TWR < left
