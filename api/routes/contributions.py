"""Contributions to a run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import MAX_UINT32, DeskDep, HtmlDep, PageNumber, RunId
from api.schemas.contributions import ContributionsPage
from api.views.contributions import contributions_page

router = APIRouter(tags=["contributions"])

OfRound = Annotated[int | None, Query(ge=1, le=MAX_UINT32, alias="round", description="Default: the head round.")]


@router.get("/runs/{run_id}/contributions", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, run_id: RunId, number: OfRound = None, page: PageNumber = 1) -> Response:
    return html("contributions.html", "Runs", contributions_page(desk, run_id, number, page))


@router.get("/api/runs/{run_id}/contributions")
def twin(desk: DeskDep, run_id: RunId, number: OfRound = None, page: PageNumber = 1) -> ContributionsPage:
    """A round's contributions tree, largest reward first."""
    return contributions_page(desk, run_id, number, page)
