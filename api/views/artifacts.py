"""Registered artifacts: datasets, checkpoints, codecs and what they were made from."""

from __future__ import annotations

from api.desk import Desk, paged
from api.schemas import ArtifactRow, ArtifactsPage


def artifacts_page(desk: Desk, page: int) -> ArtifactsPage:
    """All artifacts, newest first."""
    entries = sorted(desk.history.artifacts.values(), key=lambda entry: entry.artifact.registered_at, reverse=True)
    shown, page, num_pages = paged(entries, page)
    rows = [
        ArtifactRow(
            digest=entry.artifact.digest,
            kind=entry.artifact.kind.name.lower(),
            cid=entry.artifact.cid,
            licence=entry.artifact.licence,
            who=desk.who(entry.artifact.account),
            registered_at=entry.artifact.registered_at,
            parents=list(entry.parents),
        )
        for entry in shown
    ]
    return ArtifactsPage(artifacts=rows, page=page, num_pages=num_pages, **desk.page())
