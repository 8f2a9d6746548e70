"""Checkpoints of a run."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, PageNumber, RunId
from api.schemas.checkpoints import CheckpointsPage
from api.views.checkpoints import checkpoints_page

router = APIRouter(tags=["checkpoints"])


@router.get("/runs/{run_id}/checkpoints", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, run_id: RunId, page: PageNumber = 1) -> Response:
    return html("checkpoints.html", "Runs", checkpoints_page(desk, run_id, page))


@router.get("/api/runs/{run_id}/checkpoints")
def twin(desk: DeskDep, run_id: RunId, page: PageNumber = 1) -> CheckpointsPage:
    """Checkpoints with their downloads, newest first."""
    return checkpoints_page(desk, run_id, page)
