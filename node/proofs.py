"""Which leaf is mine and how I prove it: reward claims and voting weight from the trees on IPFS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from node.errors import ContentCorrupt
from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash
from node.ports import ContentStore, Ledger
from node.records.chain import Address, Domain
from node.records.merit import EpochCommit, MeritLeaf
from node.records.rounds import ContributionLeaf, RoundState
from node.round_record import RoundRecord, merit_tree_from_bytes, tree_from_bytes


def contribution_tree(domain: Domain, leaves: Iterable[ContributionLeaf]) -> Tree:
    """The Merkle tree of a round; `domain` is TrainingRuns'."""
    return Tree([contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf) for leaf in leaves])


def merit_tree(domain: Domain, leaves: Iterable[MeritLeaf]) -> Tree:
    """The Merkle tree of a merit epoch; `domain` is MeritEpochs'."""
    return Tree([merit_leaf_hash(domain.chain_id, domain.verifying_contract, leaf) for leaf in leaves])


def claim_proof(
    ledger: Ledger, store: ContentStore, state: RoundState, member_id: int
) -> tuple[ContributionLeaf, Sequence[bytes]] | None:
    """The member's leaf of a committed round and its proof; None when it has none. The leaf's account is the member's
    of that time. Raises ContentCorrupt as below."""
    found = claim_proofs(ledger, store, state)
    return next((claim for claim in found if claim[0].member_id == member_id), None)


def claim_proofs(
    ledger: Ledger, store: ContentStore, state: RoundState
) -> Sequence[tuple[ContributionLeaf, Sequence[bytes]]]:
    """All leaves of a committed round with their proofs.

    Raises ContentCorrupt when the tree on IPFS is not the one whose root was committed.
    """
    record = RoundRecord.from_bytes(store.get(state.commit.record_cid))
    leaves = tree_from_bytes(store.get(record.tree_cid))
    domain = ledger.domain("TrainingRuns")
    tree = contribution_tree(domain, leaves)
    _same_root(tree, state.commit.contributions_root, f"contributions tree of round {state.commit.round}")
    hashes = [contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf) for leaf in leaves]
    return [(leaf, tree.proof(own)) for leaf, own in zip(leaves, hashes, strict=True)]


def merit_proof(
    ledger: Ledger, store: ContentStore, epoch: EpochCommit, account: Address
) -> tuple[MeritLeaf, Sequence[bytes]] | None:
    """The account's leaf of a merit epoch and its proof; None without merit. Raises ContentCorrupt as above."""
    leaves = merit_tree_from_bytes(store.get(epoch.tree_cid))
    domain = ledger.domain("MeritEpochs")
    tree = merit_tree(domain, leaves)
    _same_root(tree, epoch.root, f"merit tree of epoch {epoch.epoch}")
    leaf = next((leaf for leaf in leaves if leaf.account == account), None)
    if leaf is None:
        return None
    return leaf, tree.proof(merit_leaf_hash(domain.chain_id, domain.verifying_contract, leaf))


def _same_root(tree: Tree, root: bytes, what: str) -> None:
    if tree.root != root:
        raise ContentCorrupt(f"{what}: expected the committed root 0x{root.hex()}, its leaves make 0x{tree.root.hex()}")
