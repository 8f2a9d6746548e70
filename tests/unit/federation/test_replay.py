"""Redoing a round from its record: what is not what its inputs make is named, whoever signed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from federation.receipts import sign_receipt, sign_sheet
from federation.replay import Mismatch, commit_of, epoch_of, load_record, previous_leaves, redo
from node import cid as cids
from node.records.content import Cid
from node.round_record import RoundRecord, ScoreSheet, UpdateScore, tree_from_bytes, tree_to_bytes
from tests.support.played import Played
from tests.support.tiny import identity

Lie = Callable[[Played, RoundRecord], RoundRecord]


@pytest.fixture
def played() -> Played:
    return Played()


def honest(played: Played) -> RoundRecord:
    return played.record({"alice": 3_000, "bob": 1_000, "carol": -5_000})


def check(played: Played, record: RoundRecord) -> None:
    redo(played.ledger, played.store.get, played.run_id, record.round, played.put(record))


def mismatch(played: Played, record: RoundRecord) -> Mismatch:
    with pytest.raises(Mismatch) as caught:
        check(played, record)
    return caught.value


def test_an_honest_record_redoes_to_the_same_checkpoint_and_leaves(played: Played) -> None:
    record = honest(played)

    again, result = redo(played.ledger, played.store.get, 1, 1, played.put(record))

    assert again == record
    assert cids.of(result.checkpoint) == record.checkpoint_cid
    assert tree_to_bytes(list(result.leaves)) == played.store.get(record.tree_cid)
    assert [leaf.member_id for leaf in result.leaves] == [1, 2, 3, 4, 5]


def test_a_commit_states_the_record_in_digests(played: Played) -> None:
    record = honest(played)
    cid = played.put(record)

    commit = commit_of(record, cid)

    assert (commit.run_id, commit.round, commit.num_clients, commit.record_cid) == (1, 1, 3, cid)
    assert commit.parent_digest == cids.digest(record.base_cid)
    assert commit.spec_digest == cids.digest(record.spec_cid)
    assert (commit.reward, commit.checkpoint_cid) == (record.reward, record.checkpoint_cid)


def other_checkpoint(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, checkpoint_cid=record.base_cid)


def richer(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, reward=record.reward + 1)


def other_root(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, contributions_root=bytes(32))


def other_medians(played: Played, record: RoundRecord) -> RoundRecord:
    first = replace(record.scores[0], gain_micro=record.scores[0].gain_micro + 1)
    return replace(record, scores=(first, *record.scores[1:]))


def a_favoured_leaf(played: Played, record: RoundRecord) -> RoundRecord:
    leaves = tree_from_bytes(played.store.get(record.tree_cid))
    favoured = [replace(leaves[0], cumulative_reward=10**30), *leaves[1:]]
    return replace(record, tree_cid=played.store.put(tree_to_bytes(favoured)))


def no_tree(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, tree_cid=played.store.put(b"{}"))


def other_seed_block(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, seed_block_hash=bytes(32))


def seed_block_of_the_future(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, seed_block_number=10**6)


def an_older_seed_block(played: Played, record: RoundRecord) -> RoundRecord:
    block = played.ledger.block_at(1)
    return replace(record, seed_block_number=1, seed_block_hash=block.hash)


def one_sheet_twice(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, sheets=(record.sheets[0], *record.sheets))


def one_receipt_twice(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, receipts=(record.receipts[0], *record.receipts))


def a_receipt_left_out(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, receipts=record.receipts[1:])


def an_unsigned_receipt(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, receipts=(replace(record.receipts[0], signature=bytes(65)), *record.receipts[1:]))


def a_receipt_for_another_base(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, base_cid=record.checkpoint_cid)


def a_base_that_is_no_checkpoint(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, base_cid=record.tree_cid)


def a_spec_that_is_none(played: Played, record: RoundRecord) -> RoundRecord:
    return replace(record, spec_cid=record.tree_cid)


def an_update_that_nobody_has(played: Played, record: RoundRecord) -> RoundRecord:
    signed = record.receipts[0]
    name = next(n for n in played.members if identity(n).address == signed.receipt.account)
    cid = cids.of(b"never put")
    statement = replace(signed.receipt, update_digest=cids.digest(cid))
    forged = sign_receipt(played.members[name], played.ledger.domain("TrainingRuns"), statement, cid)
    return replace(record, receipts=(forged, *record.receipts[1:]))


def a_stuffed_sheet(played: Played, record: RoundRecord) -> RoundRecord:
    """Dora votes three times on the first update."""
    return _with_sheet_of_dora(played, record, lambda scores: (scores[0], scores[0], *scores))


def a_sheet_without_one_update(played: Played, record: RoundRecord) -> RoundRecord:
    return _with_sheet_of_dora(played, record, lambda scores: scores[1:])


def _with_sheet_of_dora(
    played: Played, record: RoundRecord, change: Callable[[tuple[UpdateScore, ...]], tuple[UpdateScore, ...]]
) -> RoundRecord:
    dora = identity("dora")
    old = next(s for s in record.sheets if s.account == dora.address)
    sheet = ScoreSheet.from_bytes(played.store.get(old.cid))
    changed = replace(sheet, scores=change(sheet.scores))
    signed = sign_sheet(dora, played.ledger.domain("TrainingRuns"), changed, played.store.put(changed.to_bytes()))
    return replace(record, sheets=tuple(signed if s == old else s for s in record.sheets))


ALICE_FIRST = sorted(identity(n).address for n in ("alice", "bob", "carol"))[0]
DORA = identity("dora").address
LIES: list[tuple[Lie, str]] = [
    (other_checkpoint, "checkpoint"),
    (richer, "reward"),
    (other_root, "contributions root"),
    (other_medians, "scores"),
    (a_favoured_leaf, "contributions tree"),
    (no_tree, "contributions tree"),
    (other_seed_block, "seed"),
    (seed_block_of_the_future, "seed"),
    (an_older_seed_block, "score sheet of"),
    (one_sheet_twice, "score sheets"),
    (one_receipt_twice, "receipts"),
    (a_receipt_left_out, "score sheet of"),
    (an_unsigned_receipt, f"update of {ALICE_FIRST}"),
    (a_receipt_for_another_base, f"update of {ALICE_FIRST}"),
    (a_base_that_is_no_checkpoint, "parent checkpoint"),
    (a_spec_that_is_none, "run spec"),
    (an_update_that_nobody_has, f"update of {ALICE_FIRST}"),
    (a_stuffed_sheet, f"score sheet of {DORA}"),
    (a_sheet_without_one_update, f"score sheet of {DORA}"),
]


@pytest.mark.parametrize(("lie", "subject"), LIES, ids=[lie.__name__ for lie, _ in LIES])
def test_a_record_that_lies_is_not_cosigned_and_the_lie_is_named(played: Played, lie: Lie, subject: str) -> None:
    found = mismatch(played, lie(played, honest(played)))

    assert found.subject.startswith(subject)
    assert found.reason == "disagrees"
    assert found.detail.startswith(found.subject)


@pytest.mark.parametrize("changes", [{"run_id": 2}, {"round": 2}, {"chain_id": 1}])
def test_a_record_of_another_chain_run_or_round_is_refused(played: Played, changes: dict[str, int]) -> None:
    cid = played.put(replace(honest(played), **changes))

    with pytest.raises(Mismatch, match="expected run 1 round 1"):
        redo(played.ledger, played.store.get, 1, 1, cid)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 50_000, b'{"version":1,"round":1.5}'], ids=lambda d: repr(d[:5]))
def test_bytes_that_are_no_record_are_named_as_the_round_record(played: Played, data: bytes) -> None:
    with pytest.raises(Mismatch, match="round record: expected a round record"):
        redo(played.ledger, played.store.get, 1, 1, played.store.put(data))


def test_a_record_that_nobody_has_is_named(played: Played) -> None:
    with pytest.raises(Mismatch, match="round record"):
        redo(played.ledger, played.store.get, 1, 1, cids.of(b"nowhere"))


@pytest.mark.parametrize("name", ["alice", "dora"])
def test_work_of_a_barred_member_does_not_enter_a_new_round(played: Played, name: str) -> None:
    record = honest(played)
    played.set_active(name, False)

    found = mismatch(played, record)

    assert identity(name).address in found.subject
    assert "not-allowed" in found.detail


def test_the_stored_record_must_be_the_committed_one(played: Played) -> None:
    commit = played.commit(honest(played))

    assert load_record(played.store.get, commit).round == 1
    with pytest.raises(Mismatch, match="round record: expected the record of"):
        load_record(played.store.get, replace(commit, reward=commit.reward + 1))


def test_the_first_round_has_no_leaves_before_it_and_a_gap_is_named(played: Played) -> None:
    assert previous_leaves(played.ledger, played.store.get, 1, 0) == []
    with pytest.raises(Mismatch, match="expected round 1 on chain, there is none"):
        previous_leaves(played.ledger, played.store.get, 1, 1)


def test_a_second_round_builds_on_the_leaves_of_the_first(played: Played) -> None:
    played.commit(honest(played))
    record = played.record({"alice": 500, "bob": 500})
    check(played, record)

    leaves = {leaf.account: leaf for leaf in tree_from_bytes(played.store.get(record.tree_cid))}

    alice, carol = leaves[identity("alice").address], leaves[identity("carol").address]
    assert (alice.reward, alice.cumulative_reward) == (40 * 10**18, 100 * 10**18)
    assert (carol.reward, carol.cumulative_reward, carol.samples) == (0, 0, 0)


def test_an_epoch_follows_from_the_committed_rounds_alone(played: Played) -> None:
    played.commit(honest(played))
    played.commit(played.record({"alice": 500, "bob": 500}))

    commit, leaves = epoch_of(played.ledger, played.store.get, 1, 1, 2)

    merits = {leaf.account: leaf.merit for leaf in leaves}
    assert merits == {
        identity("alice").address: 570_000 + 400_000,  # 600,000 * 0.95 and half of 800,000
        identity("bob").address: 190_000 + 400_000,
        identity("dora").address: 95_000 + 100_000,
        identity("emil").address: 95_000 + 100_000,
    }
    assert (commit.count, commit.upto_round, commit.max_weight) == (4, 2, max(leaf.weight for leaf in leaves))
    assert commit.total_weight == sum(leaf.weight for leaf in leaves)


def test_an_epoch_over_rounds_that_do_not_exist_is_refused(played: Played) -> None:
    with pytest.raises(Mismatch, match="expected round 1 on chain and not voided, there is none"):
        epoch_of(played.ledger, played.store.get, 1, 1, 1)
    with pytest.raises(Mismatch, match="expected merit after round 0, there is none"):
        epoch_of(played.ledger, played.store.get, 1, 1, 0)


def test_a_fetched_object_may_not_end_the_replay_in_another_error(played: Played) -> None:
    """Every object of the record in turn becomes bytes without meaning."""
    record = honest(played)
    named: dict[str, Any] = {}
    objects = {"record": played.put(record), "spec": record.spec_cid, "base": record.base_cid, "tree": record.tree_cid}
    objects |= {"update": record.receipts[0].update_cid, "sheet": record.sheets[0].cid}
    for what, cid in objects.items():

        def fetch(wanted: Cid, cid: Cid = cid) -> bytes:
            return b"?" if wanted == cid else played.store.get(wanted)

        with pytest.raises(Mismatch) as caught:
            redo(played.ledger, fetch, 1, 1, objects["record"])
        named[what] = caught.value.subject.split(" of ")[0]
    assert named == {
        "record": "round record", "spec": "run spec", "base": "parent checkpoint", "tree": "contributions tree",
        "update": "update", "sheet": "score sheet",
    }  # fmt: skip
