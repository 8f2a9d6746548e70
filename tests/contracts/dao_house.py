"""The house of the contract suite: deployed contracts, and what people do with them.

Messages are signed and trees are built by the node's own code: the suite also proves that Python and Solidity agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import brownie
from brownie import chain, web3
from eth_abi import encode
from eth_utils import keccak

from node import cid
from node.deployment import DOMAIN_NAMES
from node.governance import describe
from node.identity import Identity
from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Domain
from node.records.content import Cid
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit, MeritLeaf
from node.records.proposals import Ballot, ProposalStatement, Support
from node.records.rounds import ContributionLeaf, RoundCommit
from node.typed_data import Signable, sign

K = 2
SPEC_PARAMS = (30, 300, 8, 10_000, 2, 10**20, 8_000, 1)
DISPUTE_WINDOW = 3600
EPOCH_FINALITY = 7200
VOTING_DELAY = 60
VOTING_PERIOD = 86400
TIMELOCK_DELAY = 3600
BUDGET = 10**21
SPEC, GENESIS, DATASET, RECORD, TREE = (
    cid.of(name) for name in (b"spec 1", b"genesis", b"dataset", b"record", b"tree")
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A proposal to make one call."""

    proposer: Identity
    target: str
    calldata: bytes
    words: str
    sponsors: tuple[Identity, ...] = ()
    """Who signs besides the proposer."""

    @property
    def description(self) -> str:
        """The words, and the two lines that name an article and the proposer."""
        return describe(self.words, self.proposer.address, 1)

    @property
    def arguments(self) -> tuple[list[str], list[int], list[bytes]]:
        """Targets, values, calldatas."""
        return [self.target], [0], [self.calldata]

    @property
    def stored(self) -> tuple[list[str], list[int], list[bytes], bytes]:
        """What queue and execute take."""
        return (*self.arguments, keccak(text=self.description))


@dataclass(frozen=True, kw_only=True)
class House:
    """The deployed contracts, and what people do with them. Whatever a member signs, `relayer` sends and pays."""

    members: Any
    artifacts: Any
    runs: Any
    token: Any
    vault: Any
    epochs: Any
    incidents: Any
    timelock: Any
    charter: Any
    governor: Any
    operator: Identity
    relayer: Any

    def domain(self, contract: str) -> Domain:
        """The EIP-712 domain of a contract by its name."""
        address = {
            "MemberRegistry": self.members,
            "ArtifactRegistry": self.artifacts,
            "TrainingRuns": self.runs,
            "MeritEpochs": self.epochs,
            "IncidentManager": self.incidents,
            "TenWingsGovernor": self.governor,
        }[contract].address
        return Domain(name=DOMAIN_NAMES[contract], version="1", chain_id=web3.eth.chain_id, verifying_contract=address)

    def signed(self, signer: Identity, contract: str, record: Signable) -> bytes:
        """The signer's signature over a record in a contract's domain."""
        return sign(signer, self.domain(contract), record)

    def join(self, identity: Identity, role: Role, *, deadline: int | None = None) -> Any:
        """A relayed joining with the operator's voucher; returns the transaction."""
        request = JoinRequest(
            account=identity.address,
            roles=role,
            node_key_digest=sha256(identity.address.encode()).digest(),
            name="Ada",
            deadline=soon() if deadline is None else deadline,
        )
        voucher = Voucher(account=request.account, roles=request.roles, deadline=request.deadline)
        return self.members.join(
            (request.account, int(role), request.node_key_digest, request.name, request.deadline),
            self.signed(identity, "MemberRegistry", request),
            self.signed(self.operator, "MemberRegistry", voucher),
            {"from": self.relayer},
        )

    def register(self, identity: Identity, kind: ArtifactKind, content: Cid, *, licence: str = "CC-BY-4.0") -> Any:
        """A relayed registration without parents; returns the transaction."""
        item = Registration(account=identity.address, kind=kind, cid=content, licence=licence, deadline=soon())
        return self.artifacts.register(
            (item.account, int(kind), cid.to_bytes(content), licence, [], False, item.deadline),
            self.signed(identity, "ArtifactRegistry", item),
            {"from": self.relayer},
        )

    def next_commit(self, run_id: int, root: bytes, *, reward: int = 0) -> RoundCommit:
        """A round on top of the run's head, by the spec in force."""
        run = self.runs.run(run_id).dict()
        number = run["lastRound"] + 1
        return RoundCommit(
            run_id=run_id,
            round=number,
            spec_digest=bytes(run["specDigest"]),
            dataset_digest=bytes(run["datasetDigest"]),
            parent_digest=bytes(run["headDigest"]),
            checkpoint_cid=cid.of(b"checkpoint %d" % number),
            contributions_root=root,
            record_cid=RECORD,
            num_clients=2,
            reward=reward,
            heldout_loss_micro=123_456,
        )

    def commit_round(self, commit: RoundCommit, evaluators: list[Identity]) -> Any:
        """Commits a round with the evaluators' signatures, ordered by signer; returns the transaction."""
        return self.runs.commitRound(
            (
                commit.run_id,
                commit.round,
                commit.spec_digest,
                commit.dataset_digest,
                commit.parent_digest,
                cid.digest(commit.checkpoint_cid),
                commit.contributions_root,
                cid.digest(commit.record_cid),
                cid.codecs(commit.checkpoint_cid, commit.record_cid),
                commit.num_clients,
                commit.reward,
                commit.heldout_loss_micro,
            ),
            [self.signed(evaluator, "TrainingRuns", commit) for evaluator in in_order(evaluators)],
            {"from": self.relayer},
        )

    def commit_epoch(self, commit: EpochCommit, evaluators: list[Identity]) -> Any:
        """Commits a merit epoch; returns the transaction."""
        return self.epochs.commitEpoch(
            (
                commit.epoch,
                commit.run_id,
                commit.upto_round,
                commit.root,
                commit.total_weight,
                commit.max_weight,
                commit.count,
                cid.to_bytes(commit.tree_cid),
            ),
            [self.signed(evaluator, "MeritEpochs", commit) for evaluator in in_order(evaluators)],
            {"from": self.relayer},
        )

    def contributions(self, leaves: list[ContributionLeaf]) -> tuple[Tree, list[bytes]]:
        """The tree of a round, and the leaf hashes in the order given."""
        hashes = [contribution_leaf_hash(web3.eth.chain_id, self.runs.address, leaf) for leaf in leaves]
        return Tree(hashes), hashes

    def merits(self, leaves: list[MeritLeaf]) -> tuple[Tree, list[bytes]]:
        """The tree of an epoch, and the leaf hashes in the order given."""
        hashes = [merit_leaf_hash(web3.eth.chain_id, self.epochs.address, leaf) for leaf in leaves]
        return Tree(hashes), hashes

    def claim(self, leaf: ContributionLeaf, commit: RoundCommit, total: int, proof: tuple[bytes, ...]) -> Any:
        """Claims what a leaf of a round grants, `total` wei granted up to it; returns the transaction."""
        return self.vault.claim(tuple(vars(leaf).values()), data_of(commit, total), proof, {"from": self.relayer})

    def proposal_id(self, plan: Plan) -> int:
        """The id that the governor gives to a plan."""
        return self.governor.getProposalId(*plan.stored)

    def propose(self, plan: Plan) -> Any:
        """A relayed proposal; returns the transaction."""
        statement = ProposalStatement(
            proposer=plan.proposer.address, proposal_id=self.proposal_id(plan), deadline=soon()
        )
        return self.governor.proposeBySig(
            plan.proposer.address,
            *plan.arguments,
            plan.description,
            statement.deadline,
            [
                (sponsor.address, self.signed(sponsor, "TenWingsGovernor", statement))
                for sponsor in in_order([plan.proposer, *plan.sponsors])
            ],
            {"from": self.relayer},
        )

    def vote(
        self, voter: Identity, proposal_id: int, support: Support, leaf: MeritLeaf, proof: tuple[bytes, ...]
    ) -> Any:
        """A relayed ballot with the weight of a leaf; returns the transaction."""
        ballot = Ballot(
            proposal_id=proposal_id,
            support=support,
            voter=voter.address,
            reason="",
            params=encode(
                ["uint256", "uint256", "uint256", "bytes32[]"], [leaf.member_id, leaf.merit, leaf.weight, proof]
            ),
        )
        return self.governor.castVoteWithReasonAndParamsBySig(
            proposal_id,
            int(support),
            voter.address,
            ballot.reason,
            ballot.params,
            self.signed(voter, "TenWingsGovernor", ballot),
            {"from": self.relayer},
        )

    def queue(self, plan: Plan) -> Any:
        """Hands a successful proposal to the timelock; returns the transaction."""
        return self.governor.queue(*plan.stored, {"from": self.relayer})

    def execute(self, plan: Plan) -> Any:
        """Makes the proposal's calls; returns the transaction."""
        return self.governor.execute(*plan.stored, {"from": self.relayer})


def data_of(commit: RoundCommit, total: int) -> tuple[bytes, bytes, bytes, int, int]:
    """What the chain sealed of a round, `total` wei granted up to it."""
    checkpoint = cid.digest(commit.checkpoint_cid)
    return commit.contributions_root, checkpoint, commit.parent_digest, total, commit.reward


def refused(error: str, *values: object) -> Any:
    """Expects a revert with this custom error, and these as its first values."""
    expected = ", ".join(str(value).lower() if str(value).startswith("0x") else str(value) for value in values)
    return brownie.reverts(revert_pattern=f"(?s){error}: {expected}.*")


def soon() -> int:
    """A deadline an hour ahead of the chain's clock."""
    return chain.time() + 3600


def later(seconds: int) -> None:
    """Lets time pass on the chain."""
    chain.sleep(seconds)
    chain.mine()


def in_order(signers: list[Identity]) -> list[Identity]:
    """As the contracts want signatures: ascending by address."""
    return sorted(signers, key=lambda signer: int(signer.address, 16))


def contribution(
    run_id: int, round_number: int, member_id: int, trainer: Identity, cumulative: int
) -> ContributionLeaf:
    """What a trainer did in a round, with `cumulative` wei earned so far."""
    return ContributionLeaf(
        run_id=run_id,
        round=round_number,
        member_id=member_id,
        account=trainer.address,
        samples=640,
        steps=30,
        score=-12,
        update_digest=sha256(b"update").digest(),
        reward=cumulative,
        cumulative_reward=cumulative,
    )
