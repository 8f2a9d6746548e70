"""What a node does when it is asked: train, score, co-sign. The only code of a round that needs torch.

A resident lives between rounds (`federation.worker` keeps it in a process of its own): torch, decoded shards and the
last checkpoint stay warm. It trusts the chain, not the coordinator: a task whose spec or base is not the chain's is
refused.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from federation import replay
from federation.config import RunSpec
from federation.frozen_parts import fetch_parts
from federation.gate import Refused, check_receipt, parse_receipt
from federation.messages import CosignTask, EpochTask, HeldoutTask, ScoreTask, Task, TrainTask, task_to_json
from federation.outer import outer_rule
from federation.payload import Payload, payload_of
from federation.receipts import sign_receipt, sign_sheet
from federation.scoring import paired_score, scoring_seed, seed_to_int, to_micro
from federation.trainer_files import Lease, TrainerFiles
from model.checkpoint import Checkpoint, from_numpy, read
from model.data.clips import Clips, concatenate
from model.data.shards import unpack
from model.evaluate.heldout import heldout_loss, paired_losses
from model.job import TrainJob
from model.train import train_inner
from node import cid as cids
from node.errors import ConfigError
from node.identity import Identity
from node.ports import ContentStore, Ledger
from node.records.artifacts import Artifact
from node.records.chain import Address
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry, shards_of
from node.records.rounds import Receipt, RoundStatus
from node.records.runs import RunState
from node.round_record import ScoreSheet, SignedReceipt, to_json
from node.sealed import KeyRing, is_sealed, unseal
from node.typed_data import sign

Reply = dict[str, Any]
_DRAWS_PER_CLIP = 2
"""(timestep, noise) of each clip that an update is scored on."""
_MAX_CACHED = 64


@dataclass(kw_only=True)
class Resident:
    """One node's trainer and evaluator."""

    identity: Identity
    ledger: Ledger
    store: ContentStore
    folder: Path
    """Where the error feedback and the optimizer's moments of its runs are kept."""
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._bytes: dict[Cid, bytes] = {}
        self._clips: dict[Cid, Clips] = {}
        self._heldout: dict[tuple[bytes, int, Cid], int] = {}
        self._equipped: set[Cid] = set()

    def handle(self, task: Task) -> Reply:
        """Do the task; a refusal is a reply too: {"refused": reason code, "detail": text}."""
        handlers: Mapping[str, Callable[[Any], Reply]] = {
            "train": self.train,
            "score": self.score,
            "cosign": self.cosign,
            "epoch": self.epoch,
            "heldout": self.heldout,
        }
        started = self.clock()
        try:
            reply = handlers[task_to_json(task)["task"]](task)
        except Refused as refused:
            reply = {"refused": refused.reason, "detail": refused.detail}
        return {**reply, "work_ms": round((self.clock() - started) * 1000)}

    # train

    def train(self, task: TrainTask) -> Reply:
        """Inner steps on the leased shards; the update goes to IPFS, the signed receipt into the reply."""
        run, spec = self._run(task.run_id, task.spec_cid, task.base_cid)
        files = TrainerFiles(folder=self.folder, run_id=run.run_id, spec=spec)
        lease = Lease.of(self.folder, task)
        if (earlier := lease.answered()) is not None:
            self.store.put(files.last_payload())
            return earlier
        base = read(self._get(task.base_cid))
        clips = concatenate([self._shard(run, cid) for cid in task.shards])
        moments = files.moments()
        result = train_inner(
            self._get(task.base_cid),
            clips,
            train_job(spec, task, self.identity.address, first=moments is None),
            optimizer_state=moments,
            out_of_time=lambda: self.clock() > task.deadline - 1,
            lora=spec.inner.lora,
        )
        counted = partial(self._counted, run)
        update_cid = self.store.put(files.payload(task.round, base, result, was_counted=counted))
        files.keep_moments(result.optimizer_state)
        receipt = Receipt(
            run_id=run.run_id,
            round=task.round,
            account=self.identity.address,
            spec_digest=cids.digest(task.spec_cid),
            base_digest=cids.digest(task.base_cid),
            update_digest=cids.digest(update_cid),
            num_samples=result.num_samples,
            num_steps=result.num_steps,
            start_loss_micro=to_micro(result.start_loss),
            end_loss_micro=to_micro(result.end_loss),
        )
        signed = sign_receipt(self.identity, self.ledger.domain("TrainingRuns"), receipt, update_cid)
        return lease.answer({"receipt": to_json(signed)})

    def _counted(self, run: RunState, round_number: int, update_digest: bytes) -> bool:
        """Did the update we sent in that round enter its commit, and does the round count?"""
        state = self.ledger.round(run.run_id, round_number)
        if state is None or state.status == RoundStatus.VOIDED:
            return False
        record = replay.load_record(self.store.get, state.commit)
        return any(s.receipt.update_digest == update_digest for s in record.receipts)

    # score

    def score(self, task: ScoreTask) -> Reply:
        """Every admitted update alone, at the weight it would have in the mean, against the base on the same draws."""
        run, spec = self._run(task.run_id, task.spec_cid, task.base_cid)
        receipts = [parse_receipt(raw) for raw in task.receipts]
        base = read(self._get(task.base_cid))
        payload, weight = payload_of(spec, base), float(spec.outer.alpha) / len(receipts)
        candidates = [self._candidate(spec, base, payload, task, signed, weight) for signed in receipts]
        seed = scoring_seed(self.ledger.block_at(task.seed_block_number).hash, receipts)
        losses = paired_losses(
            self._get(task.base_cid),
            candidates,
            self._score_clips(run, spec, seed),
            seed=seed_to_int(seed),
            num_draws=_DRAWS_PER_CLIP,
        )
        sheet = ScoreSheet(
            run_id=run.run_id,
            round=task.round,
            account=self.identity.address,
            base_cid=task.base_cid,
            seed=seed,
            base_loss_micro=to_micro(float(losses.base.mean())),
            num_draws=len(losses.base),
            scores=tuple(
                paired_score(
                    s.receipt.account,
                    s.receipt.update_digest,
                    list(losses.base),
                    list(row),
                    draws_per_clip=_DRAWS_PER_CLIP,
                )
                for s, row in sorted(zip(receipts, losses.candidates, strict=True), key=lambda p: p[0].receipt.account)
            ),
        )
        cid = self.store.put(sheet.to_bytes())
        return {"sheet": to_json(sign_sheet(self.identity, self.ledger.domain("TrainingRuns"), sheet, cid))}

    def _candidate(
        self, spec: RunSpec, base: Checkpoint, payload: Payload, task: ScoreTask, signed: SignedReceipt, weight: float
    ) -> bytes:
        """The base with one update applied by its share of the mean; a receipt that does not hold is refused."""
        check_receipt(
            signed,
            account=signed.receipt.account,
            domain=self.ledger.domain("TrainingRuns"),
            run_id=task.run_id,
            round_number=task.round,
            spec_cid=task.spec_cid,
            base_cid=task.base_cid,
        )
        update = payload.read(self.store.get(signed.update_cid, max_bytes=payload.max_bytes))
        stepped = outer_rule(spec.outer.strategy)(base.tensors, update, weight)
        return from_numpy(stepped, base.config)

    def _score_clips(self, run: RunState, spec: RunSpec, seed: bytes) -> Clips:
        clips = concatenate([self._shard(run, entry.cid) for entry in self._entries(run, "score")])
        order = sorted(range(len(clips)), key=lambda i: hashlib.sha256(seed + i.to_bytes(4, "big")).digest())
        return clips.take(sorted(order[: spec.score.num_clips]))

    # co-sign

    def cosign(self, task: CosignTask) -> Reply:
        """Redo the whole round of a record; sign the commit that follows from it, or say what differs."""
        record, result = replay.redo(self.ledger, self.store.get, task.run_id, task.round, task.record_cid)
        run, spec = self._run(task.run_id, record.spec_cid, record.base_cid)
        if record.dataset_digest != run.dataset_digest:
            raise Refused("disagrees", f"dataset: expected 0x{run.dataset_digest.hex()}, got another")
        self._bytes[record.checkpoint_cid] = result.checkpoint
        measured = self._heldout_loss(run, spec, record.checkpoint_cid)
        allowed = max(1, measured * spec.score.heldout_tolerance_bps // 10_000)
        if abs(measured - record.heldout_loss_micro) > allowed:
            raise Refused(
                "disagrees", f"held-out loss: expected {measured} +- {allowed}, got {record.heldout_loss_micro}"
            )
        commit = replay.commit_of(record, task.record_cid)
        return {"signature": sign(self.identity, self.ledger.domain("TrainingRuns"), commit).hex()}

    def epoch(self, task: EpochTask) -> Reply:
        """Recompute a merit epoch from the committed rounds and sign it."""
        commit, _ = replay.epoch_of(self.ledger, self.store.get, task.run_id, task.epoch, task.upto_round)
        return {"signature": sign(self.identity, self.ledger.domain("MeritEpochs"), commit).hex()}

    def heldout(self, task: HeldoutTask) -> Reply:
        """Held-out loss of a checkpoint, in millionths."""
        run = self.ledger.run(task.run_id)
        spec = self._spec(task.spec_cid)
        return {"heldout_loss_micro": self._heldout_loss(run, spec, task.checkpoint_cid)}

    def _heldout_loss(self, run: RunState, spec: RunSpec, checkpoint_cid: Cid) -> int:
        key = (run.dataset_digest, spec.score.heldout_draws, checkpoint_cid)
        if key not in self._heldout:
            clips = concatenate([self._shard(run, entry.cid) for entry in self._entries(run, "heldout")])
            seed = seed_to_int(run.dataset_digest)
            loss = heldout_loss(self._get(checkpoint_cid), clips, seed=seed, num_draws=spec.score.heldout_draws)
            self._heldout[key] = to_micro(loss)
        return self._heldout[key]

    # what the chain and IPFS hold

    def _run(self, run_id: int, spec_cid: Cid, base_cid: Cid) -> tuple[RunState, RunSpec]:
        """The run as the chain has it; a task that differs is refused."""
        run = self.ledger.run(run_id)
        if spec_cid != run.spec_cid:
            raise Refused("wrong-spec", f"expected the chain's spec {run.spec_cid}, got {spec_cid}")
        if base_cid != run.head_cid:
            raise Refused("stale-base", f"expected the chain's head {run.head_cid}, got {base_cid}")
        spec = self._spec(spec_cid)
        try:
            spec.require_declared(run.spec_params)
        except ConfigError as error:
            raise Refused("wrong-spec", str(error)) from error
        return run, spec

    def _spec(self, spec_cid: Cid) -> RunSpec:
        """The run spec, its frozen parts fetched to where the model finds them."""
        spec = RunSpec.from_bytes(self._get(spec_cid))
        if spec_cid not in self._equipped:
            fetch_parts(self.store, spec.model)
            self._equipped.add(spec_cid)
        return spec

    def _entries(self, run: RunState, split: str) -> list[ShardEntry]:
        artifact, manifest = self._dataset(run)
        entries = list(shards_of(manifest, split))
        if not entries:
            raise Refused("unavailable", f"expected shards of the split {split!r} in dataset {artifact.cid}, got none")
        return entries

    def _dataset(self, run: RunState) -> tuple[Artifact, DatasetManifest]:
        artifact = self.ledger.artifact(run.dataset_digest)
        if artifact is None:
            raise Refused("unavailable", f"expected a registered dataset 0x{run.dataset_digest.hex()}")
        if not artifact.state.usable:
            raise Refused(
                "unavailable", f"expected a dataset that may be used, {artifact.cid} is {artifact.state.name}"
            )
        return artifact, DatasetManifest.from_bytes(self._get(artifact.cid))

    def _shard(self, run: RunState, cid: Cid) -> Clips:
        """A sealed shard is opened with this member's key; access is asked of the chain each time."""
        artifact, manifest = self._dataset(run)
        entry = next((shard for shard in manifest.shards if shard.cid == cid), None)
        key = self._content_key(artifact) if entry is not None and is_sealed(manifest, entry.split) else None
        if cid not in self._clips:
            data = self.store.get(cid)
            self._clips[cid] = unpack(unseal(data, key) if key else data)
        return self._clips[cid]

    def _content_key(self, artifact: Artifact) -> bytes:
        key = KeyRing(folder=self.folder).content_key(self.ledger, artifact.digest, self.identity.address)
        if key is None:
            raise Refused(
                "no-access",
                f"expected a grant by the owner of {artifact.cid} to {self.identity.address}, there is none; "
                "ask with `tenwings data request`",
            )
        return key

    def _get(self, cid: Cid) -> bytes:
        if cid not in self._bytes:
            while len(self._bytes) >= _MAX_CACHED:
                self._bytes.pop(next(iter(self._bytes)))
            self._bytes[cid] = self.store.get(cid)
        return self._bytes[cid]


def train_job(spec: RunSpec, task: TrainTask, account: Address, *, first: bool) -> TrainJob:
    """The inner loop's settings; the seed is the account's own for this attempt, the warm-up is for its first round."""
    text = f"tenwings inner {task.run_id} {task.round} {task.attempt} {account}"
    return TrainJob(
        num_steps=spec.inner.num_steps,
        batch_size=spec.inner.batch_size,
        learning_rate=float(spec.inner.learning_rate),
        warmup_steps=spec.inner.warmup_steps if first else 0,
        weight_decay=float(spec.inner.weight_decay),
        tasks=spec.inner.task_weights(),
        seed=seed_to_int(hashlib.sha256(text.encode()).digest()),
    )
