"""Members."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, PageNumber
from api.schemas.members import MembersPage
from api.views.members import members_page

router = APIRouter(tags=["members"])


@router.get("/members", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, page: PageNumber = 1) -> Response:
    return html("members.html", "Members", members_page(desk, page))


@router.get("/api/members")
def twin(desk: DeskDep, page: PageNumber = 1) -> MembersPage:
    """All members: roles, merit, voting weight, rewards earned and claimed."""
    return members_page(desk, page)
