"""Runs, and one run with its spec."""

from __future__ import annotations

import json
from typing import Any

from api.desk import Desk
from api.schemas.runs import RunPage, RunsPage, SpecLine, SpecRow
from node.records.content import canonical_json


def runs_page(desk: Desk) -> RunsPage:
    """All runs, newest first."""
    runs = sorted(desk.history.runs.values(), key=lambda run: run.run_id, reverse=True)
    return RunsPage(runs=[desk.run_row(run) for run in runs], **desk.page())


def run_page(desk: Desk, run_id: int) -> RunPage:
    """Raises NotFound."""
    run = desk.run(run_id)
    row = desk.run_row(run)
    spec = desk.reader.read(run.specs[-1].cid if run.specs else run.params.spec_cid, parse_spec)
    return RunPage(
        run=row,
        genesis_cid=run.params.genesis_cid,
        specs=[SpecRow(**vars(version)) for version in reversed(run.specs)],
        spec=[SpecLine(path=path, value=value) for path, value in sorted((spec or {}).items())],
        curve=desk.curve(run),
        **desk.page(),
    )


def parse_spec(data: bytes) -> dict[str, str]:
    """A spec's settings by dotted path, as JSON text. Raises ValueError when `data` is no JSON object."""
    raw = json.loads(data)
    if not isinstance(raw, dict):
        raise ValueError(f"expected a spec (a JSON object), got {data[:40]!r}")
    return dict(_flat(raw, ""))


def _flat(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _flat(item, f"{path}.{key}" if path else str(key))]
    return [(path, canonical_json(value).decode() if not isinstance(value, float) else repr(value))]
