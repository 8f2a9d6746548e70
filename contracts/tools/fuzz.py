"""Forge's tests, and from its tables of the invariants whether each action at random did what it is there for.

python contracts/tools/fuzz.py [ARGUMENTS OF forge test]

Forge takes an action that always reverts for a passed one: an invariant would then hold of a world in which, say,
nothing is ever disputed. Exits with forge's code, or with 1 and the names of the actions that never succeeded, or that
did although their name begins with `attack_`; without arguments also where there is no table at all. With few calls a
rare action may be named by chance.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "attack_"
_ROW = re.compile(r"^\| (\w+Handler) +\| (\w+) +\| (\d+) +\| (\d+) +\|")


@dataclass(frozen=True, kw_only=True)
class Action:
    """How often forge called a handler's function in the runs of one invariant."""

    handler: str
    name: str
    calls: int
    reverts: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns forge's exit code, or 1 when an action is not what its name says."""
    chosen = sys.argv[1:] if arguments is None else arguments
    command = ["forge", "test", *chosen]
    actions = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as forge:
        assert forge.stdout is not None
        for line in forge.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            actions += parse([line])
    found = [] if chosen and not actions else misses(actions)
    if found:
        sys.stderr.write("missed: " + "; ".join(found) + "\n")
    return forge.returncode or (1 if found else 0)


def parse(lines: Iterable[str]) -> list[Action]:
    """The rows of forge's tables of calls and reverts."""
    rows = (match.groups() for line in lines if (match := _ROW.match(line)))
    return [Action(handler=h, name=n, calls=int(c), reverts=int(r)) for h, n, c, r in rows]


def misses(actions: Sequence[Action]) -> list[str]:
    """What an action did that it should not, or never did."""
    found = [] if actions else ["forge printed no table of calls and reverts"]
    for action in actions:
        succeeded = action.calls - action.reverts
        if action.name.startswith(ATTACK) and succeeded:
            found.append(f"{action.handler}.{action.name} succeeded {succeeded} times and should never")
        if not action.name.startswith(ATTACK) and not succeeded:
            found.append(f"{action.handler}.{action.name} was called {action.calls} times and always reverted")
    return found


if __name__ == "__main__":
    sys.exit(main())
