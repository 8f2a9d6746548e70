"""The charter that ships with the project: its text, its CID, and how many articles it has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from node import cid as cids
from node.records.content import Cid

CHARTER_FILE = Path(__file__).resolve().parent.parent / "docs" / "charter.md"

_HEADING = re.compile(r"^## Article (\d+)\b.*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class CharterText:
    """A charter as bytes."""

    data: bytes
    num_articles: int

    @property
    def cid(self) -> Cid:
        """Under which IPFS keeps it."""
        return cids.of(self.data)


def parse_charter(data: bytes) -> CharterText:
    """Raises ValueError unless its articles are numbered 1, 2, 3... under headings "## Article N"."""
    numbers = [int(number) for number in _HEADING.findall(data.decode("utf-8"))]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f'expected headings "## Article 1", "## Article 2" and so on, got articles {numbers}')
    return CharterText(data=data, num_articles=len(numbers))


def article_titles(data: bytes) -> list[str]:
    """The headings of the articles, in order."""
    return [match.group(0).removeprefix("## ") for match in _HEADING.finditer(data.decode("utf-8"))]


@cache
def default_charter() -> CharterText:
    """docs/charter.md of this checkout."""
    return parse_charter(CHARTER_FILE.read_bytes())
