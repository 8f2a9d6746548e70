"""A little history on the twins: five members, a dataset, a run with two rounds and a failed attempt, one refusal, a
merit epoch, a claim and a proposal that two members voted on. All signatures are real."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node import cid as cids
from node.deployment import DeploySettings
from node.folder_store import MemoryStore
from node.governance import ballot_params, describe
from node.identity import Identity
from node.local_ledger import LocalLedger, ManualClock
from node.local_ledger.run_disputes import INCIDENT_ROLE
from node.merkle import contribution_leaf_hash
from node.proofs import contribution_tree, merit_proof, merit_tree
from node.records.artifacts import ArtifactKind, Registration
from node.records.content import Cid, canonical_json
from node.records.datasets import DatasetManifest, ShardEntry
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit, MeritLeaf
from node.records.proposals import Action, Ballot, ProposalStatement, Sponsor, Support
from node.records.rounds import ContributionLeaf, Receipt, RoundCommit, SheetStatement
from node.records.runs import RunParams, SpecParams
from node.round_record import (
    Refusal,
    RoundRecord,
    ScoreSheet,
    SignedReceipt,
    SignedSheet,
    UpdateScore,
    merit_tree_to_bytes,
    tree_from_bytes,
    tree_to_bytes,
)
from node.typed_data import sign

TOKEN = 10**18
HOUR = 3600
ROLES = {
    "alice": Role.TRAINER | Role.CURATOR,
    "bob": Role.TRAINER,
    "carol": Role.TRAINER,
    "dora": Role.EVALUATOR,
    "emil": Role.EVALUATOR,
}
SPEC = {"model": {"preset": "nano"}, "inner": {"num_steps": 30, "learning_rate": "0.0003"}, "strategy": "sparse-loco"}
PROPOSED_SPEC = {**SPEC, "inner": {"num_steps": 60, "learning_rate": "0.0003"}, "codec": "pixel"}
SPEC_PARAMS = SpecParams(
    inner_steps=30,
    learning_rate_millionths=300,
    batch_size=8,
    outer_alpha_bps=10_000,
    min_updates=2,
    reward_per_round=100 * TOKEN,
    trainers_bps=8_000,
    aggregation_rule=1,
)
REFUSAL_DETAIL = "expected finite values, got 3 NaN in blocks.0.attn.qkv.weight; check the learning rate"
START_LOSS_MICRO = 1_234_567


def identity(name: str) -> Identity:
    """The same account for the same name, always."""
    return Identity(hashlib.sha256(f"a test's key: {name}".encode()).digest())


OPERATOR = identity("operator")
SETTINGS = DeploySettings(
    operator=OPERATOR.address,
    epoch_finality_seconds=60,
    voting_delay_seconds=60,
    voting_period_seconds=HOUR,
    timelock_delay_seconds=60,
    standard_sponsors=1,
    constitutional_sponsors=1,
    guardian=identity("alice").address,
)


@dataclass(kw_only=True)
class History:
    """Every step is a method, so that tests can go on from any point. Plays on the twins, or on what it is given."""

    clock: Any = field(default_factory=ManualClock)
    """Unix time in seconds when called; `advance(seconds)`."""
    store: Any = field(default_factory=MemoryStore)
    ledger: Any = None
    """Its sender is the operator."""
    names: dict[str, Role] = field(default_factory=lambda: dict(ROLES))
    zero_token: bool = False
    """On the twins: a network without money."""

    def __post_init__(self) -> None:
        self.operator = OPERATOR
        if self.ledger is None:
            self.ledger = LocalLedger(replace(SETTINGS, zero_token=self.zero_token), clock=self.clock)
        self.people = {name: identity(name) for name in self.names}
        self.earned = dict.fromkeys(self.names, 0)

    @property
    def deadline(self) -> int:
        """An hour from now."""
        return self.clock() + HOUR

    def play(self) -> History:
        """The whole history, up to an open vote with two ballots."""
        for name in self.names:
            self.join(name)
        self.register_dataset()
        self.create_run()
        self.commit_round(gains={"alice": 40_000, "bob": 31_000}, refused={"carol": "not-finite"})
        self.fail_round()
        self.commit_round(gains={"alice": 22_000, "bob": 25_000, "carol": 18_500})
        self.clock.advance(HOUR)
        if self.ledger.pays_rewards():
            self.claim("alice")
        self.commit_epoch()
        self.clock.advance(120)
        self.propose()
        self.clock.advance(120)
        self.vote("alice", Support.FOR, "Longer rounds waste less time.")
        self.vote("dora", Support.AGAINST, "Let us measure first.")
        return self

    def join(self, name: str) -> int:
        """A member joins with the operator's voucher."""
        request, signature, voucher = self.join_messages(name)
        return self.ledger.join(request, signature, voucher)

    def join_messages(self, name: str) -> tuple[JoinRequest, bytes, bytes]:
        """A join request, the member's signature and the operator's voucher."""
        person = self.people.setdefault(name, identity(name))
        roles = self.names.get(name, Role.TRAINER)
        request = JoinRequest(
            account=person.address,
            roles=roles,
            node_key_digest=hashlib.sha256(name.encode()).digest(),
            name=name,
            deadline=self.deadline,
        )
        domain = self.ledger.domain("MemberRegistry")
        voucher = Voucher(account=person.address, roles=roles, deadline=request.deadline)
        return request, sign(person, domain, request), sign(self.operator, domain, voucher)

    def register_dataset(self) -> bytes:
        """Alice registers a dataset of two shards."""
        shards = tuple(
            ShardEntry(cid=self.store.put(f"{split} clips".encode()), split=split, num_clips=64, num_bytes=12)
            for split in ("train", "heldout")
        )
        manifest = DatasetManifest(
            name="worlds", licence="CC0-1.0", attribution="made here", clip_shape=(8, 32, 32), shards=shards
        )
        self.dataset_digest = self.register("alice", ArtifactKind.DATASET, self.store.put(manifest.to_bytes()))
        return self.dataset_digest

    def register(self, name: str, kind: ArtifactKind, cid: Cid) -> bytes:
        """A member registers an artifact; returns its digest."""
        account = self.people[name].address
        registration = Registration(account=account, kind=kind, cid=cid, licence="CC0-1.0", deadline=self.deadline)
        signature = sign(self.people[name], self.ledger.domain("ArtifactRegistry"), registration)
        return self.ledger.register_artifact(registration, signature)

    def create_run(self) -> int:
        """The operator opens a run and funds it."""
        params = RunParams(
            name="Procedural worlds",
            spec_cid=self.store.put(canonical_json(SPEC)),
            spec_params=SPEC_PARAMS,
            genesis_cid=self.store.put(b"genesis checkpoint"),
            dataset_digest=self.dataset_digest,
            reward_cap=100 * TOKEN,
            quorum=2,
            dispute_window_seconds=60,
        )
        run_id = self.ledger.create_run(params)
        if self.ledger.pays_rewards():
            self.ledger.fund(run_id, 1000 * TOKEN)
        return run_id

    def commit_round(self, *, gains: dict[str, int], refused: dict[str, str] | None = None) -> RoundCommit:
        """A round in which `gains` (millionths, by trainer) were measured and `refused` (reason code) did not count."""
        self.clock.advance(90)
        number = self.ledger.run(1).next_round
        receipts = [self._receipt(name, number) for name in sorted(gains, key=self._address)]
        scores = tuple(self._score(name, gains[name]) for name in sorted(gains, key=self._address))
        sheets = tuple(self._sheet(name, number, scores, offset) for offset, name in enumerate(("dora", "emil")))
        leaves = self._leaves(number, gains)
        tree_cid = self.store.put(tree_to_bytes(leaves))
        before = self._loss()
        loss = before - sum(gains.values()) // 2
        record = self._record(
            receipts=tuple(receipts),
            refusals=tuple(self._refusal(name, reason, number) for name, reason in (refused or {}).items()),
            sheets=sheets,
            scores=scores,
            checkpoint_cid=self.store.put(f"checkpoint {number}".encode()),
            heldout_loss_micro=loss,
            parent_heldout_loss_micro=before,
            tree_cid=tree_cid,
            contributions_root=contribution_tree(self.ledger.domain("TrainingRuns"), leaves).root,
            reward=sum(leaf.reward for leaf in leaves),
        )
        commit = self._commit(record)
        self.ledger.commit_round(commit, self._cosign("TrainingRuns", commit))
        return commit

    def dispute(self, round_number: int) -> None:
        """What an incident does to an open round."""
        self._incident("dispute", {"number": round_number})

    def void(self, round_number: int) -> None:
        """The same, upheld: the round and all later ones count no more."""
        self.dispute(round_number)
        self._incident("settleDispute", {"number": round_number, "voided": True})
        self.ledger.restore_head(1)
        head = self.ledger.run(1).head_round
        self.earned = dict.fromkeys(self.names, 0)
        for leaf in tree_from_bytes(self.store.get(self._record_of(head).tree_cid)) if head else ():
            name = next(n for n in self.names if self._address(n) == leaf.account)
            self.earned[name] = leaf.cumulative_reward

    def _record_of(self, number: int) -> RoundRecord:
        state = self.ledger.round(1, number)
        assert state is not None
        return RoundRecord.from_bytes(self.store.get(state.commit.record_cid))

    def _incident(self, function: str, args: dict[str, Any]) -> None:
        """On the twins, as the incident contract."""
        timelock, runs = self.ledger.addresses()["TimelockController"], self.ledger._contracts.runs
        runs.roles.hold(INCIDENT_ROLE, timelock)
        call = self.ledger._contracts.governed()["TrainingRuns", function]
        self.ledger._write(function, (), lambda tx: call(tx.from_contract(timelock), {"runId": 1, **args}))

    def fail_round(self) -> None:
        """An attempt at the next round for which too few updates came."""
        self.clock.advance(90)
        self.clock.advance(30)
        record = replace(
            self._record(
                receipts=(),
                refusals=(self._refusal("bob", "late", 2),),
                sheets=(),
                scores=(),
                checkpoint_cid=self.ledger.run(1).head_cid,
                heldout_loss_micro=self._loss(),
                parent_heldout_loss_micro=self._loss(),
                tree_cid=self.store.put(tree_to_bytes([])),
                contributions_root=bytes(32),
                reward=0,
            ),
            failure="too-few-updates",
        )
        self.ledger.close_failed(1, record.round, self.store.put(record.to_bytes()), "too-few-updates")

    def claim(self, name: str) -> int:
        """A member is paid what the head round grants."""
        return self.ledger.claim(*self.claim_messages(name))

    def claim_messages(self, name: str) -> tuple[ContributionLeaf, Sequence[bytes]]:
        """A member's line of the head round and its proof."""
        leaf = next(leaf for leaf in self.head_leaves if leaf.account == self._address(name))
        domain = self.ledger.domain("TrainingRuns")
        leaf_hash = contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf)
        return leaf, contribution_tree(domain, self.head_leaves).proof(leaf_hash)

    def commit_epoch(self) -> EpochCommit:
        """A merit epoch: alice 900, bob 400, carol 100, evaluators 400; weights are square roots."""
        merits = {"alice": 900, "bob": 400, "carol": 100, "dora": 400, "emil": 400}
        weights = {"alice": 30, "bob": 20, "carol": 10, "dora": 20, "emil": 20}
        leaves = [
            MeritLeaf(
                epoch=1,
                member_id=self._member_id(name),
                account=self._address(name),
                merit=merits[name],
                weight=weights[name],
            )
            for name in merits
        ]
        commit = EpochCommit(
            epoch=1,
            run_id=1,
            upto_round=2,
            root=merit_tree(self.ledger.domain("MeritEpochs"), leaves).root,
            total_weight=100,
            max_weight=30,
            count=5,
            tree_cid=self.store.put(merit_tree_to_bytes(leaves)),
        )
        self.ledger.commit_epoch(commit, self._cosign("MeritEpochs", commit))
        return commit

    def propose(
        self, text: str = "Take longer rounds\n\nSixty inner steps halve the time lost to waiting.", *, by: str = "bob"
    ) -> int:
        """A member proposes another spec."""
        cid = self.store.put(canonical_json(PROPOSED_SPEC))
        self.actions = (self.ledger.set_spec_action(1, cid),)
        statement, description, sponsors = self.proposal_messages(by, text)
        self.proposal_id = self.ledger.propose(statement, self.actions, description, sponsors)
        return self.proposal_id

    def proposal_messages(self, name: str, text: str) -> tuple[ProposalStatement, str, list[Sponsor]]:
        """A proposer's statement over the current actions, the whole description, and the proposer's signature."""
        proposer = self.people[name]
        description = describe(text, proposer.address, 1)
        number = self.ledger.proposal_id(self.actions, description)
        statement = ProposalStatement(proposer=proposer.address, proposal_id=number, deadline=self.deadline)
        signature = sign(proposer, self.ledger.domain("TenWingsGovernor"), statement)
        return statement, description, [Sponsor(account=proposer.address, signature=signature)]

    def vote(self, name: str, support: Support, reason: str = "") -> int:
        """A member votes with its proved weight."""
        return self.ledger.cast_ballot(*self.ballot(name, support, reason))

    def carry(self, actions: Sequence[Action], text: str = "Carry it") -> None:
        """Carol proposes these calls, every member votes for them, and they are executed."""
        self.actions = tuple(actions)
        statement, description, sponsors = self.proposal_messages("carol", text)
        self.proposal_id = self.ledger.propose(statement, self.actions, description, sponsors)
        self.clock.advance(120)
        for name in ROLES:
            self.vote(name, Support.FOR)
        self.clock.advance(HOUR)
        self.ledger.queue(self.proposal_id)
        self.clock.advance(120)
        self.ledger.execute(self.proposal_id)

    def ballot(self, name: str, support: Support, reason: str = "") -> tuple[Ballot, bytes]:
        """A ballot and its signature."""
        voter = self.people[name]
        epoch = self.ledger.epoch(1)
        assert epoch is not None
        found = merit_proof(self.ledger, self.store, epoch, voter.address)
        assert found is not None
        ballot = Ballot(
            proposal_id=self.proposal_id,
            support=support,
            voter=voter.address,
            reason=reason,
            params=ballot_params(*found),
        )
        return ballot, sign(voter, self.ledger.domain("TenWingsGovernor"), ballot)

    def _address(self, name: str) -> str:
        return self.people[name].address

    def _member_id(self, name: str) -> int:
        member = self.ledger.member(self.people[name].address)
        assert member is not None
        return member.member_id

    def _loss(self) -> int:
        state = self.ledger.run(1)
        last = self.ledger.round(1, state.head_round)
        return last.commit.heldout_loss_micro if last else START_LOSS_MICRO

    def _receipt(self, name: str, number: int) -> SignedReceipt:
        update_cid = self.store.put(f"update of {name} for round {number}".encode())
        state = self.ledger.run(1)
        receipt = Receipt(
            run_id=1,
            round=number,
            account=self.people[name].address,
            spec_digest=cids.digest(state.spec_cid),
            base_digest=cids.digest(state.head_cid),
            update_digest=cids.digest(update_cid),
            num_samples=1920,
            num_steps=30,
            start_loss_micro=1_300_000,
            end_loss_micro=1_187_654,
        )
        signature = sign(self.people[name], self.ledger.domain("TrainingRuns"), receipt)
        return SignedReceipt(receipt=receipt, update_cid=update_cid, signature=signature)

    def _score(self, name: str, gain: int) -> UpdateScore:
        number = self.ledger.run(1).next_round
        update = cids.of(f"update of {name} for round {number}".encode())
        return UpdateScore(
            account=self.people[name].address, update_digest=cids.digest(update), gain_micro=gain, error_micro=1_500
        )

    def _sheet(self, name: str, number: int, scores: tuple[UpdateScore, ...], offset: int) -> SignedSheet:
        person = self.people[name]
        measured = tuple(replace(score, gain_micro=score.gain_micro + 700 * offset) for score in scores)
        sheet = ScoreSheet(
            run_id=1,
            round=number,
            account=person.address,
            base_cid=self.ledger.run(1).head_cid,
            seed=hashlib.sha256(f"seed {number}".encode()).digest(),
            base_loss_micro=self._loss(),
            num_draws=64,
            scores=measured,
        )
        digest = hashlib.sha256(sheet.to_bytes()).digest()
        statement = SheetStatement(run_id=1, round=number, account=person.address, sheet_digest=digest)
        signature = sign(person, self.ledger.domain("TrainingRuns"), statement)
        return SignedSheet(account=person.address, cid=self.store.put(sheet.to_bytes()), signature=signature)

    def _refusal(self, name: str, reason: str, number: int) -> Refusal:
        return Refusal(
            account=self.people[name].address,
            member_id=self._member_id(name),
            phase="train",
            reason=reason,
            detail=REFUSAL_DETAIL,
            update_cid=self.store.put(f"update of {name} for round {number}".encode()),
        )

    def _leaves(self, number: int, gains: dict[str, int]) -> list[ContributionLeaf]:
        leaves = []
        for name in self.names:
            evaluator = Role.EVALUATOR in self.names[name]
            gain = gains.get(name, 0)
            reward = 3 * TOKEN if evaluator else gain * TOKEN // 2000
            reward *= self.ledger.pays_rewards()
            self.earned[name] += reward
            update = cids.of(f"update of {name} for round {number}".encode())
            leaves.append(
                ContributionLeaf(
                    run_id=1,
                    round=number,
                    member_id=self._member_id(name),
                    account=self.people[name].address,
                    samples=1920 if gain else 0,
                    steps=30 if gain else 0,
                    score=9_800 if evaluator else gain,
                    update_digest=cids.digest(update) if gain else bytes(32),
                    reward=reward,
                    cumulative_reward=self.earned[name],
                )
            )
        self.head_leaves = leaves
        return leaves

    def _record(self, **parts: object) -> RoundRecord:
        state, block = self.ledger.run(1), self.ledger.latest_block()
        return RoundRecord(
            chain_id=self.ledger.chain_id(),
            run_id=1,
            round=state.next_round,
            spec_cid=state.spec_cid,
            spec_version=state.spec_version,
            dataset_digest=state.dataset_digest,
            base_cid=state.head_cid,
            deadline=self.clock() - 5,
            leases={},
            seed_block_number=block.number,
            seed_block_hash=block.hash,
            timings_ms={
                "train": 41_200,
                "score": 8_450,
                "aggregate": 310,
                "cosign": 6_100,
                "ipfs": 920,
                "flower": 7_300,
            },
            **parts,  # type: ignore[arg-type]
        )

    def _commit(self, record: RoundRecord) -> RoundCommit:
        state = self.ledger.run(1)
        return RoundCommit(
            run_id=1,
            round=record.round,
            spec_digest=cids.digest(state.spec_cid),
            dataset_digest=state.dataset_digest,
            parent_digest=cids.digest(state.head_cid),
            checkpoint_cid=record.checkpoint_cid,
            contributions_root=record.contributions_root,
            record_cid=self.store.put(record.to_bytes()),
            num_clients=len(record.receipts),
            reward=record.reward,
            heldout_loss_micro=record.heldout_loss_micro,
        )

    def _cosign(self, contract: str, commit: RoundCommit | EpochCommit) -> list[bytes]:
        domain = self.ledger.domain(contract)
        evaluators = sorted((self.people["dora"], self.people["emil"]), key=lambda who: int(who.address, 16))
        return [sign(evaluator, domain, commit) for evaluator in evaluators]


def forget(store: MemoryStore, cid: Cid) -> None:
    """Make content unavailable."""
    store.unpin(cid)
    store.collect_garbage()
