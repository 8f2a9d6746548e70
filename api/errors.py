"""What goes wrong, as answers for people and machines: never a traceback, always what was expected and since when."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.desk import NotFound
from api.schemas.answers import Problem
from node.errors import (
    ContentCorrupt,
    ContentUnavailable,
    DaemonUnavailable,
    LedgerError,
    LedgerRefused,
    SignatureInvalid,
)

LOG = logging.getLogger(__name__)

TITLES = {
    404: "Not here",
    405: "Not like this",
    409: "The chain said no",
    413: "Too much",
    422: "Not understood",
    429: "Too often",
    502: "Wrong bytes",
    503: "Not answering",
    504: "Too slow",
    500: "Our fault",
}


class Unavailable(Exception):
    """Something that we need does not answer."""

    def __init__(self, what: str, detail: str, since: float | None) -> None:
        self.what = what
        self.since = since
        super().__init__(f"The {what} does not answer: {detail}")


class Refused(Exception):
    """A request that we do not take, with its status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


def install(app: FastAPI) -> None:
    """Give every error its answer."""
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(LedgerRefused, _ledger_refused)
    app.add_exception_handler(LedgerError, _ledger_failed)
    app.add_exception_handler(DaemonUnavailable, _daemon)
    app.add_exception_handler(SignatureInvalid, _signature)
    app.add_exception_handler(ContentUnavailable, _content_unavailable)
    app.add_exception_handler(ContentCorrupt, _content_corrupt)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, status: int, problem: Problem) -> Response:
    """JSON under /api and for who asks for it, else a page."""
    headers = {"Retry-After": "5"} if status in (429, 503) else None
    if _wants_json(request):
        return JSONResponse(problem.model_dump(exclude_none=True), status_code=status, headers=headers)
    context = {"problem": problem, "title": TITLES.get(status, "Not possible"), "here": ""}
    templates = request.app.state.services.templates
    page: Response = templates.TemplateResponse(request, "problem.html", context, status_code=status, headers=headers)
    return page


def _wants_json(request: Request) -> bool:
    if request.url.path.startswith("/api/") or request.url.path == "/health":
        return True
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


async def _not_found(request: Request, error: Exception) -> Response:
    return answer(request, 404, Problem(error="not-found", message=str(error)))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == 404:
        message = f"There is no page at {request.url.path}."
    return answer(request, error.status_code, Problem(error=f"http-{error.status_code}", message=message))


async def _invalid(request: Request, error: Exception) -> Response:
    """A path that cannot exist is not found; a body or a query that cannot be read says what was expected."""
    assert isinstance(error, RequestValidationError)
    details = [(".".join(str(part) for part in item["loc"]), str(item["msg"])) for item in error.errors()]
    if all(where.startswith("path.") for where, _ in details):
        return answer(request, 404, Problem(error="not-found", message=f"There is no page at {request.url.path}."))
    message = "; ".join(f"{where}: {what}" for where, what in details)
    return answer(request, 422, Problem(error="invalid", message=message, details=dict(details)))


async def _unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    problem = Problem(error=f"{error.what}-unavailable", message=str(error), since=error.since)
    return answer(request, 503, problem)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(request, error.status, Problem(error=error.code, message=str(error)))


async def _ledger_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LedgerRefused)
    details: dict[str, Any] = {"rule": error.rule, **{key: _plain(value) for key, value in error.values.items()}}
    return answer(request, 409, Problem(error="chain-refused", message=str(error), details=details))


async def _ledger_failed(request: Request, error: Exception) -> Response:
    return answer(request, 502, Problem(error="chain-failed", message=str(error)))


async def _daemon(request: Request, error: Exception) -> Response:
    """Content has its own way to say so (Unavailable); what is left is the chain."""
    outage = request.app.state.services.follower.outage
    since = outage.since if outage else None
    problem = Problem(error="chain-unavailable", message=f"The chain does not answer: {error}", since=since)
    return answer(request, 503, problem)


async def _signature(request: Request, error: Exception) -> Response:
    return answer(request, 422, Problem(error="signature-invalid", message=str(error)))


async def _content_unavailable(request: Request, error: Exception) -> Response:
    return answer(request, 404, Problem(error="content-unavailable", message=str(error)))


async def _content_corrupt(request: Request, error: Exception) -> Response:
    return answer(request, 502, Problem(error="content-corrupt", message=str(error)))


async def _unexpected(request: Request, error: Exception) -> Response:
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, 500, Problem(error="internal", message="Something broke on our side; it is in the log."))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
