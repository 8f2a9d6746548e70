"""Rewards and merit: integer shares that never exceed the pool, decay by the round, weights by the square root."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.config import RewardSpec
from federation.merit import MERIT_PER_ROUND, epoch_leaves, reward_shares
from node.records import Address, ContributionLeaf

A, B, C, D = (Address(f"0x{letter * 40}") for letter in "abcd")
IDS = {A: 1, B: 2, C: 3, D: 4}
SPEC = RewardSpec(per_round=1_000, trainers_bps=8_000, evaluators_bps=2_000)
weights = st.dictionaries(st.sampled_from([A, B, C, D]), st.integers(-(2**63), 2**63 - 1))


def leaf(account: Address, score: int, *, samples: int | None = None) -> ContributionLeaf:
    """A trainer's line where `samples` are given, else an evaluator's."""
    return ContributionLeaf(
        run_id=1, round=1, member_id=IDS[account], account=account, samples=samples or 0, steps=0, score=score,
        update_digest=bytes(32) if samples is None else bytes([1]) * 32, reward=0, cumulative_reward=0,
    )  # fmt: skip


def test_trainers_share_by_gain_and_evaluators_by_agreement() -> None:
    shares = reward_shares(SPEC, {A: 300, B: 100}, {C: 10_000, D: 10_000})

    assert shares == {A: 600, B: 200, C: 100, D: 100}


def test_a_gain_below_zero_earns_nothing_and_takes_nothing() -> None:
    assert reward_shares(SPEC, {A: 300, B: -900}, {}) == {A: 800, B: 0}


def test_who_trains_and_evaluates_is_paid_for_both() -> None:
    assert reward_shares(SPEC, {A: 1}, {A: 5, B: 15}) == {A: 850, B: 150}


def test_when_nobody_helped_the_pool_is_not_paid() -> None:
    assert reward_shares(SPEC, {A: 0, B: -1}, {C: 0}) == {A: 0, B: 0, C: 0}


def test_shares_are_rounded_down() -> None:
    assert reward_shares(SPEC, {A: 1, B: 1, C: 1}, {}) == {A: 266, B: 266, C: 266}


@given(per_round=st.integers(0, 2**96 - 1), trainers_bps=st.integers(0, 10_000), gains=weights, agreements=weights)
def test_shares_are_never_negative_and_never_exceed_the_pool(
    per_round: int, trainers_bps: int, gains: dict[Address, int], agreements: dict[Address, int]
) -> None:
    spec = RewardSpec(per_round=per_round, trainers_bps=trainers_bps, evaluators_bps=10_000 - trainers_bps)

    shares = reward_shares(spec, gains, agreements)

    assert min(shares.values(), default=0) >= 0
    assert sum(shares.values()) <= per_round


@given(gains=weights)
def test_more_gain_never_earns_less(gains: dict[Address, int]) -> None:
    shares = reward_shares(RewardSpec(), gains, {})

    by_gain = sorted(gains, key=lambda account: gains[account])
    paid = [shares[account] for account in by_gain]
    assert paid == sorted(paid)


def test_one_round_hands_out_a_million_merit_in_the_specs_split() -> None:
    leaves = epoch_leaves(1, [(SPEC, [leaf(A, 300, samples=8), leaf(B, 100, samples=8), leaf(C, 10_000)])])

    assert [(x.member_id, x.account, x.merit) for x in leaves] == [(1, A, 600_000), (2, B, 200_000), (3, C, 200_000)]
    assert sum(x.merit for x in leaves) == MERIT_PER_ROUND


def test_a_trainer_that_claims_no_samples_takes_no_merit_from_the_evaluators() -> None:
    leaves = epoch_leaves(1, [(SPEC, [leaf(A, 40_000, samples=0), leaf(C, 10_000)])])

    assert {x.account: x.merit for x in leaves} == {A: 800_000, C: 200_000}


def test_a_vote_weighs_the_square_root_of_merit() -> None:
    (one,) = epoch_leaves(1, [(SPEC, [leaf(A, 1, samples=8)])])

    assert (one.merit, one.weight) == (800_000, 89_442)  # isqrt(800,000 * 10,000)
    assert one.weight == math.floor(math.sqrt(8_000_000_000))


def test_ten_accounts_that_split_a_merit_weigh_more_than_one_only_by_the_square_root() -> None:
    single = epoch_leaves(1, [(SPEC, [leaf(A, 4, samples=8)])])[0].weight
    split = sum(x.weight for x in epoch_leaves(1, [(SPEC, [leaf(a, 1, samples=8) for a in (A, B, C, D)])]))

    assert split / single == pytest.approx(2.0, rel=1e-4)


def test_old_merit_keeps_95_per_cent_a_round() -> None:
    rounds = [(SPEC, [leaf(A, 1, samples=8)]), (SPEC, [leaf(B, 1, samples=8)]), (SPEC, [leaf(C, 10_000)])]

    merits = {x.account: x.merit for x in epoch_leaves(1, rounds)}

    assert merits == {A: 722_000, B: 760_000, C: 200_000}  # 800,000 * 0.95 * 0.95; 800,000 * 0.95


def test_merit_stays_bounded_however_many_rounds_there_are() -> None:
    (one,) = epoch_leaves(1, [(SPEC, [leaf(A, 1, samples=8)])] * 400)

    assert 15_900_000 < one.merit <= 16_000_000  # 800,000 / 0.05


def test_members_without_merit_have_no_leaf() -> None:
    leaves = epoch_leaves(7, [(SPEC, [leaf(A, 5, samples=8), leaf(B, -5, samples=8), leaf(C, 0)])])

    assert [(x.epoch, x.account) for x in leaves] == [(7, A)]


def test_without_rounds_there_is_no_merit() -> None:
    assert epoch_leaves(1, []) == []


def test_each_round_is_split_as_its_own_spec_says() -> None:
    other = RewardSpec(per_round=1_000, trainers_bps=5_000, evaluators_bps=5_000)
    rounds = [(SPEC, [leaf(A, 1, samples=8), leaf(C, 1)]), (other, [leaf(A, 1, samples=8), leaf(C, 1)])]

    merits = {x.account: x.merit for x in epoch_leaves(1, rounds)}

    assert merits == {A: 760_000 + 500_000, C: 190_000 + 500_000}


@given(gains=weights)
def test_merit_of_a_round_never_exceeds_what_it_hands_out(gains: dict[Address, int]) -> None:
    leaves = epoch_leaves(1, [(SPEC, [leaf(account, gain, samples=1) for account, gain in gains.items()])])

    assert sum(x.merit for x in leaves) <= MERIT_PER_ROUND * 8 // 10
