"""What was made from an artifact: the registry's parents and the runs' rounds, walked alike.

A run's rounds lead from its dataset, from the frozen codec and text encoder that its spec names, and from each
checkpoint to the next one, whether or not anybody registered these.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node import cid as cids
from node.ports import ContentStore, Ledger
from node.records.artifacts import Artifact
from node.records.content import Cid
from node.records.rounds import RoundStatus

FROZEN_PARTS = ("codec", "text")
"""Settings of a spec's section `model` that may hold a CID."""


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
class _Made:
    digest: bytes
    cid: Cid
    what: str
    parents: tuple[bytes, ...]


def descendants(ledger: Ledger, store: ContentStore, digest: bytes) -> list[Descendant]:
    """Everything made from `digest`, parents before children, each once. Raises what `store.get` raises for a spec that
    cannot be fetched: a list that may lack something is none."""
    artifacts = {artifact.digest: artifact for artifact in ledger.artifacts()}
    things = [*_trained(ledger, store), *_registered(artifacts.values())]
    made = {thing.digest: thing for thing in things}
    return [
        Descendant(
            digest=child, cid=made[child].cid, what=made[child].what, parent=parent, artifact=artifacts.get(child)
        )
        for parent, child in reachable(((p, thing.digest) for thing in things for p in thing.parents), digest)
    ]


def reachable(links: Iterable[tuple[bytes, bytes]], digest: bytes) -> list[tuple[bytes, bytes]]:
    """Of (parent, child) links those by which each descendant of `digest` is reached first, nearest first."""
    children: dict[bytes, list[bytes]] = {}
    for parent, child in links:
        children.setdefault(parent, []).append(child)
    found: dict[bytes, bytes] = {}
    waiting = deque([digest])
    while waiting:
        parent = waiting.popleft()
        for child in children.get(parent, []):
            if child not in found and child != digest:
                found[child] = parent
                waiting.append(child)
    return [(parent, child) for child, parent in found.items()]


def frozen_parts(spec: Mapping[str, Any]) -> list[bytes]:
    """Digests of the files that a run's spec names in its section `model`."""
    section = spec.get("model")
    named = [section.get(name) for name in FROZEN_PARTS] if isinstance(section, Mapping) else []
    return [cids.digest(cids.parse(text)) for text in named if isinstance(text, str) and text]


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


def _registered(artifacts: Iterable[Artifact]) -> Iterator[_Made]:
    for artifact in artifacts:
        kind = artifact.kind.name.lower()
        yield _Made(digest=artifact.digest, cid=artifact.cid, what=kind, parents=artifact.parents)


def _trained(ledger: Ledger, store: ContentStore) -> Iterator[_Made]:
    """Voided rounds among them: what they made exists, though it counts no more."""
    for run_id in range(1, ledger.num_runs() + 1):
        parts: dict[bytes, list[bytes]] = {}
        for state in ledger.rounds(run_id):
            commit = state.commit
            if commit.spec_digest not in parts:
                spec = json.loads(store.get(cids.of_digest(commit.spec_digest, dag_pb=False)))
                parts[commit.spec_digest] = frozen_parts(spec)
            what = f"checkpoint of run {run_id}, round {commit.round}"
            yield _Made(
                digest=cids.digest(commit.checkpoint_cid),
                cid=commit.checkpoint_cid,
                what=what + (", voided" if state.status == RoundStatus.VOIDED else ""),
                parents=(commit.dataset_digest, commit.parent_digest, *parts[commit.spec_digest]),
            )
