"""The guard in front of a SuperLink: strangers reach the fleet endpoint alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FLEET_PREFIX = "/v1/fleet/"
HEALTH_PATH = "/health"


class FleetOnly:
    """ASGI middleware: 403 for who is not on loopback, on anything but /v1/fleet/ and /health.

    Flower's Control and Runtime API have no authentication: whoever reaches them runs code on every node.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or may_pass(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


def may_pass(scope: Scope) -> bool:
    """Whether the guard lets this request through."""
    path = str(scope["path"])
    public = path == HEALTH_PATH or (path.startswith(FLEET_PREFIX) and ".." not in path)
    return (public and scope["type"] == "http") or _is_loopback(scope.get("client"))


def _is_loopback(client: tuple[str, int] | None) -> bool:
    if client is None:
        return False
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
