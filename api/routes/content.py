"""Content by CID: only what the chain, a round's record or a proposal names, and only bytes that hash to it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api.deps import CidText, DeskDep, ProposalId, RoundNumber, RunId, ServicesDep
from api.desk import NotFound
from api.views.proposals import specs_of_proposal
from api.views.rounds import content_of_round
from node.cid import parse
from node.records.content import Cid

router = APIRouter(tags=["content"])


@router.get("/ipfs/{cid}", response_class=Response)
def named_by_chain(services: ServicesDep, desk: DeskDep, cid: CidText) -> Response:
    """Checkpoints, specs, records, datasets and merit trees that events name."""
    known = _parsed(cid)
    if not desk.history.names_cid(known):
        raise NotFound(f"The chain does not name {cid}; this server is no general gateway.")
    return services.downloads.of(services.library, known)


@router.get("/runs/{run_id}/rounds/{number}/ipfs/{cid}", response_class=Response)
def named_by_round(services: ServicesDep, desk: DeskDep, run_id: RunId, number: RoundNumber, cid: CidText) -> Response:
    """Updates, score sheets and trees that a round's record names."""
    known = _parsed(cid)
    if known not in content_of_round(desk, run_id, number):
        raise NotFound(f"Round {number} of run {run_id} does not name {cid}.")
    return services.downloads.of(services.library, known)


@router.get("/proposals/{proposal_id}/ipfs/{cid}", response_class=Response)
def named_by_proposal(services: ServicesDep, desk: DeskDep, proposal_id: ProposalId, cid: CidText) -> Response:
    """A spec that a proposal names."""
    known = _parsed(cid)
    if known not in specs_of_proposal(desk, services.ledger, int(proposal_id)):
        raise NotFound(f"Proposal {proposal_id} does not name {cid}.")
    return services.downloads.of(services.library, known)


def _parsed(text: str) -> Cid:
    try:
        return parse(text)
    except ValueError as error:
        raise NotFound(str(error)) from error
