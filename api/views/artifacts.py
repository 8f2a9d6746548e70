"""Registered artifacts: datasets, checkpoints, codecs and what they were made from; one artifact with its kin."""

from __future__ import annotations

import json
from collections.abc import Iterator

from api.desk import Desk, NotFound, paged
from api.index.entries import ArtifactEntry
from api.schemas.artifacts import AccessRow, ArtifactPage, ArtifactRow, ArtifactsPage, KinRow
from node.cid import digest as digest_of
from node.descent import frozen_parts, reachable
from node.records.artifacts import AccessEntry, ArtifactState


def artifacts_page(desk: Desk, page: int) -> ArtifactsPage:
    """All artifacts, newest first."""
    entries = sorted(desk.history.artifacts.values(), key=lambda entry: entry.artifact.registered_at, reverse=True)
    shown, page, num_pages = paged(entries, page)
    return ArtifactsPage(artifacts=[_row(desk, e) for e in shown], page=page, num_pages=num_pages, **desk.page())


def artifact_page(desk: Desk, digest: bytes) -> ArtifactPage:
    """Raises NotFound."""
    entry = desk.history.artifacts.get(digest)
    if entry is None:
        raise NotFound(f"There is no artifact 0x{digest.hex()}; the list of artifacts has all of them.")
    return ArtifactPage(
        artifact=_row(desk, entry),
        frozen_until=entry.frozen_until if entry.state_at(_now(desk)) == ArtifactState.FROZEN else 0,
        superseded_by=entry.artifact.superseded_by,
        report_cid=entry.report_cid,
        parents=[_kin(desk, parent) for parent in entry.parents],
        descendants=[_kin(desk, child) for _, child in reachable(_links(desk), digest)],
        accesses=[_access(desk, access) for access in entry.accesses],
        **desk.page(),
    )


def state_word(state: ArtifactState) -> str:
    """For people."""
    return state.name.lower().replace("_", " ")


def _row(desk: Desk, entry: ArtifactEntry) -> ArtifactRow:
    artifact = entry.artifact
    return ArtifactRow(
        digest=artifact.digest,
        kind=artifact.kind.name.lower(),
        cid=artifact.cid,
        licence=artifact.licence,
        who=desk.who(artifact.account),
        registered_at=artifact.registered_at,
        parents=list(entry.parents),
        state=state_word(entry.state_at(_now(desk))),
        restricted=artifact.restricted,
        certified=artifact.certified,
    )


def _access(desk: Desk, access: AccessEntry) -> AccessRow:
    return AccessRow(
        who=desk.who(access.account),
        access=access.access.name.lower(),
        purpose=access.purpose,
        encryption_key=access.encryption_key,
        changed_at=access.changed_at,
    )


def _kin(desk: Desk, digest: bytes) -> KinRow:
    entry = desk.history.artifacts.get(digest)
    if entry is not None:
        state = state_word(entry.state_at(_now(desk)))
        return KinRow(digest=digest, cid=entry.artifact.cid, what=entry.artifact.kind.name.lower(), state=state)
    for run in desk.history.runs.values():
        for number, round_entry in run.rounds.items():
            cid = round_entry.commit.checkpoint_cid
            if digest_of(cid) == digest:
                what = f"checkpoint of run {run.run_id}, round {number}"
                what += ", voided" if number in run.voided else ""
                return KinRow(digest=digest, cid=cid, what=what, state="not registered")
    return KinRow(digest=digest, cid=None, what="unknown", state="not registered")


def _links(desk: Desk) -> Iterator[tuple[bytes, bytes]]:
    """From a parent to what was made of it: by the registry, the runs' rounds and the frozen parts that specs name."""
    for entry in desk.history.artifacts.values():
        for parent in entry.parents:
            yield parent, entry.artifact.digest
    for run in desk.history.runs.values():
        specs = {digest_of(spec.cid): spec.cid for spec in run.specs}
        parts = desk.reader.read_all(specs.values(), parse_parts)
        for round_entry in run.rounds.values():
            commit = round_entry.commit
            child = digest_of(commit.checkpoint_cid)
            yield commit.dataset_digest, child
            yield commit.parent_digest, child
            for part in parts.get(specs[commit.spec_digest], []):
                yield part, child


def parse_parts(data: bytes) -> list[bytes]:
    """Digests of the frozen parts that a spec names. Raises ValueError when `data` is no spec."""
    spec = json.loads(data)
    if not isinstance(spec, dict):
        raise ValueError(f"expected a spec (a JSON object), got {data[:40]!r}")
    return frozen_parts(spec)


def _now(desk: Desk) -> int:
    return desk.view.block.timestamp
