"""What was made from an artifact: the registry's parents and the runs' rounds, walked alike.

A run's rounds lead from its dataset and from each checkpoint to the next one, whether or not anybody registered these.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node import cid as cids
from node.ports import Ledger
from node.records import Artifact, Cid, RoundStatus


@dataclass(frozen=True, kw_only=True)
class Descendant:
    """One thing made from the artifact that was asked about."""

    digest: bytes
    cid: Cid
    what: str
    """E.g. "video" or "checkpoint of run 1, round 3"."""
    parent: bytes
    """What it was made from, one step up."""
    artifact: Artifact | None
    """None where nobody registered it."""


@dataclass(frozen=True, kw_only=True)
class _Edge:
    parent: bytes
    child: bytes
    cid: Cid
    what: str


def descendants(ledger: Ledger, digest: bytes) -> list[Descendant]:
    """Everything made from `digest`, parents before children, each once."""
    artifacts = {artifact.digest: artifact for artifact in ledger.artifacts()}
    children: dict[bytes, list[_Edge]] = {}
    for edge in [*_registered(artifacts), *_trained(ledger)]:
        children.setdefault(edge.parent, []).append(edge)
    found: dict[bytes, Descendant] = {}
    waiting = deque(children.get(digest, []))
    while waiting:
        edge = waiting.popleft()
        if edge.child in found or edge.child == digest:
            continue
        found[edge.child] = Descendant(
            digest=edge.child, cid=edge.cid, what=edge.what, parent=edge.parent, artifact=artifacts.get(edge.child)
        )
        waiting.extend(children.get(edge.child, []))
    return list(found.values())


def provable(ledger: Ledger, digest: bytes) -> list[tuple[bytes, int]]:
    """The descendants that the registry itself can check, as `takeDown` takes them: (digest, place of a parent in this
    list + 1, or 0 for the artifact itself)."""
    listed: list[tuple[bytes, int]] = []
    places = {digest: 0}
    for artifact in ledger.artifacts():  # parents are registered before their children
        known = [places[parent] for parent in artifact.parents if parent in places]
        if known and artifact.digest not in places:
            listed.append((artifact.digest, known[0]))
            places[artifact.digest] = len(listed)
    return listed


def _registered(artifacts: Mapping[bytes, Artifact]) -> list[_Edge]:
    return [
        _Edge(parent=parent, child=artifact.digest, cid=artifact.cid, what=artifact.kind.name.lower())
        for artifact in artifacts.values()
        for parent in artifact.parents
    ]


def _trained(ledger: Ledger) -> list[_Edge]:
    return [edge for run_id in range(1, ledger.num_runs() + 1) for edge in _of_run(ledger, run_id)]


def _of_run(ledger: Ledger, run_id: int) -> Sequence[_Edge]:
    """Voided rounds among them: what they made exists, though it counts no more."""
    edges = []
    for state in ledger.rounds(run_id):
        commit = state.commit
        child, what = cids.digest(commit.checkpoint_cid), f"checkpoint of run {run_id}, round {commit.round}"
        if state.status == RoundStatus.VOIDED:
            what += ", voided"
        for parent in (commit.dataset_digest, commit.parent_digest):
            edges.append(_Edge(parent=parent, child=child, cid=commit.checkpoint_cid, what=what))
    return edges
