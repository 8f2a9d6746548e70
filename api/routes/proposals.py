"""Proposals and their votes."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.deps import DeskDep, HtmlDep, PageNumber, ProposalId, ServicesDep
from api.schemas.proposals import ProposalPage, ProposalsPage
from api.views.proposals import proposal_page, proposals_page

router = APIRouter(tags=["proposals"])


@router.get("/proposals", response_class=HTMLResponse, include_in_schema=False)
def list_page(desk: DeskDep, html: HtmlDep, page: PageNumber = 1) -> Response:
    return html("proposals.html", "Proposals", proposals_page(desk, page))


@router.get("/api/proposals")
def list_twin(desk: DeskDep, page: PageNumber = 1) -> ProposalsPage:
    """All proposals with their tallies, newest first."""
    return proposals_page(desk, page)


@router.get("/proposals/{proposal_id}", response_class=HTMLResponse, include_in_schema=False)
def page(desk: DeskDep, html: HtmlDep, services: ServicesDep, proposal_id: ProposalId) -> Response:
    return html("proposal.html", "Proposals", proposal_page(desk, services.ledger, int(proposal_id)))


@router.get("/api/proposals/{proposal_id}")
def twin(desk: DeskDep, services: ServicesDep, proposal_id: ProposalId) -> ProposalPage:
    """One proposal: decoded effect, spec diff, tally and ballots."""
    return proposal_page(desk, services.ledger, int(proposal_id))
