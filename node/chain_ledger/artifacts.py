"""Artifacts on a chain, rebuilt from events; their states are asked of the registry."""

from __future__ import annotations

from collections.abc import Sequence

from node import cid as cids
from node.access_log import ACCESS_EVENTS, accesses_of
from node.chain_events import EventLog
from node.chain_ledger.link import ChainLink
from node.chain_records import artifact_from, position, registration_fields
from node.records.artifacts import AccessEntry, Artifact, ArtifactState, Registration
from node.records.chain import Address, Event


class ChainArtifacts(ChainLink):
    """Artifacts: registered, and who may read them."""

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        self._send("ArtifactRegistry", "register", registration_fields(registration), signature)
        return cids.digest(registration.cid)

    def artifact(self, digest: bytes) -> Artifact | None:
        log = self._log.refreshed()
        event = log.last("ArtifactRegistered", digest)
        return None if event is None else self._artifacts(log, [event])[0]

    def artifacts(self) -> Sequence[Artifact]:
        log = self._log.refreshed()
        return tuple(self._artifacts(log, log.named("ArtifactRegistered")))

    def owner_of(self, digest: bytes) -> Address:
        return Address(self._call("ArtifactRegistry", "ownerOf", digest))

    def accesses(self, digest: bytes) -> Sequence[AccessEntry]:
        log = self._log.refreshed()
        return accesses_of(sorted((e for name in ACCESS_EVENTS for e in log.named(name)), key=position), digest)

    def _artifacts(self, log: EventLog, registered: Sequence[Event]) -> list[Artifact]:
        if not registered:
            return []
        states = self._call_several("ArtifactRegistry", *(("stateOf", event.args["digest"]) for event in registered))
        return [artifact_from(log, e, ArtifactState(state)) for e, state in zip(registered, states, strict=True)]
