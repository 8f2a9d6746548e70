"""What a page of the dashboard weighs and how long the server takes for it, on a played history over the local twins.

python benchmarks/page_weight.py            a table
python benchmarks/page_weight.py --short    one line: the heaviest and the slowest page
python benchmarks/page_weight.py --json     for machines
python benchmarks/page_weight.py --check    exits 1 and names each missed target
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from api.app import create_app
from tests.support.history import History

PAGES = {
    "overview": "/",
    "runs": "/runs",
    "run": "/runs/1",
    "rounds": "/runs/1/rounds",
    "round": "/runs/1/rounds/2",
    "contributions": "/runs/1/contributions",
    "checkpoints": "/runs/1/checkpoints",
    "proposals": "/proposals",
    "proposal": "/proposals/{proposal}",
    "charter": "/charter",
    "members": "/members",
    "artifacts": "/artifacts",
    "docs": "/docs",
}
ASSETS = ("/static/style.css", "/static/page.js", "/static/icon.svg")
NUM_REPEATS = 20
MAX_GZIP_BYTES = 50_000
MAX_MILLISECONDS = 200.0


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One page, measured."""

    page: str
    raw_bytes: int
    """The HTML alone."""
    gzip_bytes: int
    """The HTML alone, as sent."""
    with_assets_bytes: int
    """HTML, style, script and icon, as sent: a first visit."""
    first_milliseconds: float
    """The first request: templates compiled, content fetched."""
    median_milliseconds: float
    """Of the next requests."""

    def misses(self) -> list[str]:
        """The targets that it does not meet, in words."""
        missed = []
        if self.with_assets_bytes > MAX_GZIP_BYTES:
            missed.append(f"{self.page}: {self.with_assets_bytes} bytes with assets, wanted at most {MAX_GZIP_BYTES}")
        if self.median_milliseconds > MAX_MILLISECONDS:
            missed.append(f"{self.page}: {self.median_milliseconds:.0f} ms, wanted at most {MAX_MILLISECONDS:.0f}")
        return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="print one line")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args(arguments)
    weights = asyncio.run(measure(History().play()))
    print(as_json(weights) if options.json else as_line(weights) if options.short else as_table(weights))
    missed = [words for weight in weights for words in weight.misses()]
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


async def measure(history: History) -> list[Weight]:
    """Each page in turn, over ASGI: no network in the numbers."""
    app = create_app(history.ledger, history.store, poll_seconds=0)
    app.state.services.follower.poll()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://dashboard") as client:
        assets = sum([(await _get(client, path))[0].num_bytes_downloaded for path in ASSETS])
        return [
            await _weigh(client, name, path.format(proposal=history.proposal_id), assets)
            for name, path in PAGES.items()
        ]


async def _weigh(client: httpx.AsyncClient, name: str, path: str, assets: int) -> Weight:
    answer, first = await _get(client, path)
    times = [(await _get(client, path))[1] for _ in range(NUM_REPEATS)]
    return Weight(
        page=name,
        raw_bytes=len(answer.content),
        gzip_bytes=answer.num_bytes_downloaded,
        with_assets_bytes=answer.num_bytes_downloaded + assets,
        first_milliseconds=round(first, 1),
        median_milliseconds=round(statistics.median(times), 1),
    )


async def _get(client: httpx.AsyncClient, path: str) -> tuple[httpx.Response, float]:
    """The answer and how many milliseconds it took."""
    start = time.perf_counter()
    answer = await client.get(path, headers={"accept-encoding": "gzip"})
    taken = (time.perf_counter() - start) * 1000
    answer.raise_for_status()
    return answer, taken


def as_table(weights: Sequence[Weight]) -> str:
    """Columns of numbers."""
    lines = [f"{'page':<14}{'raw':>9}{'gzip':>9}{'+ assets':>10}{'first ms':>10}{'median ms':>11}"]
    lines += [
        f"{w.page:<14}{w.raw_bytes:>9}{w.gzip_bytes:>9}{w.with_assets_bytes:>10}"
        f"{w.first_milliseconds:>10.1f}{w.median_milliseconds:>11.1f}"
        for w in weights
    ]
    return "\n".join([*lines, f"targets: {MAX_GZIP_BYTES} bytes with assets, {MAX_MILLISECONDS:.0f} ms (median)"])


def as_line(weights: Sequence[Weight]) -> str:
    """The heaviest and the slowest page."""
    heavy = max(weights, key=lambda w: w.with_assets_bytes)
    slow = max(weights, key=lambda w: w.median_milliseconds)
    return (
        f"page weight: heaviest {heavy.page} {heavy.with_assets_bytes / 1000:.1f} kB gzip with assets, "
        f"slowest {slow.page} {slow.median_milliseconds:.1f} ms"
    )


def as_json(weights: Sequence[Weight]) -> str:
    """Targets and measurements."""
    targets: dict[str, Any] = {"with_assets_bytes": MAX_GZIP_BYTES, "median_milliseconds": MAX_MILLISECONDS}
    return json.dumps({"targets": targets, "pages": [asdict(weight) for weight in weights]}, indent=2)


if __name__ == "__main__":
    raise SystemExit(main())
