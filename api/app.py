"""The app, put together: pure composition, so that tests hand in the local twins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from fastapi.templating import Jinja2Templates
from starlette.staticfiles import StaticFiles

from api import errors, render
from api.content import MIB, Library
from api.deps import Services
from api.downloads import Downloads
from api.guards import Compressed, Guard
from api.index.event_log import EventLog
from api.index.follower import Follower
from api.relay import Relay
from api.routes import ROUTERS
from node.ports import ContentStore, Ledger

DESCRIPTION = "Every page has a JSON twin with the same data. Everything can be checked from the chain and the CIDs."


def create_app(
    ledger: Ledger,
    store: ContentStore,
    *,
    reopen_store: Callable[[], ContentStore] | None = None,
    relay_ledger: Ledger | None = None,
    log: EventLog | None = None,
    first_block: int = 0,
    poll_seconds: float = 1.0,
    patience_seconds: float = 1.5,
    max_body_bytes: int = 256 * 1024,
    deadline_seconds: float = 60.0,
    max_download_bytes: int = 1024 * MIB,
) -> FastAPI:
    """`relay_ledger` pays for signed messages (None: no relay); `log` keeps the events (None: in memory);
    `poll_seconds` 0: nobody polls but who calls `app.state.services.follower.poll()`."""
    follower = Follower(ledger, log or EventLog(), first_block=first_block)
    library = Library(store, reopen=reopen_store)
    services = Services(
        ledger=ledger,
        library=library,
        follower=follower,
        relay=Relay(relay_ledger) if relay_ledger is not None else None,
        templates=Jinja2Templates(env=render.environment(money=ledger.pays_rewards())),
        patience_seconds=patience_seconds,
        downloads=Downloads(max_bytes=max_download_bytes),
    )

    app = FastAPI(
        title="Ten Wings",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(services, poll_seconds),
    )
    app.state.services = services
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_middleware(Compressed, minimum_size=1024)
    app.add_middleware(Guard, max_body_bytes=max_body_bytes, deadline_seconds=deadline_seconds)
    return app


def _lifespan(services: Services, poll_seconds: float) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Follow the chain while the app is served."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(services.follower.follow(poll_seconds)) if poll_seconds else None
        yield
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        services.library.close()

    return lifespan
