"""A whole network on the twins: members, a small dataset, a run, and nodes on a LocalGrid with real training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from flwr.app import Context

from federation.client_app import make_app
from federation.config import RunSpec
from federation.coordinator import Coordinator, RoundContext
from federation.frozen_parts import model_config
from federation.journal import Journal
from federation.local_grid import LocalGrid
from federation.messages import HeldoutTask, task_from_json
from federation.resident import Resident
from federation.rounds import play
from model.checkpoint import initial
from model.config import ModelConfig
from model.data.clips import Clips
from model.data.mixture import EASY_LAWS
from model.data.shards import pack
from model.data.worlds import make_clips
from model.job import DEMO_SHAPE, VideoShape
from node import cid as cids
from node.chain_records import spec_args
from node.deployment import DeploySettings
from node.folder_store import MemoryStore
from node.identity import Identity
from node.local_ledger import LocalLedger
from node.local_ledger.run_disputes import INCIDENT_ROLE
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry
from node.records.members import JoinRequest, Role, Voucher
from node.records.runs import RunParams
from node.sealed import KeyRing, Sealer
from node.typed_data import sign

TOKEN = 10**18
SMALL = ModelConfig(preset="custom", width=32, num_layers=1, num_heads=2)
"""A video DiT small enough for a test; everything around it is as in a real run."""
SPEC = RunSpec().with_changes(
    {
        "inner.num_steps": "2",
        "inner.batch_size": "4",
        "inner.learning_rate": "0.001",
        "round.min_updates": "2",
        "round.deadline_seconds": "60",
        "round.grace_seconds": "30",
        "score.num_clips": "4",
        "score.heldout_draws": "2",
    }
)
Tamper = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
"""(task, honest reply) -> what the node sends instead."""


class Clock:
    """A clock that tests move; sleeping moves it and mines a block, as time on a chain does."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.ledger: LocalLedger | None = None

    def __call__(self) -> float:
        return time.time() + self.offset

    def seconds(self) -> int:
        return int(self())

    def sleep(self, seconds: float) -> None:
        self.offset += seconds / 20
        time.sleep(min(seconds, 0.005))
        if self.ledger:
            self.ledger.mine()


@dataclass(kw_only=True)
class Network:
    """Five members on the twins."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    tampers: dict[str, Tamper] = field(default_factory=dict)
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    codec_file: bytes = b""
    """A frozen codec for the run, of clips of five frames; without one the run is on pixels."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Changes of the run spec."""
    window_seconds: int = 1
    """In which a round can be disputed."""
    zero_token: bool = False
    content_key: bytes | None = None
    """Seals the dataset, which is registered as restricted; alice owns it."""
    genesis: bytes = b""
    """Checkpoint that the run starts from; without one a new model."""

    def __post_init__(self) -> None:
        torch.set_num_threads(1)
        self.operator = Identity.create()
        settings = DeploySettings(
            operator=self.operator.address,
            epoch_finality_seconds=0,
            voting_delay_seconds=1,
            voting_period_seconds=30,
            timelock_delay_seconds=1,
            zero_token=self.zero_token,
        )
        self.ledger = LocalLedger(settings, clock=self.clock.seconds)
        self.clock.ledger = self.ledger
        self.store = MemoryStore()
        names = {"alice": 1, "bob": 1, "carol": 1, "dora": 2, "emil": 2}
        self.members = {name: self.join(name, Role(role)) for name, role in names.items()}
        self.run_id = self.create_run()
        self.residents: dict[str, Resident] = {}

    def join(self, name: str, role: Role) -> Identity:
        identity, deadline = Identity.create(), self.clock.seconds() + 3600
        request = JoinRequest(
            account=identity.address, roles=role, node_key_digest=cids.digest(cids.of(name.encode())), name=name,
            deadline=deadline,
        )  # fmt: skip
        domain = self.ledger.domain("MemberRegistry")
        voucher = Voucher(account=identity.address, roles=role, deadline=deadline)
        self.ledger.join(request, sign(identity, domain, request), sign(self.operator, domain, voucher))
        return identity

    def create_run(self) -> int:
        spec, shape = SPEC.with_changes(self.settings), DEMO_SHAPE
        if self.codec_file:
            shape = replace(DEMO_SHAPE, num_frames=5)
            spec = spec.with_changes({"model.codec": self.store.put(self.codec_file), "model.num_frames": "5"})
        if not self.ledger.pays_rewards():
            spec = spec.with_changes({"reward.per_round": "0"})
        config = replace(SMALL, codec=model_config(self.store, spec.model).codec)
        digest = self.register_dataset(shape=shape)
        run_id = self.ledger.create_run(
            RunParams(
                name="test",
                spec_cid=self.store.put(spec.to_bytes()),
                spec_params=spec.chain_params,
                genesis_cid=self.store.put(self.genesis or initial(config, 0)),
                dataset_digest=digest,
                reward_cap=1000 * TOKEN,
                quorum=2,
                dispute_window_seconds=self.window_seconds,
            )
        )
        if self.ledger.pays_rewards():
            self.ledger.fund(run_id, 10_000 * TOKEN)
        return run_id

    def register_dataset(self, *, first_seed: int = 0, shape: VideoShape = DEMO_SHAPE) -> bytes:
        """A small dataset of worlds, registered by alice."""
        entries, sealer = [], Sealer(key=self.content_key)
        for index, split in enumerate(["train", "train", "train", "score", "heldout"]):
            data = sealer.shard(
                split, pack(make_clips(num_clips=8, seed=first_seed + index, shape=shape, laws=EASY_LAWS))
            )
            entries.append(ShardEntry(cid=self.store.put(data), split=split, num_clips=8, num_bytes=len(data)))
        manifest = DatasetManifest(
            name="worlds",
            licence="CC0-1.0",
            attribution="made here",
            clip_shape=(shape.num_frames, shape.height, shape.width),
            shards=tuple(entries),
            encryption=sealer.encryption,
        )
        registration = Registration(
            account=self.members["alice"].address,
            kind=ArtifactKind.DATASET,
            cid=self.store.put(manifest.to_bytes()),
            licence="CC0-1.0",
            restricted=self.content_key is not None,
            deadline=self.clock.seconds() + 3600,
        )
        signature = sign(self.members["alice"], self.ledger.domain("ArtifactRegistry"), registration)
        digest = self.ledger.register_artifact(registration, signature)
        if self.content_key:
            KeyRing(folder=self.member_folder("alice")).keep(digest, self.content_key)
        return digest

    def play_round(self) -> None:
        """One round without a merit epoch after it."""
        context = RoundContext.open(self.coordinator())
        play(context, context.number)

    def voted(self, function: str, **args: Any) -> None:
        """What a passed proposal does to the run."""
        self._as_timelock(function, args)

    def vote_spec(self, changes: Mapping[str, str], *, declared_steps: int) -> None:
        """A passed proposal of a changed spec that declares this number of inner steps."""
        spec = SPEC.with_changes({**self.settings, **changes})
        declared = replace(spec.chain_params, inner_steps=declared_steps)
        cid = cids.to_bytes(self.store.put(spec.to_bytes()))
        self._as_timelock("setSpec", {"specCid": cid, "params": spec_args(declared)})

    def incident(self, function: str, **args: Any) -> None:
        """What the incident contract does to the run."""
        self.ledger._contracts.runs.roles.hold(INCIDENT_ROLE, self.ledger.addresses()["TimelockController"])
        self._as_timelock(function, args)

    def void(self, round_number: int) -> None:
        """An open round is disputed and voided; nobody restores the head yet."""
        self.incident("dispute", number=round_number)
        self.incident("settleDispute", number=round_number, voided=True)

    def _as_timelock(self, function: str, args: Mapping[str, Any]) -> None:
        timelock = self.ledger.addresses()["TimelockController"]
        call = self.ledger._contracts.governed()["TrainingRuns", function]
        values = {"runId": self.run_id, **args}
        self.ledger._write(function, (), lambda tx: call(tx.from_contract(timelock), values))

    def resident(self, name: str) -> Resident:
        """A node's resident, kept between rounds."""
        if name not in self.residents:
            self.residents[name] = Resident(
                identity=self.members[name],
                ledger=self.ledger,
                store=self.store,
                folder=self.member_folder(name),
                clock=self.clock,
            )
        return self.residents[name]

    def member_folder(self, name: str) -> Path:
        """What a member keeps on its machine."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def name_of(self, account: str) -> str:
        return next(name for name, identity in self.members.items() if identity.address == account)

    def ask(self, context: Context, task: Mapping[str, Any]) -> dict[str, Any]:
        name = self.name_of(str(context.node_config["name"]))
        reply = self.resident(name).handle(task_from_json(dict(task)))
        return self.tampers[name](dict(task), reply) if name in self.tampers else reply

    def coordinator(self, online: list[str] | None = None) -> Coordinator:
        """A fresh coordinator, as after a restart."""
        names = online or list(self.members)
        grid = LocalGrid(make_app(self.ask), {i + 1: self.members[n].address for i, n in enumerate(names)})
        measurer = self.resident("dora")
        return Coordinator(
            grid=grid,
            ledger=self.ledger,
            store=self.store,
            heldout=lambda task: heldout(measurer, task),
            journal=Journal(path=self.folder / "journal.json"),
            run_id=self.run_id,
            progress=lambda event, details: self.events.append((event, details)),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def reasons(self) -> dict[str, str]:
        """Name -> reason code of everyone refused in the last committed round."""
        committed = [details for event, details in self.events if event == "committed"]
        return {self.name_of(r["account"]): r["reason"] for r in committed[-1]["refusals"]}

    def address(self, name: str) -> Address:
        return self.members[name].address


def heldout(resident: Resident, task: HeldoutTask) -> int:
    return int(resident.handle(task)["heldout_loss_micro"])


def clips(num: int, seed: int) -> Clips:
    """Procedural clips in the demo's shape."""
    return make_clips(num_clips=num, seed=seed, laws=EASY_LAWS)


def replace_object(store: MemoryStore, cid: Cid, data: bytes) -> None:
    """What a disk that flips bits does: other bytes under the same CID."""
    store._write(cid, data)
