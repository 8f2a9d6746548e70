"""Artifacts as data: the list, and one with its kin and who may read it."""

from __future__ import annotations

from api.schemas.page import Hex, Model, Page, Who


class ArtifactRow(Model):
    """A registered artifact."""

    digest: Hex
    kind: str
    cid: str
    licence: str
    who: Who
    registered_at: int
    parents: list[Hex]
    state: str
    restricted: bool
    certified: bool


class ArtifactsPage(Page):
    """All artifacts, newest first."""

    artifacts: list[ArtifactRow]
    page: int
    num_pages: int


class AccessRow(Model):
    """One member's access to a restricted dataset."""

    who: Who
    access: str
    """"requested" or "granted"."""
    purpose: str
    encryption_key: Hex
    changed_at: int


class KinRow(Model):
    """An artifact or a checkpoint that this one was made from, or that was made from it."""

    digest: Hex
    cid: str | None
    what: str
    state: str


class ArtifactPage(Page):
    """One artifact: its state, what it was made from and what was made from it, who may read it."""

    artifact: ArtifactRow
    frozen_until: int
    superseded_by: Hex | None
    report_cid: str | None
    parents: list[KinRow]
    descendants: list[KinRow]
    accesses: list[AccessRow]
