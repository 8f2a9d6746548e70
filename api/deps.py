"""What routes ask for, by name: the services of the app and one request's desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from api.content import Library, Reader
from api.desk import Desk
from api.downloads import Downloads
from api.errors import Unavailable
from api.index.follower import Follower, View
from api.relay import Relay
from api.schemas.page import Page
from node.ports import Ledger

MAX_UINT32 = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Services:
    """All that the app is composed of."""

    ledger: Ledger
    library: Library
    follower: Follower
    relay: Relay | None
    templates: Jinja2Templates
    patience_seconds: float
    """How long one page waits for content."""
    downloads: Downloads


def services_of(request: Request) -> Services:
    """What `create_app` put together."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


def view_of(services: ServicesDep) -> View:
    """Raises Unavailable until the chain answered for the first time."""
    view = services.follower.view
    if view is None:
        outage = services.follower.outage
        raise Unavailable(
            outage.what if outage else "index",
            outage.detail if outage else "the index is being built; try again in a moment",
            outage.since if outage else None,
        )
    return view


def desk_of(services: ServicesDep, view: ViewDep) -> Desk:
    """One request's desk."""
    reader = Reader(services.library, patience_seconds=services.patience_seconds)
    return Desk(view, reader, services.follower.outage)


def html_of(request: Request, services: ServicesDep) -> Html:
    """Renders a page's data; the JSON twin lies at the same address under /api."""

    def render(template: str, here: str, data: Page) -> Response:
        view = services.follower.view
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.url.path.rstrip("/") or "/overview"
        context = {"data": data, "here": here, "twin": f"/api{path}{query}", "token_now": token(services, view)}
        return services.templates.TemplateResponse(request, template, context)

    return render


def token(services: Services, view: View | None) -> str:
    """Changes when pages would show something else."""
    return f"{view.version if view else ''}.{services.library.num_fetched}"


Html = Callable[[str, str, Page], Response]
ServicesDep = Annotated[Services, Depends(services_of)]
ViewDep = Annotated[View, Depends(view_of)]
DeskDep = Annotated[Desk, Depends(desk_of)]
HtmlDep = Annotated[Html, Depends(html_of)]

RunId = Annotated[int, Path(ge=0, le=MAX_UINT32, description="Run id, from 1.")]
RoundNumber = Annotated[int, Path(ge=0, le=MAX_UINT32, description="Round, from 1.")]
ProposalId = Annotated[str, Path(pattern=r"^[0-9]{1,78}$", description="Proposal id, decimal.")]
CaseId = Annotated[int, Path(ge=0, le=MAX_UINT32, description="Case id, from 1; or member id.")]
Digest = Annotated[str, Path(pattern=r"^0x[0-9a-f]{64}$", description="Digest of an artifact, 0x hex.")]
PageNumber = Annotated[int, Query(ge=1, le=MAX_UINT32, alias="page", description="Page of the list, from 1.")]
CidText = Annotated[str, Path(min_length=59, max_length=59, description="CIDv1 in base32.")]
