"""Lines and branches of the contracts that forge's tests run through: a table by contract.

python contracts/tools/coverage.py            the table
python contracts/tools/coverage.py --json     for machines
python contracts/tools/coverage.py --check    exits 1 and names each contract below the targets
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "lcov.info"
MIN_LINES, MIN_BRANCHES = 1.0, 0.95
"""Shares of all lines and of all branches; a contract alone may lack a branch, the sum decides."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What the tests ran through of one file."""

    file: str
    lines: tuple[int, int]
    """Run, and all."""
    branches: tuple[int, int]
    """Run, and all."""
    missed: tuple[int, ...] = ()
    """Lines that nothing ran."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args(arguments)
    measure(REPORT)
    rows = parse(REPORT.read_text(encoding="utf-8"))
    print(json.dumps([row.__dict__ for row in rows], indent=1) if options.json else as_table(rows))
    missed = misses(rows)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def measure(report: Path) -> None:
    """Run forge's tests without the optimizer, which would move lines; its own output goes to standard error."""
    report.parent.mkdir(exist_ok=True)
    command = ["forge", "coverage", "--report", "lcov", "--report-file", str(report), "--no-match-coverage", "tests/"]
    command += ["--no-match-contract", "GasTest"]  # its limits hold for optimised code
    env = os.environ | {"FOUNDRY_PROFILE": "quick"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=sys.stderr)


def parse(text: str) -> list[Coverage]:
    """Read lcov's records of the files under contracts/, sorted by name."""
    rows = [_record(record) for record in text.split("end_of_record") if "SF:contracts/" in record]
    return sorted(rows, key=lambda row: row.file)


def _record(record: str) -> Coverage:
    fields = [line.split(":", 1) for line in record.split() if ":" in line]
    number = {key: int(value) for key, value in fields if key in ("LF", "LH", "BRF", "BRH")}
    hits = [value.split(",") for key, value in fields if key == "DA"]
    return Coverage(
        file=next(value for key, value in fields if key == "SF"),
        lines=(number.get("LH", 0), number.get("LF", 0)),
        branches=(number.get("BRH", 0), number.get("BRF", 0)),
        missed=tuple(int(line) for line, count in hits if int(count) == 0),
    )


def misses(rows: Sequence[Coverage]) -> list[str]:
    """The targets that the sums do not meet, in words, with the files that are to blame."""
    found = []
    for name, least in (("lines", MIN_LINES), ("branches", MIN_BRANCHES)):
        share = _share(*_sum(rows, name))
        if share < least:
            to_blame = ", ".join(row.file for row in rows if _share(*getattr(row, name)) < least)
            found.append(f"{share:.1%} of {name}, wanted {least:.0%} ({to_blame})")
    return found


def as_table(rows: Sequence[Coverage]) -> str:
    """A line a contract, the sum last."""
    lines = [f"{'contract':<44}{'lines':>14}{'branches':>16}  lines not run"]
    for row in rows:
        missed = " ".join(map(str, row.missed[:12]))
        lines.append(f"{row.file:<44}{_cell(*row.lines):>14}{_cell(*row.branches):>16}  {missed}".rstrip())
    lines.append(f"{'all':<44}{_cell(*_sum(rows, 'lines')):>14}{_cell(*_sum(rows, 'branches')):>16}")
    return "\n".join([*lines, f"targets: {MIN_LINES:.0%} of lines, {MIN_BRANCHES:.0%} of branches"])


def _sum(rows: Sequence[Coverage], name: str) -> tuple[int, int]:
    pairs = [getattr(row, name) for row in rows]
    return sum(run for run, _ in pairs), sum(total for _, total in pairs)


def _share(run: int, total: int) -> float:
    return run / total if total else 1.0


def _cell(run: int, total: int) -> str:
    return f"{run}/{total} {_share(run, total):.0%}" if total else "-"


if __name__ == "__main__":
    raise SystemExit(main())
