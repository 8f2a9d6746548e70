"""Finding one's leaf and proving it: the tree on IPFS must be the one whose root was committed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import ContentCorrupt, ContentUnavailable
from node.merkle import contribution_leaf_hash, merit_leaf_hash, verify
from node.proofs import claim_proof, contribution_tree, merit_proof, merit_tree
from node.records.merit import EpochCommit, MeritLeaf
from node.records.rounds import RoundState
from node.round_record import merit_tree_from_bytes, merit_tree_to_bytes, tree_from_bytes, tree_to_bytes
from tests.support.history import ROLES, History, forget, identity


@pytest.fixture(scope="module")
def history() -> History:
    return History().play()


def state(history: History, number: int) -> RoundState:
    found = history.ledger.round(1, number)
    assert found is not None
    return found


def epoch(history: History) -> EpochCommit:
    found = history.ledger.epoch(1)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dora", "emil"])
def test_everyones_leaf_proves_to_the_committed_root(history: History, name: str) -> None:
    found = claim_proof(history.ledger, history.store, state(history, 2), list(ROLES).index(name) + 1)

    assert found is not None
    leaf, proof = found
    domain = history.ledger.domain("TrainingRuns")
    leaf_hash = contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf)
    assert leaf.account == identity(name).address
    assert verify(state(history, 2).commit.contributions_root, leaf_hash, proof)
    richer = contribution_leaf_hash(
        domain.chain_id, domain.verifying_contract, replace(leaf, cumulative_reward=leaf.cumulative_reward + 1)
    )
    assert not verify(state(history, 2).commit.contributions_root, richer, proof)


@pytest.mark.parametrize("name", ["alice", "emil"])
def test_everyones_merit_proves_to_the_epochs_root(history: History, name: str) -> None:
    found = merit_proof(history.ledger, history.store, epoch(history), identity(name).address)

    assert found is not None
    leaf, proof = found
    domain = history.ledger.domain("MeritEpochs")
    assert (leaf.merit, leaf.weight) == {"alice": (900, 30), "emil": (400, 20)}[name]
    assert verify(epoch(history).root, merit_leaf_hash(domain.chain_id, domain.verifying_contract, leaf), list(proof))


def test_who_has_no_leaf_gets_none(history: History) -> None:
    stranger = identity("stranger").address

    assert claim_proof(history.ledger, history.store, state(history, 2), 9) is None
    assert merit_proof(history.ledger, history.store, epoch(history), stranger) is None


def test_the_order_of_leaves_does_not_change_a_root(history: History) -> None:
    domain = history.ledger.domain("TrainingRuns")
    leaves = history.head_leaves

    assert contribution_tree(domain, leaves).root == contribution_tree(domain, reversed(leaves)).root


def test_a_root_is_of_one_chain_and_contract(history: History) -> None:
    domain = history.ledger.domain("TrainingRuns")
    roots = {
        contribution_tree(d, history.head_leaves).root
        for d in (domain, replace(domain, chain_id=1), replace(domain, verifying_contract=identity("x").address))
    }

    assert len(roots) == 3


def test_a_tree_without_leaves_has_no_root(history: History) -> None:
    with pytest.raises(ValueError, match="expected at least one leaf"):
        merit_tree(history.ledger.domain("MeritEpochs"), [])


def test_a_tree_with_a_favoured_leaf_is_named_as_corrupt() -> None:
    history = History().play()
    record_cid = state(history, 2).commit.record_cid
    tree_cid = tree_cid_of(history, record_cid)
    leaves = tree_from_bytes(history.store.get(tree_cid))
    favoured = tree_to_bytes([replace(leaves[0], cumulative_reward=10**30), *leaves[1:]])
    lying = history.store.get(record_cid).replace(tree_cid.encode(), history.store.put(favoured).encode())
    # A gateway that serves other bytes without checking them.
    history.store.get = lambda cid, **_: lying if cid == record_cid else history.store._content[cid]

    with pytest.raises(ContentCorrupt, match="contributions tree of round 2: expected the committed root 0x"):
        claim_proof(history.ledger, history.store, state(history, 2), leaves[0].member_id)


def test_a_merit_tree_with_a_favoured_leaf_is_named_as_corrupt(history: History) -> None:
    leaves = merit_tree_from_bytes(history.store.get(epoch(history).tree_cid))
    favoured: list[MeritLeaf] = [replace(leaves[0], weight=10**6), *leaves[1:]]
    lying = replace(epoch(history), tree_cid=history.store.put(merit_tree_to_bytes(favoured)))

    with pytest.raises(ContentCorrupt, match="merit tree of epoch 1: expected the committed root 0x"):
        merit_proof(history.ledger, history.store, lying, leaves[0].account)


def test_a_tree_that_nobody_serves_is_unavailable() -> None:
    history = History().play()
    forget(history.store, tree_cid_of(history, state(history, 2).commit.record_cid))

    with pytest.raises(ContentUnavailable):
        claim_proof(history.ledger, history.store, state(history, 2), 1)


def tree_cid_of(history: History, record_cid: str) -> str:
    from node.round_record import RoundRecord

    return RoundRecord.from_bytes(history.store.get(record_cid)).tree_cid
