"""What stands before every route: a cap on bodies, a deadline on requests, and headers that browsers obey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware. Answers 413 beyond `max_body_bytes` and 504 after `deadline_seconds` without a first byte."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, deadline_seconds: float) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._too_large = f"Expected a body of at most {max_body_bytes} bytes; send less."
        self._deadline_seconds = deadline_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deadline = asyncio.timeout(self._deadline_seconds)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                deadline.reschedule(None)  # a download may take its reader as long as it needs
                _add_headers(message)
            await send(message)

        if _declared_bytes(scope) > self._max_body_bytes:
            await _problem(send, 413, "http-413", self._too_large)
            return
        try:
            async with deadline:
                await self._app(scope, self._capped(receive), send_guarded)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"No answer within {self._deadline_seconds:g} s; try again later."
            await _problem(send, 504, "too-slow", message)

    def _capped(self, receive: Receive) -> Receive:
        seen = 0

        async def receive_capped() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body_bytes:
                raise HTTPException(413, self._too_large)
            return message

        return receive_capped


class Compressed(GZipMiddleware):
    """Pages and JSON compressed; content by CID as it is, since weights and videos do not shrink."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "/ipfs/" in scope["path"]:
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _add_headers(message: MutableMapping[str, Any]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *((n.encode(), v.encode()) for n, v in SECURITY_HEADERS.items() if n.encode() not in present),
    ]


async def _problem(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    _add_headers(start)
    await send(start)
    await send({"type": "http.response.body", "body": body})
