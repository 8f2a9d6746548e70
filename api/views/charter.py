"""The charter: the text in force, its articles, and how many proposals serve each."""

from __future__ import annotations

from collections import Counter

from api.desk import Desk, NotFound
from api.schemas.charter import ArticleRow, CharterPage
from node.charter_text import article_titles
from node.governance import article_of


def charter_page(desk: Desk) -> CharterPage:
    """Raises NotFound while the chain names no charter."""
    if not desk.history.charters:
        raise NotFound("The chain names no charter yet.")
    newest = desk.history.charters[-1]
    text = desk.reader.read(newest.cid, lambda data: data.decode("utf-8"))
    titles = article_titles(text.encode()) if text is not None else []
    serving = Counter(article_of(proposal.description) for proposal in desk.history.proposals.values())
    return CharterPage(
        cid=newest.cid,
        version=newest.version,
        set_at=newest.set_at,
        text=text,
        articles=[
            ArticleRow(article=n, title=titles[n - 1] if n <= len(titles) else "", num_proposals=serving[n])
            for n in range(1, newest.num_articles + 1)
        ],
        **desk.page(),
    )
