"""Runs."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, RunId
from api.schemas.runs import RunPage, RunsPage
from api.views.runs import run_page, runs_page

router = APIRouter(tags=["runs"])


@router.get("/runs", response_class=HTMLResponse, include_in_schema=False)
def list_page(desk: DeskDep, html: HtmlDep) -> Response:
    return html("runs.html", "Runs", runs_page(desk))


@router.get("/api/runs")
def list_twin(desk: DeskDep) -> RunsPage:
    """All runs, newest first."""
    return runs_page(desk)


@router.get("/runs/{run_id}", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, run_id: RunId) -> Response:
    return html("run.html", "Runs", run_page(desk, run_id))


@router.get("/api/runs/{run_id}")
def twin(desk: DeskDep, run_id: RunId) -> RunPage:
    """One run: its parameters, spec versions, spec and loss."""
    return run_page(desk, run_id)
