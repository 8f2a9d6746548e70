"""Merkle trees: OpenZeppelin's convention by hand for small trees, properties for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash, verify
from node.records.chain import Address
from node.records.merit import MeritLeaf
from node.records.rounds import ContributionLeaf

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "leaves.json").read_text())
RUNS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
ACCOUNT = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")

leaf_sets = st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def contribution(**changes: object) -> ContributionLeaf:
    values: dict[str, object] = {
        "run_id": 1,
        "round": 2,
        "member_id": 3,
        "account": ACCOUNT,
        "samples": 4,
        "steps": 5,
        "score": -6,
        "update_digest": bytes([7]) * 32,
        "reward": 8,
        "cumulative_reward": 9,
    }
    return ContributionLeaf(**{**values, **changes})  # type: ignore[arg-type]


def word(number: int) -> bytes:
    return (number % 2**256).to_bytes(32, "big")


def test_a_contribution_leaf_is_the_double_keccak_of_thirteen_words() -> None:
    words = [
        keccak(text="TenWings contribution"),
        word(31337),
        word(int(RUNS, 16)),
        *map(word, (1, 2, 3)),
        word(int(ACCOUNT, 16)),
        *map(word, (4, 5, -6)),
        bytes([7]) * 32,
        *map(word, (8, 9)),
    ]
    assert contribution_leaf_hash(31337, RUNS, contribution()) == keccak(keccak(b"".join(words)))


def test_a_merit_leaf_is_the_double_keccak_of_eight_words() -> None:
    leaf = MeritLeaf(epoch=1, member_id=2, account=ACCOUNT, merit=9, weight=3)
    words = [keccak(text="TenWings merit"), word(31337), word(int(RUNS, 16)), word(1), word(2)]
    words += [word(int(ACCOUNT, 16)), word(9), word(3)]
    assert merit_leaf_hash(31337, RUNS, leaf) == keccak(keccak(b"".join(words)))


def test_another_chain_gives_another_leaf() -> None:
    assert contribution_leaf_hash(1, RUNS, contribution()) != contribution_leaf_hash(2, RUNS, contribution())


def test_a_number_too_wide_for_its_solidity_type_is_refused() -> None:
    with pytest.raises(ValueError, match="uint64"):
        contribution_leaf_hash(31337, RUNS, contribution(samples=2**64))


def test_an_update_digest_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="update_digest: expected 32 bytes, got 31"):
        contribution_leaf_hash(31337, RUNS, contribution(update_digest=bytes(31)))


def test_the_root_of_one_leaf_is_the_leaf() -> None:
    tree = Tree([bytes(32)])
    assert tree.root == bytes(32)
    assert tree.proof(bytes(32)) == ()


def test_three_leaves_make_the_tree_that_openzeppelin_makes() -> None:
    a, b, c = (bytes([n]) * 32 for n in (1, 2, 3))
    tree = Tree([c, a, b])  # nodes: root, (a, b), c, b, a
    pair = keccak(a + b)
    low, high = sorted([pair, c])
    assert tree.root == keccak(low + high)
    assert tree.proof(a) == (b, c)
    assert tree.proof(c) == (pair,)


@settings(max_examples=60, deadline=None)
@given(leaf_sets)
def test_every_leaf_proves_itself(leaves: set[bytes]) -> None:
    tree = Tree(leaves)
    assert all(verify(tree.root, leaf, tree.proof(leaf)) for leaf in leaves)


@settings(max_examples=60, deadline=None)
@given(leaf_sets)
def test_the_root_does_not_depend_on_the_order(leaves: set[bytes]) -> None:
    assert Tree(sorted(leaves)).root == Tree(sorted(leaves, reverse=True)).root


@settings(max_examples=60, deadline=None)
@given(leaf_sets, st.binary(min_size=32, max_size=32))
def test_a_leaf_outside_has_no_proof(leaves: set[bytes], stranger: bytes) -> None:
    tree = Tree(leaves - {stranger} or {keccak(stranger)})
    with pytest.raises(ValueError, match="expected a leaf of this tree"):
        tree.proof(stranger)
    assert not any(verify(tree.root, stranger, tree.proof(leaf)) for leaf in leaves - {stranger})


def test_a_tree_without_leaves_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        Tree([])


def test_a_leaf_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="every leaf once"):
        Tree([bytes(32), bytes(32)])


def test_a_leaf_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, got 31"):
        Tree([bytes(31)])


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def contribution_of(raw: dict[str, Any]) -> bytes:
    leaf = contribution(
        run_id=raw["runId"],
        round=raw["round"],
        member_id=raw["memberId"],
        account=raw["account"],
        samples=raw["samples"],
        steps=raw["steps"],
        score=raw["score"],
        update_digest=unhex(raw["updateDigest"]),
        reward=raw["reward"],
        cumulative_reward=raw["cumulativeReward"],
    )
    return contribution_leaf_hash(VECTORS["chainId"], VECTORS["trainingRuns"], leaf)


def merit_of(raw: dict[str, Any]) -> bytes:
    leaf = MeritLeaf(
        epoch=raw["epoch"],
        member_id=raw["memberId"],
        account=raw["account"],
        merit=raw["merit"],
        weight=raw["weight"],
    )
    return merit_leaf_hash(VECTORS["chainId"], VECTORS["meritEpochs"], leaf)


@pytest.mark.parametrize(("kind", "hashed"), [("contributions", contribution_of), ("merit", merit_of)])
def test_leaves_roots_and_proofs_are_those_that_solidity_makes(kind: str, hashed: Any) -> None:
    lines = VECTORS[kind]["leaves"]
    tree = Tree([hashed(line["leaf"]) for line in lines])
    assert tree.root == unhex(VECTORS[kind]["root"])
    for line in lines:
        assert hashed(line["leaf"]) == unhex(line["hash"])
        assert tree.proof(unhex(line["hash"])) == tuple(map(unhex, line["proof"]))
