"""Content by CID for the pages: fetched once, kept, never waited for longer than a page may take.

What a CID names never changes, so what was parsed once is kept (newest use last, up to a number of bytes). A fetch that
takes longer than the page's patience goes on in the background: the page says so, and the next one has it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, TypeVar

from node.errors import ContentCorrupt, ContentUnavailable, DaemonUnavailable
from node.ports import ContentStore
from node.records.content import Cid

T = TypeVar("T")
Parse = Callable[[bytes], T]

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Content that a page wanted and could not show."""

    cid: Cid
    reason: str
    """A sentence for the reader."""


class Library:
    """Parsed content of one store. Safe for many threads."""

    def __init__(
        self,
        store: ContentStore,
        *,
        reopen: Callable[[], ContentStore] | None = None,
        fetch_timeout_seconds: float = 10.0,
        retry_seconds: float = 10.0,
        max_object_bytes: int = 32 * MIB,
        max_kept_bytes: int = 256 * MIB,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`reopen` finds the store anew when it stopped answering: a restarted daemon may have moved."""
        self._store = store
        self._reopen = reopen
        self._fetch_timeout_seconds = fetch_timeout_seconds
        self._retry_seconds = retry_seconds
        self._max_object_bytes = max_object_bytes
        self._max_kept_bytes = max_kept_bytes
        self._now = now
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="content")
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Cid, Any], tuple[Any, int]] = OrderedDict()
        self._kept_bytes = 0
        self._fetches: dict[tuple[Cid, Any], Future[Any]] = {}
        self._failures: dict[tuple[Cid, Any], tuple[Missing, float]] = {}
        self._down_since: float | None = None
        self._num_fetched = 0

    @property
    def down_since(self) -> float | None:
        """Unix time since which the content store has not answered; None when it answered last time."""
        return self._down_since

    @property
    def num_fetched(self) -> int:
        """Grows with each object that came in: pages that lacked it are worth loading again."""
        return self._num_fetched

    def read(self, cid: Cid, parse: Parse[T], *, wait_seconds: float) -> T | Missing:
        """What `parse` makes of the content, or why it cannot be shown."""
        key = (cid, parse)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]  # type: ignore[no-any-return]
            failure = self._failures.get(key)
            if failure is not None and self._now() - failure[1] < self._retry_seconds:
                return failure[0]
            if key not in self._fetches:
                self._fetches[key] = self._pool.submit(self._fetch, cid, parse)
            fetch: Future[T | Missing] = self._fetches[key]
        try:
            return fetch.result(timeout=max(wait_seconds, 0.0))
        except FutureTimeout:
            return Missing(cid=cid, reason="It is still being fetched; this page will show it once it is here.")

    def start(self, cids: Iterable[Cid], parse: Parse[T]) -> None:
        """Begin to fetch, without waiting."""
        for cid in cids:
            self.read(cid, parse, wait_seconds=0.0)

    def bytes_of(self, cid: Cid, *, max_bytes: int) -> bytes:
        """The content itself, checked against its CID, not kept. Raises what the store raises."""
        try:
            data = self._get(cid, max_bytes)
        except DaemonUnavailable:
            if self._down_since is None:
                self._down_since = self._now()
            raise
        self._down_since = None
        return data

    def close(self) -> None:
        """Stop fetching."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _get(self, cid: Cid, max_bytes: int) -> bytes:
        try:
            return self._store.get(cid, timeout_seconds=self._fetch_timeout_seconds, max_bytes=max_bytes)
        except DaemonUnavailable:
            if self._reopen is None:
                raise
            self._store = self._reopen()
            return self._store.get(cid, timeout_seconds=self._fetch_timeout_seconds, max_bytes=max_bytes)

    def _fetch(self, cid: Cid, parse: Parse[T]) -> T | Missing:
        key = (cid, parse)
        try:
            data = self.bytes_of(cid, max_bytes=self._max_object_bytes)
            found, size = parse(data), len(data)
        except (ContentUnavailable, ContentCorrupt, DaemonUnavailable, ValueError) as error:
            missing = Missing(cid=cid, reason=_reason(error))
            with self._lock:
                self._failures[key] = (missing, self._now())
            return missing
        else:
            with self._lock:
                self._failures.pop(key, None)
                self._keep(key, found, size)
            return found
        finally:
            with self._lock:
                self._fetches.pop(key, None)

    def _keep(self, key: tuple[Cid, Any], found: Any, size: int) -> None:
        self._kept[key] = (found, size)
        self._kept_bytes += size
        self._num_fetched += 1
        while self._kept_bytes > self._max_kept_bytes and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1][1]


def _reason(error: Exception) -> str:
    if isinstance(error, ContentUnavailable):
        return "No node that we are connected to serves it."
    if isinstance(error, ContentCorrupt):
        return "Bytes came that do not hash to this CID; they were thrown away."
    if isinstance(error, DaemonUnavailable):
        return "Our content store (IPFS) does not answer."
    return f"It is not what it should be: {error}"


class Reader:
    """One page's reading: all its fetches together wait no longer than `patience_seconds`."""

    def __init__(self, library: Library, *, patience_seconds: float = 1.5) -> None:
        self._library = library
        self._deadline = time.monotonic() + patience_seconds
        self._missing: dict[Cid, Missing] = {}

    @property
    def missing(self) -> list[Missing]:
        """What could not be read, once each."""
        return list(self._missing.values())

    def read(self, cid: Cid, parse: Parse[T]) -> T | None:
        """None when it is missing; `missing` then says why."""
        found = self._library.read(cid, parse, wait_seconds=self._deadline - time.monotonic())
        if isinstance(found, Missing):
            self._missing[cid] = found
            return None
        return found

    def read_all(self, cids: Iterable[Cid], parse: Parse[T]) -> dict[Cid, T]:
        """Those that are there, fetched at the same time."""
        wanted = list(cids)
        self._library.start(wanted, parse)
        found = {cid: self.read(cid, parse) for cid in wanted}
        return {cid: item for cid, item in found.items() if item is not None}
