"""What the events of artifacts add up to: registrations, their states, and access to restricted datasets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from api.index.entries import ArtifactEntry
from node.access_log import ACCESS_EVENTS, take_access
from node.cid import from_bytes
from node.records.artifacts import Artifact, ArtifactKind, ArtifactState
from node.records.chain import Event


class ArtifactFold:
    """Takes artifacts' events in the chain's order."""

    def __init__(self) -> None:
        self.entries: dict[bytes, ArtifactEntry] = {}

    def take(self, event: Event) -> None:
        """Add what happened; other events are passed over."""
        if event.name == "ArtifactRegistered":
            self._register(event)
        elif event.name in ACCESS_EVENTS:
            entry = self.entries[event.args["digest"]]
            accesses = {access.account: access for access in entry.accesses}
            take_access(accesses, event)
            self._change(event, accesses=tuple(accesses[account] for account in sorted(accesses)))
        elif event.name in _STATES:
            self._change_artifact(event, state=_STATES[event.name])
        if event.name in _DETAILS:
            _DETAILS[event.name](self, event)

    def _register(self, event: Event) -> None:
        args = event.args
        artifact = Artifact(
            digest=args["digest"],
            kind=ArtifactKind(args["kind"]),
            account=args["account"],
            cid=from_bytes(args["cid"]),
            licence=args["licence"],
            registered_at=event.timestamp,
            parents=tuple(args["parents"]),
            restricted=args["restricted"],
        )
        self.entries[artifact.digest] = ArtifactEntry(
            artifact=artifact, parents=artifact.parents, tx_hash=event.tx_hash
        )

    def _superseded(self, event: Event) -> None:
        self._change_artifact(event, superseded_by=event.args["by"])

    def _certified(self, event: Event) -> None:
        self._change_artifact(event, certified=True)

    def _frozen(self, event: Event) -> None:
        self._change(event, frozen_until=event.args["until"])

    def _unfrozen(self, event: Event) -> None:
        if event.args["digest"] in self.entries:
            self._change(event, frozen_until=0)

    def _taken_down(self, event: Event) -> None:
        self._change(
            event, report_cid=from_bytes(event.args["reportCid"]), descendants=tuple(event.args["descendants"])
        )

    def _change_artifact(self, event: Event, **changes: Any) -> None:
        entry = self.entries[event.args["digest"]]
        self._change(event, artifact=replace(entry.artifact, **changes))

    def _change(self, event: Event, **changes: Any) -> None:
        digest = event.args["digest"]
        self.entries[digest] = replace(self.entries[digest], **changes)


_STATES = {
    "ArtifactSuperseded": ArtifactState.SUPERSEDED,
    "ArtifactRevoked": ArtifactState.REVOKED,
    "ArtifactTakenDown": ArtifactState.TAKEN_DOWN,
}
_DETAILS: Mapping[str, Callable[[ArtifactFold, Event], None]] = {
    "ArtifactSuperseded": ArtifactFold._superseded,
    "ArtifactTakenDown": ArtifactFold._taken_down,
    "ArtifactFrozen": ArtifactFold._frozen,
    "ArtifactUnfrozen": ArtifactFold._unfrozen,
    "ReleaseCertified": ArtifactFold._certified,
}
