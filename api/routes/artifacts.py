"""Registered artifacts, and one of them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, Digest, HtmlDep, PageNumber
from api.schemas.artifacts import ArtifactPage, ArtifactsPage
from api.views.artifacts import artifact_page, artifacts_page

router = APIRouter(tags=["artifacts"])


@router.get("/artifacts", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, page: PageNumber = 1) -> Response:
    return html("artifacts.html", "Artifacts", artifacts_page(desk, page))


@router.get("/api/artifacts")
def twin(desk: DeskDep, page: PageNumber = 1) -> ArtifactsPage:
    """All registered artifacts, newest first."""
    return artifacts_page(desk, page)


@router.get("/artifacts/{digest}", response_class=HTMLResponse, include_in_schema=False)
def one_page(desk: DeskDep, html: HtmlDep, digest: Digest) -> Response:
    return html("artifact.html", "Artifacts", artifact_page(desk, bytes.fromhex(digest[2:])))


@router.get("/api/artifacts/{digest}")
def one_twin(desk: DeskDep, digest: Digest) -> ArtifactPage:
    """One artifact: state, kin, and who asked for access to it."""
    return artifact_page(desk, bytes.fromhex(digest[2:]))
