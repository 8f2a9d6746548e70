"""Scores as integers: seeds, paired errors, lower medians, harm and agreement, all by hand."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from federation.scoring import (
    agreement_bps,
    is_harmful,
    median_scores,
    paired_score,
    scoring_seed,
    seed_to_int,
    to_micro,
)
from node import cid as cids
from node.records.chain import Address
from node.records.rounds import Receipt
from node.round_record import ScoreSheet, SignedReceipt, UpdateScore

A, B, C = (Address(letter * 3) for letter in "ABC")
ZERO = bytes(32)


def receipt(account: Address, update: bytes) -> SignedReceipt:
    cid = cids.of(update)
    statement = Receipt(
        run_id=1, round=1, account=account, spec_digest=ZERO, base_digest=ZERO, update_digest=cids.digest(cid),
        num_samples=8, num_steps=2, start_loss_micro=2, end_loss_micro=1,
    )  # fmt: skip
    return SignedReceipt(receipt=statement, update_cid=cid, signature=bytes(65))


def score(account: Address, gain: int, error: int = 0) -> UpdateScore:
    return UpdateScore(account=account, update_digest=ZERO, gain_micro=gain, error_micro=error)


def sheet(*scores: UpdateScore, by: Address = A) -> ScoreSheet:
    return ScoreSheet(
        run_id=1, round=1, account=by, base_cid=cids.of(b"base"), seed=ZERO, base_loss_micro=0, num_draws=2,
        scores=scores,
    )  # fmt: skip


def test_the_seed_is_the_hash_of_the_block_and_of_all_updates_by_account() -> None:
    first, second = receipt(A, b"one"), receipt(B, b"two")
    wanted = hashlib.sha256(
        b"tenwings scoring seed" + bytes(31) + b"\1" + hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest()
    ).digest()

    assert scoring_seed(bytes(31) + b"\1", [first, second]) == wanted
    assert scoring_seed(bytes(31) + b"\1", [second, first]) == wanted


def test_another_block_or_another_update_gives_another_seed() -> None:
    seeds = {
        scoring_seed(ZERO, [receipt(A, b"one")]),
        scoring_seed(bytes([1]) * 32, [receipt(A, b"one")]),
        scoring_seed(ZERO, [receipt(A, b"two")]),
        scoring_seed(ZERO, [receipt(A, b"one"), receipt(B, b"one")]),
    }

    assert len(seeds) == 4


def test_a_generators_seed_is_the_first_63_bits() -> None:
    assert seed_to_int(bytes([255]) * 32) == 2**63 - 1
    assert seed_to_int(bytes(7) + b"\2" + bytes([255]) * 24) == 1


@pytest.mark.parametrize(
    ("value", "micro"), [(1.0, 1_000_000), (-0.25, -250_000), (0.0000005, 0), (0.0000015, 2), (0.0, 0)]
)
def test_millionths_are_rounded_half_to_even(value: float, micro: int) -> None:
    assert to_micro(value) == micro


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        to_micro(value)


def test_a_paired_score_is_the_mean_difference_and_its_standard_error() -> None:
    # Differences 0.1, 0.3, 0.2, 0.2: mean 0.2, deviation sqrt(0.02 / 3), error 0.0408248.
    found = paired_score(A, ZERO, [1.0, 1.0, 1.0, 1.0], [0.9, 0.7, 0.8, 0.8], draws_per_clip=1)

    assert (found.account, found.gain_micro, found.error_micro) == (A, 200_000, 40_825)


def test_noise_that_both_losses_share_cancels() -> None:
    found = paired_score(A, ZERO, [5.0, 1.0, 3.0], [4.5, 0.5, 2.5], draws_per_clip=1)

    assert (found.gain_micro, found.error_micro) == (500_000, 0)


def test_draws_of_one_clip_do_not_count_as_independent() -> None:
    # Clips gain 0.1 and 0.3 whatever the draw: mean 0.2, deviation sqrt(0.02), error 0.1 however many draws a clip has.
    base, candidate = [1.0] * 8, [0.9] * 4 + [0.7] * 4
    found = paired_score(A, ZERO, base, candidate, draws_per_clip=4)

    assert (found.gain_micro, found.error_micro) == (200_000, 100_000)


@pytest.mark.parametrize(
    ("base", "candidate", "draws"),
    [([1.0], [1.0], 1), ([], [], 1), ([1.0, 2.0], [1.0], 1), ([1.0] * 2, [1.0] * 2, 2), ([1.0] * 5, [1.0] * 5, 2)],
)
def test_too_few_or_unpaired_draws_are_refused(base: list[float], candidate: list[float], draws: int) -> None:
    with pytest.raises(ValueError, match=f"expected {draws} draws of each of at least two clips"):
        paired_score(A, ZERO, base, candidate, draws_per_clip=draws)


def test_the_median_is_the_lower_one_of_gains_and_of_errors_each() -> None:
    sheets = [sheet(score(A, 10, 5)), sheet(score(A, 30, 1)), sheet(score(A, 20, 9)), sheet(score(A, 40, 7))]

    assert median_scores(sheets) == (score(A, 20, 5),)


def test_medians_do_not_depend_on_the_order_of_sheets_or_scores() -> None:
    sheets = [
        sheet(score(A, 3, 2), score(B, -5, 1), score(C, 0, 9)),
        sheet(score(C, 7, 3), score(A, 1, 4), score(B, -9, 2)),
        sheet(score(B, 8, 0), score(C, 1, 1), score(A, 2, 3)),
    ]
    wanted = (score(A, 2, 3), score(B, -5, 1), score(C, 1, 3))

    assert {median_scores(order) for order in itertools.permutations(sheets)} == {wanted}


def test_one_liar_among_three_cannot_move_the_median_beyond_the_honest() -> None:
    for lie in (-(2**63), 0, 2**63 - 1):
        (median,) = median_scores([sheet(score(A, 100)), sheet(score(A, 104)), sheet(score(A, lie))])
        assert 100 <= median.gain_micro <= 104


def test_without_a_sheet_there_is_no_median() -> None:
    with pytest.raises(ValueError, match="at least one score sheet"):
        median_scores([])


@pytest.mark.parametrize(
    ("gain", "error", "harmful"), [(-31, 10, True), (-30, 10, False), (0, 0, False), (-1, 0, True)]
)
def test_an_update_is_harmful_beyond_three_standard_errors(gain: int, error: int, harmful: bool) -> None:
    assert is_harmful(score(A, gain, error)) is harmful


def test_agreement_is_the_share_of_gains_within_three_errors_of_the_median() -> None:
    medians = {A: score(A, 1000, 10), B: score(B, 1000, 10), C: score(C, 1000, 10)}

    assert agreement_bps(sheet(score(A, 1030), score(B, 970), score(C, 1000)), medians) == 10_000
    assert agreement_bps(sheet(score(A, 1031), score(B, 970), score(C, 1000)), medians) == 6_666
    assert agreement_bps(sheet(score(A, 0), score(B, 0), score(C, 0)), medians) == 0


def test_agreement_allows_one_per_cent_where_errors_are_tiny() -> None:
    medians = {A: score(A, -5000, 0), B: score(B, 0, 0)}

    assert agreement_bps(sheet(score(A, -5050), score(B, 1)), medians) == 10_000
    assert agreement_bps(sheet(score(A, -5051), score(B, 2)), medians) == 0
