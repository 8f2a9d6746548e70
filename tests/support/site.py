"""The dashboard over a played history, asked without a network, and its pages taken apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

from api.app import create_app
from tests.support.history import History


class Site:
    """Answers requests as the served app does; nobody polls but `poll()`."""

    def __init__(self, history: History, **options: Any) -> None:
        self.history = history
        options = {"relay_ledger": history.ledger, "poll_seconds": 0, **options}
        self.app: FastAPI = create_app(options.pop("ledger", history.ledger), history.store, **options)
        self.poll()

    def poll(self) -> bool:
        """What the background task does once a second."""
        polled: bool = self.app.state.services.follower.poll()
        return polled

    def get(self, path: str, **options: Any) -> httpx.Response:
        """One GET."""
        return self.ask("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One POST of JSON."""
        return self.ask("POST", path, json=body, **options)

    def page(self, path: str) -> Page:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return Page(answer.text)

    def twin(self, path: str) -> Any:
        """The page's JSON twin, as the page links to it."""
        answer = self.get(self.page(path).link_named("This page as JSON"))
        assert answer.status_code == 200
        return answer.json()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://dashboard") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


class Page(HTMLParser):
    """A page's text, its attributes and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.links: list[tuple[str, str]] = []
        self._href: str | None = None
        self.feed(html)

    @property
    def text(self) -> str:
        """All that a reader can see, in one line."""
        return " ".join(" ".join(self.words).split())

    def shows(self, value: str) -> bool:
        """Whether `value` stands in the text, in a title or in a link."""
        return value in self.text or any(value in content for _, _, content in self.attributes)

    def link_named(self, text: str) -> str:
        """Where the link with this text leads."""
        return next(href for href, words in self.links if words == text)

    def tags(self, name: str) -> Iterator[str]:
        """The tags of this name, by their attributes' names."""
        return (attribute for tag, attribute, _ in self.attributes if tag == name)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, content or "") for name, content in attrs]
        if tag == "a":
            self._href = dict(attrs).get("href")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._href is not None:
            self.links.append((self._href, data.strip()))
