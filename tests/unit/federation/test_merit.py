"""Rewards and merit: integer shares that never exceed the pool, decay by the round, weights by the square root."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.config import RewardSpec
from federation.merit import (
    MERIT_PER_ROUND,
    EpochPast,
    bounded_weights,
    epoch_leaves,
    ramped_weight,
    reward_shares,
)
from node.records.chain import Address
from node.records.merit import MeritBounds
from node.records.rounds import ContributionLeaf

A, B, C, D = (Address(f"0x{letter * 40}") for letter in "abcd")
IDS = {A: 1, B: 2, C: 3, D: 4}
SPEC = RewardSpec(per_round=1_000, trainers_bps=8_000, evaluators_bps=2_000)
LOOSE = MeritBounds(max_share_bps=10_000, max_growth_bps=100_000)
FIRST = EpochPast(bounds=LOOSE)
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
    leaves = epoch_leaves(1, [(SPEC, [leaf(A, 300, samples=8), leaf(B, 100, samples=8), leaf(C, 10_000)])], FIRST)

    assert [(x.member_id, x.account, x.merit) for x in leaves] == [(1, A, 600_000), (2, B, 200_000), (3, C, 200_000)]
    assert sum(x.merit for x in leaves) == MERIT_PER_ROUND


def test_a_trainer_that_claims_no_samples_takes_no_merit_from_the_evaluators() -> None:
    leaves = epoch_leaves(1, [(SPEC, [leaf(A, 40_000, samples=0), leaf(C, 10_000)])], FIRST)

    assert {x.account: x.merit for x in leaves} == {A: 800_000, C: 200_000}


def test_a_vote_weighs_the_square_root_of_merit() -> None:
    assert ramped_weight(800_000, 4) == 89_442  # isqrt(800,000 * 10,000)
    assert ramped_weight(800_000, 4) == math.floor(math.sqrt(8_000_000_000))


def test_ten_accounts_that_split_a_merit_weigh_more_than_one_only_by_the_square_root() -> None:
    single = epoch_leaves(1, [(SPEC, [leaf(A, 4, samples=8)])], FIRST)[0].weight
    split = sum(x.weight for x in epoch_leaves(1, [(SPEC, [leaf(a, 1, samples=8) for a in (A, B, C, D)])], FIRST))

    assert split / single == pytest.approx(2.0, rel=1e-4)


def test_old_merit_keeps_95_per_cent_a_round() -> None:
    rounds = [(SPEC, [leaf(A, 1, samples=8)]), (SPEC, [leaf(B, 1, samples=8)]), (SPEC, [leaf(C, 10_000)])]

    merits = {x.account: x.merit for x in epoch_leaves(1, rounds, FIRST)}

    assert merits == {A: 722_000, B: 760_000, C: 200_000}  # 800,000 * 0.95 * 0.95; 800,000 * 0.95


def test_merit_stays_bounded_however_many_rounds_there_are() -> None:
    (one,) = epoch_leaves(1, [(SPEC, [leaf(A, 1, samples=8)])] * 400, FIRST)

    assert 15_900_000 < one.merit <= 16_000_000  # 800,000 / 0.05


def test_members_without_merit_have_no_leaf() -> None:
    leaves = epoch_leaves(7, [(SPEC, [leaf(A, 5, samples=8), leaf(B, -5, samples=8), leaf(C, 0)])], FIRST)

    assert [(x.epoch, x.account) for x in leaves] == [(7, A)]


def test_without_rounds_there_is_no_merit() -> None:
    assert epoch_leaves(1, [], FIRST) == []


def test_each_round_is_split_as_its_own_spec_says() -> None:
    other = RewardSpec(per_round=1_000, trainers_bps=5_000, evaluators_bps=5_000)
    rounds = [(SPEC, [leaf(A, 1, samples=8), leaf(C, 1)]), (other, [leaf(A, 1, samples=8), leaf(C, 1)])]

    merits = {x.account: x.merit for x in epoch_leaves(1, rounds, FIRST)}

    assert merits == {A: 760_000 + 500_000, C: 190_000 + 500_000}


@given(gains=weights)
def test_merit_of_a_round_never_exceeds_what_it_hands_out(gains: dict[Address, int]) -> None:
    leaves = epoch_leaves(1, [(SPEC, [leaf(account, gain, samples=1) for account, gain in gains.items()])], FIRST)

    assert sum(x.merit for x in leaves) <= MERIT_PER_ROUND * 8 // 10


# What a weight may be.


@pytest.mark.parametrize(("tenure", "weight"), [(1, 22_360), (2, 44_721), (3, 67_081), (4, 89_442), (9, 89_442)])
def test_a_new_members_weight_grows_over_four_epochs(tenure: int, weight: int) -> None:
    assert ramped_weight(800_000, tenure) == weight


def test_tenure_counts_the_epochs_since_the_first_merit() -> None:
    rounds = [(SPEC, [leaf(A, 1, samples=8)]), (SPEC, [leaf(A, 1, samples=8), leaf(B, 1, samples=8)])]

    (old, new) = epoch_leaves(2, rounds, EpochPast(ends=(1,), bounds=LOOSE))

    assert (old.account, old.merit, old.weight) == (A, 760_000 + 400_000, ramped_weight(1_160_000, 2))
    assert (new.account, new.merit, new.weight) == (B, 400_000, ramped_weight(400_000, 1))


def test_an_account_that_only_joined_gains_no_tenure() -> None:
    rounds = [(SPEC, [leaf(A, 1, samples=8), leaf(B, 0, samples=8)]), (SPEC, [leaf(B, 1, samples=8)])]

    (_, late) = epoch_leaves(2, rounds, EpochPast(ends=(1,), bounds=LOOSE))

    assert late.weight == ramped_weight(800_000, 1)


def past(share_bps: int, growth_bps: int = 100_000, total: int = 0) -> EpochPast:
    return EpochPast(total_weight=total, bounds=MeritBounds(max_share_bps=share_bps, max_growth_bps=growth_bps))


def test_no_member_weighs_more_than_the_cap() -> None:
    # Ten members: with the first cut to 30 the sum is 100, and 30 % of it is 30.
    members = {"big": 500, **{f"small {n}": w for n, w in enumerate([10, 10, 10, 10, 10, 5, 5, 5, 5])}}

    assert bounded_weights(members, past(3_000)) == {**members, "big": 30}


def test_where_the_cap_cannot_hold_nobody_weighs_more_than_twice_an_equal_share() -> None:
    assert bounded_weights({"a": 900, "b": 30, "c": 20}, past(200)) == {"a": 100, "b": 30, "c": 20}  # 2/3 of 150
    assert bounded_weights({"a": 900}, past(200)) == {"a": 900}


def test_a_sum_that_grows_too_fast_is_scaled_down_for_all_alike() -> None:
    assert bounded_weights({"a": 300, "b": 100}, past(10_000, 20_000, total=100)) == {"a": 150, "b": 50}
    assert bounded_weights({"a": 150, "b": 49}, past(10_000, 20_000, total=100)) == {"a": 150, "b": 49}


@given(
    members=st.dictionaries(st.integers(1, 40), st.integers(1, 2**40), min_size=1),
    share_bps=st.integers(1, 10_000),
    growth_bps=st.integers(10_000, 100_000),
    total=st.integers(0, 2**40),
)
def test_bounded_weights_are_always_ones_that_the_chain_accepts(
    members: dict[int, int], share_bps: int, growth_bps: int, total: int
) -> None:
    bounded = bounded_weights(members, past(share_bps, growth_bps, total))

    most, whole = max(bounded.values()), sum(bounded.values())
    assert most * 10_000 <= whole * share_bps or most * len(bounded) <= whole * 2
    assert total == 0 or whole <= total * growth_bps // 10_000
    assert all(0 <= bounded[m] <= members[m] for m in members)
