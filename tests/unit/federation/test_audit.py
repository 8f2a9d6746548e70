"""The audit: a run as it happened holds for ever, and what was changed afterwards is the first thing named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from federation.audit import LedgerAt, Verdict, audit
from federation.replay import epoch_of
from node import cid as cids
from node.errors import ConfigError
from node.proofs import merit_tree
from node.records.content import Cid
from node.round_record import RoundRecord, merit_tree_to_bytes, tree_from_bytes, tree_to_bytes
from tests.support.played import Played
from tests.support.tiny import identity

GAINS = {"alice": 3_000, "bob": 1_000}


def verdicts(played: Played) -> list[Verdict]:
    return list(audit(played.ledger, played.store, played.run_id))


def broken(played: Played) -> list[tuple[int, str, str]]:
    return [(v.round, v.what, v.subject) for v in verdicts(played) if not v.holds]


@pytest.fixture(scope="module")
def played() -> Played:
    """Two rounds, a merit epoch, claims after each round. Tests put back what they change."""
    found = Played()
    found.commit(found.record(GAINS))
    found.claim("alice", 1)
    found.commit(found.record({"alice": 500, "bob": 500, "carol": -5_000}))
    found.claim("alice", 2)
    found.claim("dora", 2)
    found.commit_epoch(1, 2)
    return found


@contextmanager
def replaced(played: Played, cid: Cid, data: bytes) -> Iterator[None]:
    """Other bytes under the same CID, as on a damaged disk."""
    before = played.store.get(cid)
    played.store._write(cid, data)
    try:
        yield
    finally:
        played.store._write(cid, before)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def record_of(played: Played, number: int) -> RoundRecord:
    state = played.ledger.round(played.run_id, number)
    assert state is not None
    return RoundRecord.from_bytes(played.store.get(state.commit.record_cid))


def test_an_honest_run_holds_in_the_order_of_its_history(played: Played) -> None:
    found = verdicts(played)

    assert [(v.round, v.what, v.holds) for v in found] == [
        (0, "dataset", True),
        (1, "round", True),
        (2, "round", True),
        (2, "merit epoch", True),
        (1, "payouts", True),
        (2, "payouts", True),
    ]
    assert [(v.num_updates, v.num_refused, v.heldout_loss_micro) for v in found[1:3]] == [
        (2, 0, 1_499_000),
        (3, 0, 1_498_000),
    ]


def test_a_run_without_rounds_has_its_dataset_checked_alone() -> None:
    assert [(v.what, v.holds) for v in verdicts(Played())] == [("dataset", True)]


def test_a_run_that_is_not_on_chain_is_a_callers_mistake(played: Played) -> None:
    with pytest.raises(ConfigError, match=r"expected a run on chain, got 7; `tenwings run ls`"):
        next(audit(played.ledger, played.store, 7))


@pytest.mark.parametrize("name", ["alice", "dora"])
def test_a_member_barred_later_does_not_rewrite_history(played: Played, name: str) -> None:
    played.set_active(name, False)
    try:
        assert broken(played) == []
    finally:
        played.set_active(name, True)


def test_a_member_who_joins_later_does_not_rewrite_history() -> None:
    played = Played()
    played.commit(played.record(GAINS))
    played.join("frida", played.ledger.members()[0].roles)

    assert broken(played) == []


def test_a_voted_spec_is_in_force_from_the_next_round_on() -> None:
    played = Played()
    played.commit(played.record(GAINS))
    played.set_spec(played.spec.with_changes({"outer.alpha": "0.5"}))
    played.commit(played.record(GAINS))

    assert broken(played) == []
    assert record_of(played, 1).spec_cid != record_of(played, 2).spec_cid


@pytest.mark.parametrize(
    ("what", "subject"),
    [
        ("update_cid", "update of "),
        ("sheet", "score sheet of "),
        ("checkpoint", "checkpoint"),
        ("tree", "contributions tree"),
        ("record", "round record"),
    ],
)
def test_a_flipped_byte_is_named_with_its_object_and_round(played: Played, what: str, subject: str) -> None:
    record, state = record_of(played, 2), played.ledger.round(played.run_id, 2)
    assert state is not None
    cid = {
        "update_cid": record.receipts[0].update_cid,
        "sheet": record.sheets[0].cid,
        "checkpoint": record.checkpoint_cid,
        "tree": record.tree_cid,
        "record": state.commit.record_cid,
    }[what]

    with replaced(played, cid, flipped(played.store.get(cid))):
        first = next(v for v in verdicts(played) if not v.holds)

    assert (first.round, first.what) == (2, "round")
    assert first.subject.startswith(subject)
    assert cid in first.detail


@pytest.mark.parametrize("split", ["train", "score", "heldout"])
def test_a_damaged_shard_is_named_by_its_split(played: Played, split: str) -> None:
    cid = played.store.put(split.encode())

    with replaced(played, cid, b"flipped"):
        found = broken(played)

    assert found == [(0, "dataset", f"{split} shard {cid}")]


def test_a_damaged_genesis_checkpoint_is_named(played: Played) -> None:
    genesis = played.ledger.run(played.run_id).params.genesis_cid

    with replaced(played, genesis, b"no checkpoint"):
        found = broken(played)

    assert found[0] == (0, "dataset", "genesis checkpoint")
    assert (1, "round", "parent checkpoint") in found


def test_a_damaged_merit_tree_is_named(played: Played) -> None:
    epoch = played.ledger.epoch(1)
    assert epoch is not None

    with replaced(played, epoch.tree_cid, b"{}"):
        assert broken(played) == [(2, "merit epoch", "merit tree of epoch 1")]


def test_payouts_of_a_round_that_does_not_hold_are_not_vouched_for(played: Played) -> None:
    cid = record_of(played, 1).checkpoint_cid

    with replaced(played, cid, b"?"):
        found = broken(played)

    assert (1, "round", "checkpoint") in found
    assert (1, "payouts", "payouts") in found


def test_evaluators_who_cosign_a_favour_are_found_out() -> None:
    played = Played()
    record = played.record(GAINS)
    leaves = [replace(x, reward=x.reward * 2, cumulative_reward=x.reward * 2) if x.member_id == 1 else x
              for x in tree_from_bytes(played.store.get(record.tree_cid))]  # fmt: skip
    played.commit(replace(record, tree_cid=played.store.put(tree_to_bytes(leaves))))

    ((number, what, subject),) = broken(played)

    assert (number, what, subject) == (1, "round", "contributions tree")


def test_evaluators_who_cosign_a_spec_that_was_not_voted_are_found_out() -> None:
    played = Played()
    easier = played.spec.with_changes({"reward.per_round": str(900 * 10**18)})
    honest_cid = played.ledger.run(1).spec_cid
    record = replace(played.record(GAINS), spec_cid=played.store.put(easier.to_bytes()))
    # The chain takes the digest of the spec in force; only the record speaks of another.
    played.commit(record, spec_digest=cids.digest(honest_cid))

    ((number, what, subject),) = broken(played)

    assert (number, what, subject) == (1, "round", "round record")


# members as they were


def test_members_at_a_block_are_those_who_had_joined_and_were_not_barred() -> None:
    played = Played()
    before = played.ledger.latest_block().number
    played.set_active("alice", False)
    barred = played.ledger.latest_block().number
    played.join("frida", played.ledger.members()[0].roles)
    played.set_active("alice", True)
    events = played.ledger.events(0)
    alice, frida = identity("alice").address, identity("frida").address

    def at(block: int) -> LedgerAt:
        return LedgerAt(played.ledger, events, (block + 1, 0))

    def active(block: int) -> bool | None:
        member = at(block).member(alice)
        return member.active if member else None

    newest = played.ledger.latest_block().number
    assert (active(0), active(before), active(barred), active(newest)) == (None, True, False, True)
    assert at(barred).member(frida) is None
    assert at(newest).member(frida) == played.ledger.member(frida)
    assert [len(at(block).members()) for block in (1, 2, before, newest)] == [0, 1, 5, 6]


def test_members_at_a_block_pass_everything_else_to_the_ledger() -> None:
    played = Played()
    as_of = LedgerAt(played.ledger, played.ledger.events(0), (10**9, 0))

    assert as_of.chain_id() == 31337
    assert as_of.run(1) == played.ledger.run(1)
    with pytest.raises(AttributeError):
        as_of.no_such_thing  # noqa: B018


def test_bounds_of_merit_that_a_vote_changed_later_do_not_rewrite_an_epoch() -> None:
    played = Played()
    played.commit(played.record({"alice": 90_000, "bob": 1_000}))
    played.commit_epoch(1, 1)

    played._executed("MeritEpochs", "setBounds", {"newBounds": {"maxShareBps": 10_000, "maxGrowthBps": 10_000}})

    assert broken(played) == []
    assert played.ledger.merit_bounds().max_share_bps == 10_000


def test_an_epoch_cut_again_keeps_the_chains_bounds_and_holds() -> None:
    played = Played()
    played.commit(played.record({"alice": 90_000, "bob": 1_000}))
    first = played.commit_epoch(1, 1)
    for _ in range(3):
        played.commit(played.record({"alice": 90_000, "bob": 1_000, "carol": 500}))
    second = played.commit_epoch(2, 4)

    assert first.total_weight < second.total_weight <= 2 * first.total_weight
    assert second.max_weight * second.count <= 2 * second.total_weight
    assert broken(played) == []


def test_evaluators_who_cosign_a_weight_that_the_rounds_do_not_make_are_found_out() -> None:
    played = Played()
    played.commit(played.record(GAINS))
    honest, leaves = epoch_of(played.ledger, played.store.get, played.run_id, 1, 1)
    heavier = [replace(leaf, weight=leaf.weight + 1) for leaf in leaves]
    forged = replace(
        honest,
        root=merit_tree(played.ledger.domain("MeritEpochs"), heavier).root,
        total_weight=honest.total_weight + len(leaves),
        max_weight=honest.max_weight + 1,
        tree_cid=played.store.put(merit_tree_to_bytes(heavier)),
    )
    played.ledger.commit_epoch(forged, played._cosign("MeritEpochs", forged))

    assert broken(played) == [(1, "merit epoch", "merit epoch 1")]


def test_a_voided_round_is_named_and_the_rest_is_replayed_through_it() -> None:
    played = Played(window_seconds=100)
    played.commit(played.record(GAINS))
    played.commit(played.record(GAINS))
    played.void(2)
    played.commit(played.record(GAINS))
    played.clock.advance(200)
    played.commit_epoch(1, 3)
    played.claim("alice", 3)

    assert [(v.round, v.what, v.holds) for v in verdicts(played)] == [
        (0, "dataset", True),
        (1, "round", True),
        (2, "voided round", True),
        (3, "round", True),
        (3, "merit epoch", True),
        (3, "payouts", True),
    ]


def test_a_rollback_and_a_promotion_are_followed() -> None:
    played = Played()
    first = played.commit(played.record(GAINS))
    played.commit(played.record(GAINS))
    played.roll_back(1)
    third = played.record(GAINS)
    played.commit(third)
    played.register_checkpoint(first.checkpoint_cid)
    played.voted("promote", checkpointCid=cids.to_bytes(first.checkpoint_cid))
    fourth = played.record(GAINS)
    played.commit(fourth)

    assert broken(played) == []
    assert third.base_cid == fourth.base_cid == first.checkpoint_cid


def test_a_voted_quorum_and_dataset_do_not_rewrite_earlier_rounds() -> None:
    played = Played()
    played.commit(played.record(GAINS))
    played.voted("setQuorum", quorum=3)
    other = played.register_dataset("other worlds")
    played.voted("setDataset", datasetDigest=other)

    assert broken(played) == []


def test_a_spec_that_is_not_what_its_proposal_declared_is_named() -> None:
    played = Played()
    spec = played.spec.with_changes({"inner.num_steps": "99"})
    played.set_spec(spec, declared=replace(spec.chain_params, inner_steps=15))
    played.commit(played.record(GAINS))

    (verdict,) = [v for v in verdicts(played) if not v.holds]
    assert (verdict.round, verdict.subject) == (1, "run spec")
    assert "expected inner_steps = 15" in verdict.detail
