"""Answers that are no page: a problem, health, a head, what the relay brought to the chain."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.page import AsOf, Model


class Problem(Model):
    """What went wrong, for the reader."""

    error: str
    """A code: "not-found", "chain-unavailable", "chain-refused", ..."""
    message: str
    since: float | None = None
    """Unix time in seconds since which something does not answer."""
    details: dict[str, Any] = Field(default={})


class Health(Model):
    """Which of our parts answer."""

    ok: bool
    chain: str
    index: str
    content: str
    block: int | None


class Head(Model):
    """A cheap question: is a page worth loading again?"""

    token: str
    as_of: AsOf


class Accepted(Model):
    """What the relay brought to the chain."""

    what: str
    id: str
    """Member id, artifact digest, proposal id, counted weight or transaction hash."""
