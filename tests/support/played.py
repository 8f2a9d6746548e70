"""A run on the twins without training: constant updates, real signatures, real medians, aggregates and trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from federation.config import RunSpec
from federation.outcome import RoundInputs, outcome, round_reward
from federation.receipts import sign_receipt, sign_sheet
from federation.replay import commit_of, epoch_of, previous_leaves
from federation.scoring import scoring_seed
from model.checkpoint import initial, read
from node import cid as cids
from node.chain_records import data_args, data_of, spec_args
from node.deployment import DeploySettings
from node.folder_store import MemoryStore
from node.identity import Identity
from node.local_ledger import LocalLedger, ManualClock
from node.local_ledger.run_disputes import INCIDENT_ROLE
from node.proofs import claim_proof, contribution_tree
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Block
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit
from node.records.rounds import RoundCommit
from node.records.runs import RunParams, SpecParams
from node.round_record import (
    RoundRecord,
    ScoreSheet,
    SignedReceipt,
    SignedSheet,
    UpdateScore,
    merit_tree_to_bytes,
    tree_to_bytes,
)
from node.typed_data import sign
from tests.support.tiny import SMALL, SPEC, constant_update, identity, payload, receipt

TOKEN = 10**18
OPERATOR = identity("operator")
ROLES = {
    "alice": Role.TRAINER,
    "bob": Role.TRAINER,
    "carol": Role.TRAINER,
    "dora": Role.EVALUATOR,
    "emil": Role.EVALUATOR,
}
SETTINGS = DeploySettings(
    operator=OPERATOR.address,
    epoch_finality_seconds=0,
    voting_delay_seconds=10,
    voting_period_seconds=100,
    timelock_delay_seconds=10,
)


@dataclass(kw_only=True)
class Played:
    """Five members and one run; `commit(record(...))` plays a round."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    spec: RunSpec = SPEC
    window_seconds: int = 1
    """In which a round can be disputed; every `mine` takes ten seconds."""

    def __post_init__(self) -> None:
        self.ledger = LocalLedger(SETTINGS, clock=self.clock)
        self.members = {name: self.join(name, role) for name, role in ROLES.items()}
        self.run_id = self.create_run(self.register_dataset())

    def join(self, name: str, role: Role) -> Identity:
        """A member with the operator's voucher."""
        who, deadline = identity(name), self.clock() + 3600
        request = JoinRequest(
            account=who.address, roles=role, node_key_digest=cids.digest(cids.of(name.encode())), name=name,
            deadline=deadline,
        )  # fmt: skip
        domain = self.ledger.domain("MemberRegistry")
        voucher = Voucher(account=who.address, roles=role, deadline=deadline)
        self.ledger.join(request, sign(who, domain, request), sign(OPERATOR, domain, voucher))
        return who

    def register_dataset(self, name: str = "worlds") -> bytes:
        """Three shards of a few bytes; alice registers them."""
        shards = tuple(
            ShardEntry(cid=self.store.put(split.encode()), split=split, num_clips=1, num_bytes=len(split))
            for split in ("train", "score", "heldout")
        )
        manifest = DatasetManifest(
            name=name, licence="CC0-1.0", attribution="made here", clip_shape=(8, 32, 32), shards=shards
        )
        return self._register(ArtifactKind.DATASET, self.store.put(manifest.to_bytes()))

    def register_checkpoint(self, cid: Cid) -> bytes:
        """Alice registers a checkpoint."""
        return self._register(ArtifactKind.CHECKPOINT, cid)

    def _register(self, kind: ArtifactKind, cid: Cid) -> bytes:
        registration = Registration(
            account=self.members["alice"].address, kind=kind, licence="CC0-1.0", cid=cid,
            deadline=self.clock() + 3600,
        )  # fmt: skip
        signature = sign(self.members["alice"], self.ledger.domain("ArtifactRegistry"), registration)
        return self.ledger.register_artifact(registration, signature)

    def create_run(self, dataset_digest: bytes) -> int:
        """A funded run of the smallest model."""
        run_id = self.ledger.create_run(
            RunParams(
                name="test",
                spec_cid=self.store.put(self.spec.to_bytes()),
                spec_params=self.spec.chain_params,
                genesis_cid=self.store.put(initial(SMALL, 0)),
                dataset_digest=dataset_digest,
                reward_cap=1000 * TOKEN,
                quorum=2,
                dispute_window_seconds=self.window_seconds,
            )
        )
        self.ledger.fund(run_id, 10_000 * TOKEN)
        return run_id

    def record(self, gains: Mapping[str, int], *, claims: Mapping[str, Any] | None = None) -> RoundRecord:
        """An honest record of the next round; `claims` are written into the receipts."""
        run = self.ledger.run(self.run_id)
        number, base = run.next_round, read(self.store.get(run.head_cid))
        top_k = self.spec.wire.top_k
        updates = {n: payload(constant_update(base, 0.001 * (i + 1)), top_k) for i, n in enumerate(sorted(gains))}
        receipts = sorted((self._receipt(n, u, claims or {}) for n, u in updates.items()), key=_account)
        block = self.mine()
        sheets = [self._sheet(name, gains, receipts, block) for name in ("dora", "emil")]
        inputs = RoundInputs(
            spec=self.spec,
            run_id=self.run_id,
            round=number,
            base=base,
            receipts={s.receipt.account: s.receipt for s in receipts},
            updates={identity(n).address: constant_update_sent(base, u) for n, u in updates.items()},
            sheets=[sheet for _, sheet in sheets],
            member_ids={m.account: m.member_id for m in self.ledger.members()},
            previous=previous_leaves(self.ledger, self.store.get, self.run_id, run.head_round),
        )
        result = outcome(inputs)
        leaves = list(result.leaves)
        return RoundRecord(
            chain_id=self.ledger.chain_id(),
            run_id=self.run_id,
            round=number,
            spec_cid=run.spec_cid,
            spec_version=run.spec_version,
            dataset_digest=run.dataset_digest,
            base_cid=run.head_cid,
            deadline=self.clock(),
            leases={},
            receipts=tuple(receipts),
            refusals=(),
            seed_block_number=block.number,
            seed_block_hash=block.hash,
            sheets=tuple(sorted((signed for signed, _ in sheets), key=lambda s: s.account)),
            scores=result.scores,
            checkpoint_cid=self.store.put(result.checkpoint),
            heldout_loss_micro=1_500_000 - 1000 * number,
            parent_heldout_loss_micro=1_500_000 - 1000 * (number - 1),
            tree_cid=self.store.put(tree_to_bytes(leaves)),
            contributions_root=contribution_tree(self.ledger.domain("TrainingRuns"), leaves).root,
            reward=round_reward(leaves),
        )

    def mine(self) -> Block:
        """Ten seconds pass and a block is mined."""
        self.clock.advance(10)
        return self.ledger.mine()

    def put(self, record: RoundRecord) -> Cid:
        """The record on IPFS."""
        return self.store.put(record.to_bytes())

    def commit(self, record: RoundRecord, **changes: Any) -> RoundCommit:
        """Co-signed by dora and emil, whether it holds or not."""
        statement = replace(commit_of(record, self.put(record)), **changes)
        self.ledger.commit_round(statement, self._cosign("TrainingRuns", statement))
        self.mine()
        return statement

    def commit_epoch(self, number: int, upto_round: int) -> EpochCommit:
        """A merit epoch as the rounds make it."""
        statement, leaves = epoch_of(self.ledger, self.store.get, self.run_id, number, upto_round)
        self.store.put(merit_tree_to_bytes(leaves))
        self.ledger.commit_epoch(statement, self._cosign("MeritEpochs", statement))
        self.mine()
        return statement

    def claim(self, name: str, round_number: int) -> int:
        """A member claims what a round grants."""
        state = self.ledger.round(self.run_id, round_number)
        assert state is not None
        member = self.ledger.member(identity(name).address)
        assert member is not None
        found = claim_proof(self.ledger, self.store, state, member.member_id)
        assert found is not None
        return self.ledger.claim(found[0], list(found[1]))

    def set_active(self, name: str, active: bool) -> None:
        """What a passed proposal does: bar a member or let it back in."""
        member = self.ledger.member(identity(name).address)
        assert member is not None
        self._executed("MemberRegistry", "setActive", {"memberId": member.member_id, "active": active})

    def set_spec(self, spec: RunSpec, declared: SpecParams | None = None) -> None:
        """What a passed proposal does: another spec from the next round on, honestly declared unless `declared`."""
        self.spec, cid = spec, self.store.put(spec.to_bytes())
        args = {"runId": self.run_id, "specCid": cids.to_bytes(cid), "params": spec_args(declared or spec.chain_params)}
        self._executed("TrainingRuns", "setSpec", args)

    def voted(self, function: str, **args: Any) -> None:
        """What a passed proposal does to the run."""
        self._executed("TrainingRuns", function, {"runId": self.run_id, **args})

    def roll_back(self, round_number: int) -> None:
        """What a passed proposal does: the next round starts from this final round's checkpoint."""
        state = self.ledger.round(self.run_id, round_number)
        assert state is not None
        self.voted("rollBack", number=round_number, data=data_args(data_of(state)))

    def void(self, round_number: int) -> None:
        """What an incident does to an open round: disputed, voided, the head restored."""
        timelock, runs = self.ledger.addresses()["TimelockController"], self.ledger._contracts.runs
        runs.roles.hold(INCIDENT_ROLE, timelock)
        self.voted("dispute", number=round_number)
        self.voted("settleDispute", number=round_number, voided=True)
        self.ledger.restore_head(self.run_id)

    def _executed(self, contract: str, function: str, args: Mapping[str, Any]) -> None:
        timelock = self.ledger.addresses()["TimelockController"]
        call = self.ledger._contracts.governed()[contract, function]
        self.ledger._write(function, (), lambda tx: call(tx.from_contract(timelock), args))
        self.mine()

    def _receipt(self, name: str, update: bytes, claims: Mapping[str, Any]) -> SignedReceipt:
        run, cid, who = self.ledger.run(self.run_id), self.store.put(update), self.members[name]
        statement = receipt(
            who.address, cid, run_id=self.run_id, round=run.next_round,
            spec_digest=cids.digest(run.spec_cid), base_digest=cids.digest(run.head_cid), **claims,
        )  # fmt: skip
        return sign_receipt(who, self.ledger.domain("TrainingRuns"), statement, cid)

    def _sheet(
        self, name: str, gains: Mapping[str, int], receipts: Sequence[SignedReceipt], block: Block
    ) -> tuple[SignedSheet, ScoreSheet]:
        by_account = {identity(n).address: gain for n, gain in gains.items()}
        sheet = ScoreSheet(
            run_id=self.run_id,
            round=self.ledger.run(self.run_id).next_round,
            account=identity(name).address,
            base_cid=self.ledger.run(self.run_id).head_cid,
            seed=scoring_seed(block.hash, receipts),
            base_loss_micro=1_500_000,
            num_draws=8,
            scores=tuple(
                UpdateScore(
                    account=s.receipt.account, update_digest=s.receipt.update_digest,
                    gain_micro=by_account[s.receipt.account], error_micro=10,
                )
                for s in receipts
            ),
        )  # fmt: skip
        cid = self.store.put(sheet.to_bytes())
        return sign_sheet(self.members[name], self.ledger.domain("TrainingRuns"), sheet, cid), sheet

    def _cosign(self, contract: str, statement: RoundCommit | EpochCommit) -> list[bytes]:
        domain = self.ledger.domain(contract)
        people = sorted((self.members["dora"], self.members["emil"]), key=lambda who: int(who.address, 16))
        return [sign(who, domain, statement) for who in people]


def constant_update_sent(base: Any, data: bytes) -> dict[str, Any]:
    """The update as everyone decodes it."""
    from federation.wire import decode

    return decode(data, {name: tensor.shape for name, tensor in base.tensors.items()})


def _account(signed: SignedReceipt) -> str:
    return signed.receipt.account
