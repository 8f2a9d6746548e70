"""The charter as data: the text in force and its articles."""

from __future__ import annotations

from api.schemas.page import Model, Page


class ArticleRow(Model):
    """An article of the charter."""

    article: int
    title: str
    """Empty while the text is not at hand."""
    num_proposals: int


class CharterPage(Page):
    """The charter in force."""

    cid: str
    version: int
    set_at: int
    text: str | None
    """None: not at hand."""
    articles: list[ArticleRow]
