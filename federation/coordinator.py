"""What every phase of a round leans on: the coordinator's ports, its nodes, and the context of one round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flwr.serverapp import Grid

from federation.config import RunSpec
from federation.gate import Refused
from federation.journal import Journal
from federation.messages import HeldoutTask
from federation.payload import Payload, payload_of
from model.checkpoint import Checkpoint, Tensors, read
from node.errors import TenWingsError
from node.ports import ContentStore, Ledger
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import Member, Role
from node.records.runs import RunState
from node.round_record import Refusal

Progress = Callable[[str, Mapping[str, Any]], None]
NODES_WAIT_SECONDS = 120.0
FETCH_SECONDS = 20.0
"""How long the coordinator waits for a client's object on IPFS."""


class RoundFailed(Exception):
    """This attempt of a round cannot be committed; the head stays."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}")


class RunStopped(TenWingsError):
    """Rounds failed too often in a row, or the run is paused."""


@dataclass(kw_only=True)
class Coordinator:
    """The ports of whoever runs the rounds of one run over a Grid."""

    grid: Grid
    ledger: Ledger
    store: ContentStore
    heldout: Callable[[HeldoutTask], int]
    """Measures a checkpoint's held-out loss in millionths; the coordinator itself has no torch."""
    journal: Journal
    run_id: int
    progress: Progress
    key_digest: Callable[[bytes], bytes] | None = None
    """sha256 of a node's public key as the Grid gives it; None where nodes have no keys (a Grid in one process)."""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def nodes(self, role: Role, at_least: int) -> dict[int, Member]:
        """Online nodes whose member holds `role`; waits until there are enough. Raises RoundFailed."""
        give_up = self.clock() + NODES_WAIT_SECONDS
        while True:
            members = {m.account: m for m in self.ledger.members() if m.active and m.roles & role}
            known = [(node, members[Address(node.name)]) for node in self.grid.get_nodes() if node.name in members]
            chosen = _one_node_each({n.node_id: m for n, m in known if self._is_members_key(n.public_key, m)})
            if len(chosen) >= at_least:
                return chosen
            if self.clock() > give_up:
                raise RoundFailed("too-few-nodes", f"expected {at_least} {role.name} nodes online, got {len(chosen)}")
            self.sleep(0.5)

    def _is_members_key(self, public_key: bytes, member: Member) -> bool:
        """Does the node hold the key that its member has bound on chain?"""
        return self.key_digest is None or self.key_digest(public_key) == member.node_key_digest

    def member(self, account: Address) -> Member:
        """Raises RoundFailed when the account is not (or no longer) registered."""
        member = self.ledger.member(account)
        if member is None:
            raise RoundFailed("unknown-member", f"{account} is not in the registry")
        return member


@dataclass(kw_only=True)
class RoundContext:
    """One attempt at the round after the chain's head."""

    coordinator: Coordinator
    run: RunState
    spec: RunSpec
    base: Checkpoint
    attempt: int = 0
    """How often the round failed in a row before this."""
    updates: dict[Address, Tensors] = field(default_factory=dict)
    """Admitted updates, dense."""
    timings_ms: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, coordinator: Coordinator, *, attempt: int = 0) -> RoundContext:
        """The round that follows from the chain as it is now. Raises ConfigError for a spec that its proposal
        misdeclared on chain, RunStopped while the run is paused."""
        run = coordinator.ledger.run(coordinator.run_id)
        if coordinator.ledger.latest_block().timestamp < run.paused_until:
            raise RunStopped(
                f"run {run.run_id} is paused by an incident until Unix time {run.paused_until}; train then"
            )
        spec = RunSpec.from_bytes(coordinator.store.get(run.spec_cid))
        spec.require_declared(run.spec_params)
        return cls(
            coordinator=coordinator,
            run=run,
            spec=spec,
            base=read(coordinator.store.get(run.head_cid)),
            attempt=attempt,
        )

    @property
    def number(self) -> int:
        return self.run.next_round

    @cached_property
    def payload(self) -> Payload:
        """How this round's updates are written."""
        return payload_of(self.spec, self.base)

    def tell(self, event: str, **details: Any) -> None:
        """Report progress of this round."""
        self.coordinator.progress(event, {"round": self.number, **details})

    def refusal(self, account: Address, refused: Refused, phase: str, cid: Cid | None = None) -> Refusal:
        """The record's line for a refused client."""
        return refused.refusal(self.coordinator.member(account), phase, cid)

    def time_part(self, part: str, started: float, work_ms: int = 0) -> float:
        """Note the wall time of a part that began at `started`, and how much of it no node worked. Returns now."""
        now = time.monotonic()
        self.timings_ms[part] = round((now - started) * 1000)
        if work_ms:
            self.timings_ms[f"{part}_wait"] = max(0, self.timings_ms[part] - work_ms)
        return now


def _one_node_each(online: Mapping[int, Member]) -> dict[int, Member]:
    """One node a member: the lowest node id, should a member run several."""
    chosen: dict[Address, int] = {}
    for node in sorted(online):
        chosen.setdefault(online[node].account, node)
    return {node: online[node] for node in sorted(chosen.values())}
