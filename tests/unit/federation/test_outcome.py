"""What follows from a round's inputs: who counts, the next checkpoint bit by bit, who earns what."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from federation.outcome import NO_UPDATE, RoundInputs, counted_accounts, outcome, round_reward
from model.checkpoint import Checkpoint, read
from node import cid as cids
from node.records.rounds import ContributionLeaf
from tests.support.tiny import SPEC, constant_update, identity, receipt, score, sheet, small_base

NAMES = ("alice", "bob", "carol", "dora", "emil")
IDS = {identity(name).address: number for number, name in enumerate(NAMES, start=1)}
TOKEN = 10**18


@pytest.fixture(scope="module")
def base() -> Checkpoint:
    return small_base()


def inputs(base: Checkpoint, gains: dict[str, int], **changes: Any) -> RoundInputs:
    """`gains` by trainer, measured alike by dora and emil; every update is 0.001 everywhere."""
    accounts = {name: identity(name).address for name in gains}
    update_cid = cids.of(b"update")
    scores = [score(name, gain) for name, gain in gains.items()]
    found = RoundInputs(
        spec=SPEC,
        run_id=1,
        round=1,
        base=base,
        receipts={account: receipt(account, update_cid) for account in accounts.values()},
        updates={account: constant_update(base, 0.001) for account in accounts.values()},
        sheets=[sheet("dora", *scores), sheet("emil", *scores)],
        member_ids=IDS,
        previous=(),
    )
    return replace(found, **changes)


def leaf_of(leaves: tuple[ContributionLeaf, ...], name: str) -> ContributionLeaf:
    return next(leaf for leaf in leaves if leaf.account == identity(name).address)


def test_the_next_checkpoint_is_the_base_minus_the_mean_of_the_updates(base: Checkpoint) -> None:
    given = inputs(base, {"alice": 100, "bob": 100})
    updates = dict(given.updates)
    # Equal norms, so that nothing is clipped; their mean is zero.
    updates[identity("bob").address] = constant_update(base, -0.001)

    moved = read(outcome(inputs(base, {"alice": 100, "bob": 100})).checkpoint)
    unmoved = read(outcome(replace(given, updates=updates)).checkpoint)

    for name, tensor in base.tensors.items():
        np.testing.assert_array_equal(moved.tensors[name], tensor - np.float32(0.001))
        np.testing.assert_array_equal(unmoved.tensors[name], tensor)


def test_alpha_scales_the_step(base: Checkpoint) -> None:
    spec = SPEC.with_changes({"outer.alpha": "0.5"})

    moved = read(outcome(inputs(base, {"alice": 1, "bob": 1}, spec=spec)).checkpoint)

    name = next(iter(base.tensors))
    np.testing.assert_array_equal(moved.tensors[name], base.tensors[name] - np.float32(0.5) * np.float32(0.001))


def test_one_huge_update_is_clipped_to_the_lower_median_norm(base: Checkpoint) -> None:
    given = inputs(base, {"alice": 1, "bob": 1})
    updates = {**given.updates, identity("bob").address: constant_update(base, 1.024)}

    moved = read(outcome(replace(given, updates=updates)).checkpoint)

    name = next(iter(base.tensors))
    np.testing.assert_allclose(base.tensors[name] - moved.tensors[name], 0.001, rtol=1e-3)


def test_a_harmful_update_is_left_out_of_the_mean_and_earns_nothing(base: Checkpoint) -> None:
    given = inputs(base, {"alice": 300, "bob": 100, "carol": -1})
    updates = {**given.updates, identity("carol").address: constant_update(base, 0.0005)}

    found = outcome(replace(given, updates=updates))

    assert set(found.counted) == {identity("alice").address, identity("bob").address}
    assert leaf_of(found.leaves, "carol").reward == 0
    assert leaf_of(found.leaves, "carol").score == -1
    moved = read(found.checkpoint)
    name = next(iter(base.tensors))
    np.testing.assert_array_equal(moved.tensors[name], base.tensors[name] - np.float32(0.001))


def test_rewards_follow_gains_and_agreement(base: Checkpoint) -> None:
    found = outcome(inputs(base, {"alice": 300, "bob": 100}))

    paid = {name: leaf_of(found.leaves, name).reward // TOKEN for name in ("alice", "bob", "dora", "emil")}
    assert paid == {"alice": 60, "bob": 20, "dora": 10, "emil": 10}
    assert round_reward(found.leaves) == 100 * TOKEN
    assert [leaf.member_id for leaf in found.leaves] == [1, 2, 4, 5]


def test_a_leaf_says_what_its_member_did(base: Checkpoint) -> None:
    found = outcome(inputs(base, {"alice": 300, "bob": 100}))

    alice, dora = leaf_of(found.leaves, "alice"), leaf_of(found.leaves, "dora")
    assert (alice.samples, alice.steps, alice.score) == (16, 2, 300)
    assert alice.update_digest == cids.digest(cids.of(b"update"))
    assert (dora.samples, dora.steps, dora.score, dora.update_digest) == (0, 0, 10_000, NO_UPDATE)


def test_an_evaluator_far_from_the_median_earns_nothing(base: Checkpoint) -> None:
    honest = [score("alice", 300), score("bob", 100)]
    sheets = [sheet("dora", *honest), sheet("emil", *honest), sheet("carol", score("alice", 0), score("bob", 9_000))]

    found = outcome(inputs(base, {"alice": 300, "bob": 100}, sheets=sheets))

    assert leaf_of(found.leaves, "carol").reward == 0
    assert leaf_of(found.leaves, "dora").reward == 10 * TOKEN


def test_who_ever_earned_keeps_a_line_and_totals_only_grow(base: Checkpoint) -> None:
    first = outcome(inputs(base, {"alice": 300, "bob": 100, "carol": 0}))

    second = outcome(inputs(base, {"alice": 100, "bob": 100}, round=2, previous=first.leaves))

    carol, alice = leaf_of(second.leaves, "carol"), leaf_of(second.leaves, "alice")
    assert (carol.reward, carol.cumulative_reward, carol.samples, carol.round) == (0, 0, 0, 2)
    assert (alice.reward, alice.cumulative_reward) == (40 * TOKEN, 100 * TOKEN)


def test_the_order_of_sheets_and_updates_changes_no_byte(base: Checkpoint) -> None:
    given = inputs(base, {"alice": 300, "bob": 100, "carol": 50})
    given = replace(
        given,
        updates={a: constant_update(base, 0.001 * (i + 1)) for i, a in enumerate(given.updates)},
        sheets=[*given.sheets, sheet("bob", score("alice", 1), score("bob", 9), score("carol", 4))],
    )
    wanted = outcome(given)

    for accounts in itertools.permutations(given.updates):
        mixed = replace(
            given, updates={a: given.updates[a] for a in accounts}, sheets=list(reversed(given.sheets)),
            receipts={a: given.receipts[a] for a in accounts},
        )  # fmt: skip
        found = outcome(mixed)
        assert found.checkpoint == wanted.checkpoint
        assert found.leaves == wanted.leaves


def test_too_few_updates_that_help_make_no_round(base: Checkpoint) -> None:
    with pytest.raises(ValueError, match="expected at least 2 updates that help, got 1"):
        outcome(inputs(base, {"alice": 300, "bob": -100}))


def test_counted_accounts_are_those_that_do_no_harm() -> None:
    scores = [score("alice", -30, 10), score("bob", -31, 10), score("carol", 5)]

    assert counted_accounts(scores) == (identity("alice").address, identity("carol").address)
