"""Is it well, and has it moved?"""

from __future__ import annotations

import time

from fastapi import APIRouter, Response

from api.deps import DeskDep, Services, ServicesDep, token
from api.desk import STALE_AFTER_SECONDS, duration
from api.schemas.answers import Head, Health

router = APIRouter(tags=["health"])


@router.get("/health", responses={503: {"model": Health}})
def health(services: ServicesDep, response: Response) -> Health:
    """200 when chain and index answer, else 503 that says which does not and since when."""
    answered = health_of(services, time.time())
    response.status_code = 200 if answered.ok else 503
    return answered


@router.get("/api/head")
def head(services: ServicesDep, desk: DeskDep) -> Head:
    """A cheap question: the token changes when pages would show something else."""
    return Head(token=token(services, desk.view), as_of=desk.as_of())


def health_of(services: Services, now: float) -> Health:
    """Each part as "ok" or in words."""
    view, outage = services.follower.view, services.follower.outage
    words = {"chain": "ok", "index": "ok"}
    if outage is not None:
        words[outage.what] = f"has not answered for {duration(now - outage.since)}: {outage.detail}"
    elif view is None:
        words["index"] = "is being built"
    elif now - view.polled_at > STALE_AFTER_SECONDS:
        words["index"] = f"has not moved for {duration(now - view.polled_at)}"
    down = services.library.down_since
    return Health(
        ok=words == {"chain": "ok", "index": "ok"},
        content="ok" if down is None else f"has not answered for {duration(now - down)}",
        block=view.block.number if view else None,
        **words,
    )
