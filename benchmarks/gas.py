"""What the chain costs in gas, beside others' contracts on one anvil: whole transactions, calldata included.

python benchmarks/gas.py            a table
python benchmarks/gas.py --short    one line
python benchmarks/gas.py --json     for machines
python benchmarks/gas.py --check    exits 1 and names each missed target

OpenZeppelin's governor with its votes token is compiled here with our compiler and settings. Uniswap's distributor is
the bytecode of its npm package (solc 0.6.11, its authors' settings): the package has no sources. Compound's governor is
in no package that we found: its numbers are published ones and marked so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gas_chain import Chain, fresh_chain
from gas_ours import CLIENTS, ours
from gas_peers import Published, openzeppelin, uniswap

FLAT_PERCENT = 3.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One action."""

    action: str
    gas: int
    target: int
    peers: str
    """What others take, in words."""
    ratio: float | None = None
    """Ours over the cheapest peer measured here."""

    @property
    def met(self) -> bool:
        return self.gas <= self.target


def measure() -> list[Row]:
    """Everything, on one chain."""
    with fresh_chain() as chain:
        return _rows(chain)


def _rows(chain: Chain) -> list[Row]:
    found = ours(chain)
    gas = found.gas
    theirs = openzeppelin(chain, found.runs, found.calldata, chain.rich[:12])
    distributor = uniswap(chain, found.token, found.holder, found.accounts)
    published = Published()
    all_in = theirs["vote"] + theirs["delegate"]
    claim = (
        f"Uniswap {distributor['claim']:,} a round" if distributor else "Uniswap 71,000 to 88,000 a round (published)"
    )
    rows = [
        Row(action=f"commit a round, {n:,} clients, K = 3", gas=gas[f"commit {n}"], target=100_000, peers="59,000 to "
            "187,000 per client in per-client designs (published)")
        for n in CLIENTS
    ]  # fmt: skip
    return [
        *rows,
        Row(
            action="claim, later, any number of rounds",
            gas=gas["claim"],
            target=56_000,
            peers=claim,
            ratio=gas["claim"] / distributor["claim"] if distributor else None,
        ),
        Row(
            action="ten claims in one transaction, each",
            gas=gas["claims"],
            target=56_000,
            peers=claim,
            ratio=gas["claims"] / distributor["claim"] if distributor else None,
        ),
        Row(
            action="propose, two sponsors",
            gas=gas["propose"],
            target=85_000,
            peers=f"OpenZeppelin {theirs['propose']:,}; Compound {published.propose_compound:,} (published)",
            ratio=gas["propose"] / theirs["propose"],
        ),
        Row(
            action="vote, later voter, all in",
            gas=gas["vote"],
            target=80_000,
            peers=f"OpenZeppelin {theirs['vote']:,} + {theirs['delegate']:,} delegation, {theirs['sync']:,} a move; "
            f"Compound {published.vote_compound:,} + {published.delegate_compound:,} (published)",
            ratio=gas["vote"] / all_in,
        ),
        Row(
            action="ten signed ballots in one transaction, each",
            gas=gas["signed ballot"],
            target=61_000,
            peers=f"OpenZeppelin {theirs['signed ballot']:,}, without the delegation",
            ratio=gas["signed ballot"] / theirs["signed ballot"],
        ),
    ]


def spread_percent(rows: Sequence[Row]) -> float:
    """How much a commit's gas depends on the number of clients."""
    commits = [row.gas for row in rows if row.action.startswith("commit")]
    return 100 * (max(commits) - min(commits)) / min(commits)


def as_table(rows: Sequence[Row]) -> str:
    """One line an action."""
    lines = ["| action | gas | target | | of the peer | peers |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else "-"
        met = "met" if row.met else f"missed by {100 * (row.gas / row.target - 1):.0f} %"
        lines.append(f"| {row.action} | {row.gas:,} | {row.target:,} | {met} | {ratio} | {row.peers} |")
    spread = spread_percent(rows)
    return "\n".join([*lines, "", f"A commit's gas differs by {spread:.2f} % from 2 to 10,000 clients (target: 3 %)."])


def as_line(rows: Sequence[Row]) -> str:
    """The numbers that matter most."""
    by = {row.action: row.gas for row in rows}
    commit = next(gas for action, gas in by.items() if action.startswith("commit"))
    claim, propose = by["claim, later, any number of rounds"], by["propose, two sponsors"]
    return f"gas: commit {commit:,}, claim {claim:,}, propose {propose:,}"


def missed(rows: Sequence[Row]) -> list[str]:
    """Targets that are not met."""
    found = [f"{row.action}: {row.gas:,} of {row.target:,}" for row in rows if not row.met]
    if spread_percent(rows) > FLAT_PERCENT:
        found.append(f"commit: {spread_percent(rows):.2f} % apart")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("json", "short", "check"):
        parser.add_argument(f"--{name}", action="store_true")
    chosen = parser.parse_args(arguments)
    rows = measure()
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "spread_percent": spread_percent(rows)}, indent=2))
    else:
        print(as_line(rows) if chosen.short else as_table(rows))
    failed = missed(rows) if chosen.check else []
    for line in failed:
        sys.stderr.write(f"missed: {line}\n")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
