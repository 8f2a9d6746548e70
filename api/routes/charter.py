"""The charter."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep
from api.schemas.charter import CharterPage
from api.views.charter import charter_page

router = APIRouter(tags=["charter"])


@router.get("/charter", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep) -> Response:
    return html("charter.html", "Proposals", charter_page(desk))


@router.get("/api/charter")
def twin(desk: DeskDep) -> CharterPage:
    """The charter in force and how many proposals serve each article."""
    return charter_page(desk)
