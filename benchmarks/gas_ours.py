"""Our own transactions, measured: rounds, claims over a ten-level tree, a proposal, ballots with a ten-level proof."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from eth_utils.address import to_checksum_address
from gas_chain import Chain

from node import cid as cids
from node.abi_codec import encode_call
from node.chain_ledger import ChainLedger
from node.deploy import deploy
from node.deployment import PROFILES, Deployment, DeploySettings
from node.governance import ballot_params, describe
from node.identity import Identity
from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit, MeritLeaf
from node.records.proposals import Ballot, ProposalStatement, Sponsor, Support
from node.records.rounds import ContributionLeaf, RoundCommit
from node.records.runs import RunParams, SpecParams
from node.typed_data import sign

CLIENTS = (2, 100, 10_000)
NUM_LEAVES = 1024
NUM_MEMBERS = 14
NUM_BALLOTS = NUM_CLAIMS = 10
NUM_SPONSORS = 2
"""The proposer and one more."""
QUORUM = 3
TOKEN = 10**18
FOR_EVER = 2**40
SPEC = SpecParams(
    inner_steps=30,
    learning_rate_millionths=300,
    batch_size=8,
    outer_alpha_bps=10_000,
    min_updates=2,
    reward_per_round=100 * TOKEN,
    trainers_bps=8_000,
    aggregation_rule=1,
)


@dataclass(frozen=True, kw_only=True)
class Ours:
    """Gas by action, and what the peers are given to do the same."""

    gas: dict[str, int]
    runs: Address
    token: Address
    holder: Identity
    accounts: list[Address]
    calldata: bytes


class House:
    """A small deployment with members who train, evaluate and vote."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.operator = chain.rich[0]
        self.members = chain.rich[1 : 1 + NUM_MEMBERS]
        settings = replace(DeploySettings(operator=self.operator.address), **PROFILES["local"])
        settings = replace(settings, voting_period_seconds=86_400)
        self.deployment: Deployment = deploy(chain.url, self.operator, settings=settings)
        self.ledger = ChainLedger(self.deployment, key=self.operator)
        for number, who in enumerate(self.members):
            self._join(number, who)
        self._open_run()

    def commit(self, root: bytes, num_clients: int) -> int:
        """Commit the next round; returns its gas."""
        run = self.ledger.run(1)
        commit = RoundCommit(
            run_id=1,
            round=run.next_round,
            spec_digest=cids.digest(run.spec_cid),
            dataset_digest=run.dataset_digest,
            parent_digest=cids.digest(run.head_cid),
            checkpoint_cid=_cid(f"checkpoint {run.next_round}"),
            contributions_root=root,
            record_cid=_cid(f"record {run.next_round}"),
            num_clients=num_clients,
            reward=100 * TOKEN,
            heldout_loss_micro=123_456,
        )
        signatures = self._cosign("TrainingRuns", commit)
        return self.chain.gas_of(lambda: self.ledger.commit_round(commit, signatures))

    def claim(self, cumulative: int) -> int:
        """A round whose tree has 1,024 leaves, and a claim of the first member's; returns the claim's gas."""
        ((leaf, proof),) = self._round_of(self.members[:1], cumulative)
        return self.chain.gas_of(lambda: self.ledger.claim(leaf, proof))

    def claim_for(self, cumulative: int) -> int:
        """The same for ten members in one transaction; returns the gas of each."""
        claims = self._round_of(self.members[:NUM_CLAIMS], cumulative)
        return self.chain.gas_of(lambda: self.ledger.claim_for(claims)) // NUM_CLAIMS

    def _round_of(self, people: Sequence[Identity], cumulative: int) -> list[tuple[ContributionLeaf, Sequence[bytes]]]:
        leaves = [self._leaf(who, cumulative) for who in people]
        domain = self.ledger.domain("TrainingRuns")
        own = [contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf) for leaf in leaves]
        tree = Tree([*own, *_others()[: NUM_LEAVES - len(own)]])
        self.commit(tree.root, 3)
        self.chain.wait(60)
        return [(leaf, tree.proof(leaf_hash)) for leaf, leaf_hash in zip(leaves, own, strict=True)]

    def vote(self) -> dict[str, int]:
        """Gas of a proposal with a sponsor beside its proposer, of a later vote, and of ten signed ballots, each."""
        leaves, tree = self._commit_epoch()
        number, gas = self._propose()
        self.chain.wait(60)
        ballots = [self._ballot(number, who, leaf, tree) for who, leaf in zip(self.members, leaves, strict=True)]
        governor = self.deployment.addresses["TenWingsGovernor"]
        found = {"propose": gas}
        for who, (ballot, _) in zip(self.members[:2], ballots, strict=False):
            call = ("castVoteWithReasonAndParams", number, int(ballot.support), "", ballot.params)
            found["vote"] = self.chain.send(who, governor, encode_call("TenWingsGovernor", *call))
        signed = ballots[2 : 2 + NUM_BALLOTS]
        return {**found, "signed ballot": self.chain.gas_of(lambda: self.ledger.cast_ballots(signed)) // len(signed)}

    def _propose(self) -> tuple[int, int]:
        """The proposal's id and its gas."""
        action, proposer = self.ledger.set_spec_action(1, _cid("spec 2"), SPEC), self.members[0]
        description = describe("Change it", proposer.address, 1)
        number = self.ledger.proposal_id([action], description)
        statement = ProposalStatement(proposer=proposer.address, proposal_id=number, deadline=FOR_EVER)
        domain = self.ledger.domain("TenWingsGovernor")
        people = sorted(self.members[:NUM_SPONSORS], key=lambda who: int(who.address, 16))
        sponsors = [Sponsor(account=who.address, signature=sign(who, domain, statement)) for who in people]
        return number, self.chain.gas_of(lambda: self.ledger.propose(statement, [action], description, sponsors))

    def _ballot(self, number: int, who: Identity, leaf: MeritLeaf, tree: Tree) -> tuple[Ballot, bytes]:
        params = ballot_params(leaf, tree.proof(self._merit_hash(leaf)))
        ballot = Ballot(proposal_id=number, support=Support.FOR, voter=who.address, reason="", params=params)
        return ballot, sign(who, self.ledger.domain("TenWingsGovernor"), ballot)

    def _commit_epoch(self) -> tuple[list[MeritLeaf], Tree]:
        leaves = [
            MeritLeaf(epoch=1, member_id=number + 1, account=who.address, merit=10_000, weight=100)
            for number, who in enumerate(self.members)
        ]
        tree = Tree([*map(self._merit_hash, leaves), *_others()[: NUM_LEAVES - len(leaves)]])
        commit = EpochCommit(
            epoch=1,
            run_id=1,
            upto_round=self.ledger.run(1).head_round,
            root=tree.root,
            total_weight=100 * len(leaves),
            max_weight=100,
            count=len(leaves),
            tree_cid=_cid("tree"),
        )
        self.ledger.commit_epoch(commit, self._cosign("MeritEpochs", commit))
        self.chain.wait(60)
        return leaves, tree

    def _merit_hash(self, leaf: MeritLeaf) -> bytes:
        domain = self.ledger.domain("MeritEpochs")
        return merit_leaf_hash(domain.chain_id, domain.verifying_contract, leaf)

    def _leaf(self, who: Identity, cumulative: int) -> ContributionLeaf:
        return ContributionLeaf(
            run_id=1,
            round=self.ledger.run(1).next_round,
            member_id=self.members.index(who) + 1,
            account=who.address,
            samples=640,
            steps=30,
            score=1_250,
            update_digest=hashlib.sha256(b"update").digest(),
            reward=cumulative,
            cumulative_reward=cumulative,
        )

    def _cosign(self, contract: str, commit: RoundCommit | EpochCommit) -> list[bytes]:
        signers = sorted(self.members[:QUORUM], key=lambda who: int(who.address, 16))
        return [sign(who, self.ledger.domain(contract), commit) for who in signers]

    def _join(self, number: int, who: Identity) -> None:
        roles, domain = Role.TRAINER | Role.EVALUATOR, self.ledger.domain("MemberRegistry")
        request = JoinRequest(
            account=who.address,
            roles=roles,
            node_key_digest=hashlib.sha256(who.address.encode()).digest(),
            name=f"member {number}",
            deadline=FOR_EVER,
        )
        voucher = Voucher(account=who.address, roles=roles, deadline=FOR_EVER)
        self.ledger.join(request, sign(who, domain, request), sign(self.operator, domain, voucher))

    def _open_run(self) -> None:
        owner = self.members[0]
        registration = Registration(
            account=owner.address,
            kind=ArtifactKind.DATASET,
            cid=_cid("dataset"),
            licence="CC0-1.0",
            deadline=FOR_EVER,
        )
        signature = sign(owner, self.ledger.domain("ArtifactRegistry"), registration)
        digest = self.ledger.register_artifact(registration, signature)
        params = RunParams(
            name="measured",
            spec_cid=_cid("spec 1"),
            spec_params=SPEC,
            genesis_cid=_cid("genesis"),
            dataset_digest=digest,
            reward_cap=1_000 * TOKEN,
            quorum=QUORUM,
            dispute_window_seconds=30,
        )
        self.ledger.create_run(params)
        self.ledger.fund(1, 10_000 * TOKEN)


def ours(chain: Chain) -> Ours:
    """Everything of ours, on a fresh chain."""
    house = House(chain)
    house.commit(bytes([1]) * 32, 2)  # the first round of a run fills slots that later ones overwrite
    gas = {f"commit {n}": house.commit(bytes([2]) * 32, n) for n in CLIENTS}
    house.claim(10 * TOKEN)
    gas["claim"] = house.claim(20 * TOKEN)
    house.claim_for(30 * TOKEN)
    gas["claims"] = house.claim_for(40 * TOKEN)
    gas |= house.vote()
    addresses = house.deployment.addresses
    accounts = [house.members[0].address, house.members[1].address, *_addresses(NUM_LEAVES - 2)]
    return Ours(
        gas=gas,
        runs=addresses["TrainingRuns"],
        token=addresses["RewardToken"],
        holder=house.operator,
        accounts=accounts,
        calldata=house.ledger.set_spec_action(1, _cid("spec 2"), SPEC).calldata,
    )


def _cid(text: str) -> cids.Cid:
    return cids.of(text.encode())


def _others() -> Sequence[bytes]:
    return [hashlib.sha256(f"leaf {number}".encode()).digest() for number in range(NUM_LEAVES - 1)]


def _addresses(count: int) -> list[Address]:
    return [Address(to_checksum_address(hashlib.sha256(f"account {n}".encode()).digest()[:20])) for n in range(count)]
