"""Incidents."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import CaseId, DeskDep, HtmlDep, PageNumber
from api.schemas.incidents import IncidentPage, IncidentsPage
from api.views.incidents import incident_page, incidents_page

router = APIRouter(tags=["incidents"])


@router.get("/incidents", response_class=HTMLResponse, include_in_schema=False)
def list_page(desk: DeskDep, html: HtmlDep, page: PageNumber = 1) -> Response:
    return html("incidents.html", "Incidents", incidents_page(desk, page))


@router.get("/api/incidents")
def list_twin(desk: DeskDep, page: PageNumber = 1) -> IncidentsPage:
    """All cases, newest first."""
    return incidents_page(desk, page)


@router.get("/incidents/{case_id}", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, case_id: CaseId) -> Response:
    return html("incident.html", "Incidents", incident_page(desk, case_id))


@router.get("/api/incidents/{case_id}")
def twin(desk: DeskDep, case_id: CaseId) -> IncidentPage:
    """One case: reported, contained, decided, learned."""
    return incident_page(desk, case_id)
