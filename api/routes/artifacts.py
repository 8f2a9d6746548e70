"""Registered artifacts."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, PageNumber
from api.schemas import ArtifactsPage
from api.views.artifacts import artifacts_page

router = APIRouter(tags=["artifacts"])


@router.get("/artifacts", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, page: PageNumber = 1) -> Response:
    return html("artifacts.html", "Artifacts", artifacts_page(desk, page))


@router.get("/api/artifacts")
def twin(desk: DeskDep, page: PageNumber = 1) -> ArtifactsPage:
    """All registered artifacts, newest first."""
    return artifacts_page(desk, page)
