"""Content by CID to a reader, a few at a time: each is held in memory until it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.content import Library
from api.errors import Refused, Unavailable
from node.errors import DaemonUnavailable
from node.records.content import Cid


class Downloads:
    """At most `num_at_once` contents of at most `max_bytes` each."""

    def __init__(self, *, max_bytes: int, num_at_once: int = 4, wait_seconds: float = 10.0) -> None:
        self._max_bytes = max_bytes
        self._places = threading.BoundedSemaphore(num_at_once)
        self._wait_seconds = wait_seconds

    def of(self, library: Library, cid: Cid) -> Response:
        """Raises Refused when all places stay taken or it is too large, Unavailable when the store does not answer."""
        if not self._places.acquire(timeout=self._wait_seconds):
            raise Refused(503, "busy", "Too many downloads are under way; try again in a moment, or ask an IPFS node.")
        try:
            return Download(cid, library.bytes_of(cid, max_bytes=self._max_bytes), self._places.release)
        except BaseException as error:
            self._places.release()
            if isinstance(error, DaemonUnavailable):
                raise Unavailable("content store (IPFS)", str(error), library.down_since) from error
            if isinstance(error, ValueError):
                raise Refused(413, "too-large", f"{error}; fetch {cid} from an IPFS node") from error
            raise


class Download(Response):
    """Bytes that hash to their CID; frees its place when sent, or when the reader is gone."""

    def __init__(self, cid: Cid, data: bytes, free: Callable[[], None]) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="{cid}"',
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": f'"{cid}"',
        }
        super().__init__(data, media_type="application/octet-stream", headers=headers)
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._free()
