"""Incidents as data: all cases, and one with what was contained and decided."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page, Who


class ContainmentRow(Model):
    """One thing that a responder stopped for a while."""

    target: str
    until: int
    responder: Who


class IncidentRow(Model):
    """A case in a list."""

    case_id: int
    kind: str
    severity: str
    state: str
    """"open", "overdue", "upheld", "dismissed", "malicious" or "lapsed"."""
    reporter: Who
    accused: Who | None
    run_id: int
    """0: none."""
    round: int
    """The disputed round; 0 for other kinds."""
    artifact: Hex | None
    reported_at: int
    deadline: int
    closed: bool


class IncidentsPage(Page):
    """All cases, newest first."""

    incidents: list[IncidentRow]
    page: int
    num_pages: int


class IncidentPage(Page):
    """One case: what was reported, contained, decided and learned."""

    incident: IncidentRow
    evidence_cid: str
    bond: Big
    slashed: Big
    reward: Big
    decided_at: int
    contained: list[ContainmentRow]
    post_mortem_cid: str | None
