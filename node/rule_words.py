"""What each of the contracts' errors means, in the words of its documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "abi" / "errors.json"


def words_of(rule: str) -> str:
    """One or two sentences; empty for an error of a library that we use."""
    return _all().get(rule, "")


@cache
def _all() -> Mapping[str, str]:
    words: Mapping[str, str] = json.loads(_FILE.read_text(encoding="utf-8"))
    return words
