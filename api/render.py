"""HTML from page data: the Jinja environment and the few formats that all pages share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.desk import duration
from api.schemas.runs import LossPoint
from node.cid import digest
from node.records.content import Cid

HERE = Path(__file__).parent
TOKEN = "TWR"
WEI_A_TOKEN = 10**18

STATE_TONES = {
    "final": "good",
    "open to dispute": "calm",
    "disputed": "lively",
    "voided": "bad",
    "failed": "bad",
    "genesis": "calm",
    "pending": "calm",
    "active": "lively",
    "canceled": "quiet",
    "defeated": "bad",
    "succeeded": "good",
    "queued": "lively",
    "expired": "quiet",
    "executed": "good",
    "suspended": "bad",
    "barred": "bad",
    "left": "quiet",
    "open": "lively",
    "overdue": "quiet",
    "upheld": "bad",
    "dismissed": "quiet",
    "malicious": "bad",
    "lapsed": "quiet",
    "closed": "good",
    "low": "quiet",
    "medium": "calm",
    "high": "lively",
    "critical": "bad",
    "superseded": "quiet",
    "revoked": "bad",
    "frozen": "lively",
    "taken down": "bad",
    "restricted": "lively",
    "certified": "good",
    "requested": "calm",
    "granted": "good",
    "not registered": "quiet",
}
"""Colour by state; the word itself always stands beside it."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A line in a box of 100 by 100, and the words at its edges."""

    line: str
    dots: Sequence[tuple[float, float, LossPoint]]
    top_micro: int
    bottom_micro: int
    first_round: int
    last_round: int


@cache
def environment(*, money: bool) -> Environment:
    """Templates with autoescape; a name that is missing is an error, not an empty place."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        short=short, loss=loss, signed=signed, tokens=tokens, count=count, when=when, iso=iso, tone=tone, share=share,
        duration=duration, as_json=as_json, blocks=blocks,
    )  # fmt: skip
    env.globals.update(
        hexagram_of=hexagram_of, hexagram_path=hexagram_path, chart_of=chart_of, token=TOKEN, money=money
    )
    return env


def short(value: str, head: int = 8, tail: int = 5) -> str:
    """The two ends of an identifier."""
    return value if len(value) <= head + tail + 1 else f"{value[:head]}…{value[-tail:]}"


def loss(micro: int) -> str:
    """Millionths with four decimals."""
    sign, rounded = ("-" if micro < 0 else ""), (abs(micro) + 50) // 100
    return f"{sign}{rounded // 10_000}.{rounded % 10_000:04d}"


def signed(micro: int) -> str:
    """Millionths with four decimals and their sign (a true minus)."""
    text = loss(micro)
    return "−" + text[1:] if text.startswith("-") else "+" + text


def tokens(wei: int) -> str:
    """Reward tokens with up to four decimals; what is lost in them is in the title beside it."""
    whole, rest = divmod(wei, WEI_A_TOKEN)
    decimals = f"{rest * 10_000 // WEI_A_TOKEN:04d}".rstrip("0")
    if wei and not whole and not decimals:
        return "< 0.0001"
    return count(whole) + (f".{decimals}" if decimals else "")


def count(number: int) -> str:
    """Thousands in groups, by narrow spaces."""
    return f"{number:,}".replace(",", "\u202f")


def when(timestamp: float) -> str:
    """A point in time for people, in UTC."""
    moment = _moment(timestamp)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC" if moment else f"second {timestamp:.0f}"


def iso(timestamp: float) -> str:
    """A point in time for machines."""
    moment = _moment(timestamp)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def _moment(timestamp: float) -> datetime | None:
    """None for a number that no calendar holds: contracts take any uint64."""
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def tone(state: str) -> str:
    """The colour class of a state."""
    return STATE_TONES.get(state, "calm")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading or a paragraph."""

    text: str
    heading: bool


def blocks(text: str) -> list[Block]:
    """A plain Markdown text: lines that begin with #, and paragraphs between empty lines."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return [Block(text=part.lstrip("# "), heading=part.startswith("#")) for part in parts if part]


def share(part: int, whole: int) -> str:
    """A percentage with one decimal, as an SVG length."""
    return f"{100 * part / whole:.1f}%" if whole else "0%"


def as_json(value: Any) -> str:
    """Readable JSON."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def hexagram_of(cid: str) -> int:
    """Six bits of the digest: a mark by which the eye tells one checkpoint from the next."""
    return digest(Cid(cid))[0] >> 2


def hexagram_path(lines: int) -> str:
    """SVG path of a hexagram in a box of 12 by 11; the lowest bit is the lowest line, 1 is unbroken."""
    parts = []
    for index in range(6):
        height = 10.5 - 2 * index
        parts.append(f"M0 {height}h12" if lines >> index & 1 else f"M0 {height}h5m2 0h5")
    return "".join(parts)


def chart_of(points: Sequence[LossPoint]) -> Chart | None:
    """The loss by round; None under two points, which make no line."""
    if len(points) < 2:
        return None
    losses = [point.heldout_loss_micro for point in points]
    bottom, top = _round_down(min(losses)), _round_up(max(losses))
    first, last = points[0].round, points[-1].round
    dots = [
        (
            round(100 * (point.round - first) / (last - first), 2),
            round(100 * (top - point.heldout_loss_micro) / (top - bottom), 2),
            point,
        )
        for point in points
    ]
    line = "M" + "L".join(f"{x:g} {y:g}" for x, y, _ in dots)
    return Chart(line=line, dots=dots, top_micro=top, bottom_micro=bottom, first_round=first, last_round=last)


STEP_MICRO = 10_000


def _round_down(micro: int) -> int:
    return max(0, (micro - 1) // STEP_MICRO * STEP_MICRO)


def _round_up(micro: int) -> int:
    return (micro // STEP_MICRO + 1) * STEP_MICRO
