"""Incidents: all cases, and one with what was contained, decided and learned."""

from __future__ import annotations

from api.desk import Desk, NotFound, paged
from api.schemas.incidents import ContainmentRow, IncidentPage, IncidentRow, IncidentsPage
from api.schemas.page import Who
from node.incidents import SEVERITIES, Case


def incidents_page(desk: Desk, page: int) -> IncidentsPage:
    """All cases, newest first."""
    cases = sorted(desk.history.cases.values(), key=lambda case: case.case_id, reverse=True)
    shown, page, num_pages = paged(cases, page)
    return IncidentsPage(incidents=[_row(desk, c) for c in shown], page=page, num_pages=num_pages, **desk.page())


def incident_page(desk: Desk, case_id: int) -> IncidentPage:
    """Raises NotFound."""
    case = desk.history.cases.get(case_id)
    if case is None:
        raise NotFound(f"There is no case {case_id}; the list of incidents has all of them.")
    return IncidentPage(
        incident=_row(desk, case),
        evidence_cid=case.evidence_cid,
        bond=case.bond,
        slashed=case.slashed,
        reward=case.reward,
        decided_at=case.decided_at,
        contained=[
            ContainmentRow(target=c.target.name.lower(), until=c.until, responder=desk.who(c.responder))
            for c in case.contained
        ],
        post_mortem_cid=case.post_mortem_cid,
        **desk.page(),
    )


def _row(desk: Desk, case: Case) -> IncidentRow:
    return IncidentRow(
        case_id=case.case_id,
        kind=case.kind.name.lower().replace("_", " "),
        severity=next(word for word, number in SEVERITIES.items() if number == case.severity),
        state="overdue" if case.overdue(desk.view.block.timestamp) else case.status.name.lower(),
        reporter=_member(desk, case.reporter_id),
        accused=_member(desk, case.accused_id) if case.accused_id else None,
        run_id=case.run_id,
        round=case.round,
        artifact=case.artifact,
        reported_at=case.reported_at,
        deadline=case.deadline,
        closed=case.post_mortem_cid is not None,
    )


def _member(desk: Desk, member_id: int) -> Who:
    member = desk.history.members[member_id]
    return Who(account=member.account, member_id=member_id, name=member.name)
