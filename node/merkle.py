"""Merkle trees and proofs in OpenZeppelin's StandardMerkleTree convention, and the leaves that go into them.

A leaf is keccak256(keccak256(abi.encode(...))): the double hash keeps a leaf from posing as an inner node. Leaves are
sorted, pairs are hashed in ascending order, and the complete binary tree lies in one array with its root at 0. The
contracts verify the proofs with OpenZeppelin's MerkleProof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_utils.crypto import keccak

from node.records.chain import Address
from node.records.merit import MeritLeaf
from node.records.rounds import ContributionLeaf

CONTRIBUTION_TAG = keccak(text="TenWings contribution")
MERIT_TAG = keccak(text="TenWings merit")

_CONTRIBUTION_TYPES = (
    "bytes32", "uint256", "address", "uint256", "uint32", "uint256", "address",
    "uint64", "uint32", "int64", "bytes32", "uint128", "uint128",
)  # fmt: skip
_MERIT_TYPES = ("bytes32", "uint256", "address", "uint256", "uint256", "address", "uint256", "uint256")


def contribution_leaf_hash(chain_id: int, training_runs: Address, leaf: ContributionLeaf) -> bytes:
    """32 bytes that bind `leaf` to one chain and one TrainingRuns contract. Raises ValueError on a number too wide."""
    if len(leaf.update_digest) != 32:
        raise ValueError(f"update_digest: expected 32 bytes, got {len(leaf.update_digest)}")
    return _leaf_hash(
        _CONTRIBUTION_TYPES,
        (
            CONTRIBUTION_TAG, chain_id, training_runs, leaf.run_id, leaf.round, leaf.member_id, leaf.account,
            leaf.samples, leaf.steps, leaf.score, leaf.update_digest, leaf.reward, leaf.cumulative_reward,
        ),
    )  # fmt: skip


def merit_leaf_hash(chain_id: int, merit_epochs: Address, leaf: MeritLeaf) -> bytes:
    """32 bytes that bind `leaf` to one chain and one MeritEpochs contract. Raises ValueError on a number too wide."""
    values = (
        MERIT_TAG, chain_id, merit_epochs, leaf.epoch, leaf.member_id, leaf.account, leaf.merit, leaf.weight
    )  # fmt: skip
    return _leaf_hash(_MERIT_TYPES, values)


def _leaf_hash(types: Sequence[str], values: Sequence[object]) -> bytes:
    try:
        return keccak(keccak(encode(types, values)))
    except EncodingError as error:
        raise ValueError(f"expected values of {', '.join(types)}, got {values}: {error}") from error


class Tree:
    """A Merkle tree over 32-byte leaf hashes; their order of arrival does not matter."""

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        leaves = sorted(leaf_hashes)
        _check_leaves(leaves)
        size = 2 * len(leaves) - 1
        nodes = [b""] * (size - len(leaves)) + leaves[::-1]  # the smallest leaf is the last node
        for index in reversed(range(size - len(leaves))):
            nodes[index] = _hash_pair(nodes[2 * index + 1], nodes[2 * index + 2])
        self._nodes = nodes
        self._places = {leaf: size - 1 - order for order, leaf in enumerate(leaves)}

    @property
    def root(self) -> bytes:
        """32 bytes; the leaf hash itself for a tree of one."""
        return self._nodes[0]

    def proof(self, leaf_hash: bytes) -> tuple[bytes, ...]:
        """Siblings from the leaf up to below the root. Raises ValueError when the leaf is not in the tree."""
        if leaf_hash not in self._places:
            raise ValueError(f"expected a leaf of this tree of {len(self._places)}, got {leaf_hash.hex()}")
        index, siblings = self._places[leaf_hash], []
        while index > 0:
            siblings.append(self._nodes[index + 1 if index % 2 else index - 1])
            index = (index - 1) // 2
        return tuple(siblings)

    def __len__(self) -> int:
        return len(self._places)


def verify(root: bytes, leaf_hash: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` leads from `leaf_hash` to `root`; the same answer as OpenZeppelin's MerkleProof.verify."""
    node = leaf_hash
    for sibling in proof:
        node = _hash_pair(node, sibling)
    return node == root


def _check_leaves(leaves: Sequence[bytes]) -> None:
    if not leaves:
        raise ValueError("expected at least one leaf, got none: a tree without leaves has no root")
    for leaf, following in zip(leaves, [*leaves[1:], b""], strict=True):
        if len(leaf) != 32:
            raise ValueError(f"expected leaf hashes of 32 bytes, got {len(leaf)} bytes: {leaf.hex()}")
        if leaf == following:
            raise ValueError(f"expected every leaf once, got {leaf.hex()} twice")


def _hash_pair(a: bytes, b: bytes) -> bytes:
    return keccak(a + b if a < b else b + a)
