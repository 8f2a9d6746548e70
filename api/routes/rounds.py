"""Rounds of a run."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, PageNumber, RoundNumber, RunId
from api.schemas.rounds import RoundPage, RoundsPage
from api.views.rounds import round_page, rounds_page

router = APIRouter(tags=["rounds"])


@router.get("/runs/{run_id}/rounds", response_class=HTMLResponse, include_in_schema=False)
def list_page(desk: DeskDep, html: HtmlDep, run_id: RunId, page: PageNumber = 1) -> Response:
    return html("rounds.html", "Runs", rounds_page(desk, run_id, page))


@router.get("/api/runs/{run_id}/rounds")
def list_twin(desk: DeskDep, run_id: RunId, page: PageNumber = 1) -> RoundsPage:
    """Rounds and failed attempts, newest first."""
    return rounds_page(desk, run_id, page)


@router.get("/runs/{run_id}/rounds/{number}", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, run_id: RunId, number: RoundNumber) -> Response:
    return html("round.html", "Runs", round_page(desk, run_id, number))


@router.get("/api/runs/{run_id}/rounds/{number}")
def twin(desk: DeskDep, run_id: RunId, number: RoundNumber) -> RoundPage:
    """One round: receipts, refusals with their reasons, score sheets and medians, times."""
    return round_page(desk, run_id, number)
