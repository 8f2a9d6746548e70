"""The first screen."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep
from api.schemas.overview import OverviewPage
from api.views.overview import overview

router = APIRouter(tags=["overview"])


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep) -> Response:
    return html("overview.html", "Overview", overview(desk))


@router.get("/api/overview")
def twin(desk: DeskDep) -> OverviewPage:
    """Head checkpoint, last round, open votes, top contributions and the loss so far."""
    return overview(desk)
