"""Do the forge tests notice when a contract is changed? Mutants of the sources, each compiled and tested alone.

python contracts/tools/mutation.py                 a sample of 60 mutants over all contracts, drawn by --seed
python contracts/tools/mutation.py --sample 0      all of them: hours
python contracts/tools/mutation.py --short         a sample of 12
python contracts/tools/mutation.py --jobs 2        in two copies of the tree at once
python contracts/tools/mutation.py --json          for machines
python contracts/tools/mutation.py --check         exits 1 and shows the survivors when the score is below the target

Slither's mutators (arXiv 2006.11597) write the mutants: operators, literals, conditions, lines taken out or reverted.
One that does not compile counts neither way, and one that compiles to the same bytecode is no mutant. A mutant is
killed if a test fails, whose name is kept, or if the tests, which take seconds, do not end in TIME_LIMIT_SECONDS: it
loops. Forge's tests know no limit on the size of code, so that nothing is killed by growing. Work is done in copies of
the sources under build/: an interrupted run changes nothing here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slither import Slither
from slither.exceptions import SlitherException
from slither.tools.mutator.mutators import all_mutators
from slither.tools.mutator.mutators.abstract_mutator import AbstractMutator

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutation"
COPIED = ("contracts", "tests/forge", "tests/vectors", ".solcx")
SETTINGS = {"FOUNDRY_PROFILE": "quick", "FOUNDRY_DYNAMIC_TEST_LINKING": "true", "FOUNDRY_BYTECODE_HASH": "none"}
"""Tests are compiled again only where an interface changed; code can be compared, for it carries no hash of sources."""
TIME_LIMIT_SECONDS = 300
MIN_SCORE = 0.85
"""Share of valid mutants that a test fails on."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one contract."""

    source: str
    """The contract, relative to the project's root."""
    line: int
    start: int
    """Byte of the source at which the change begins."""
    before: str
    after: str
    operator: str
    """Slither's name of the kind of change."""
    verdict: str = ""
    """`killed`, `survived`, `invalid` (does not compile) or `equal` (the same bytecode)."""
    killer: str = ""
    """What forge says of the first test that fails, or `time limit`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a score below the target."""
    options = _parse(arguments)
    _copy_tree()
    chosen = sample(list(mutants()), 12 if options.short else options.sample, options.seed)
    judged = judge_all(chosen, options.jobs)
    print(json.dumps([asdict(m) for m in judged], indent=1) if options.json else as_table(judged))
    if options.check and score(judged) < MIN_SCORE:
        sys.stderr.write(f"missed: mutation score {score(judged):.0%}, wanted {MIN_SCORE:.0%}\n")
        return 1
    return 0


def mutants() -> Iterator[Mutant]:
    """Every change that Slither's mutators make in the copied tree, each once."""
    seen: set[tuple[str, int, str, str]] = set()
    operators = [kind for kind in vars(all_mutators).values() if _is_operator(kind)]
    with contextlib.chdir(TREE):  # the compiler's file names are relative to the working directory
        units = Slither(str(TREE), filter_paths="node_modules|tests").compilation_units
    for unit in units:
        for contract in unit.contracts:
            path = Path(contract.source_mapping.filename.absolute)
            if contract.is_interface or TREE / "contracts" not in path.parents:
                continue
            for operator in operators:
                made = _patches(operator(unit, 0, "", "", contract, None, False, TREE, []))
                for patch in made.get(str(path), []):
                    mutant = _mutant(path, patch, operator.NAME)
                    key = (mutant.source, mutant.start, mutant.before, mutant.after)
                    if key not in seen:
                        seen.add(key)
                        yield mutant


def sample(found: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """A seeded draw without replacement; 0 takes all."""
    drawn = random.Random(seed).sample(found, min(number, len(found))) if number else list(found)
    return sorted(drawn, key=lambda m: (m.source, m.start, m.after))


def judge_all(chosen: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Every mutant with its verdict, in the order given; says on stderr how far it is."""
    clean = _clean_code()
    trees: queue.Queue[Path] = queue.Queue()
    trees.put(TREE)
    for number in range(2, jobs + 1):
        trees.put(shutil.copytree(TREE, TREE.with_name(f"mutation-{number}"), symlinks=True))
    with ThreadPoolExecutor(jobs) as pool:
        judged = []
        for mutant in pool.map(lambda m: judge(m, clean, trees), chosen):
            judged.append(mutant)
            at = f"{mutant.source}:{mutant.line}"
            sys.stderr.write(f"{len(judged)}/{len(chosen)} {mutant.verdict}: {at} {mutant.killer}\n")
            sys.stderr.flush()
    return judged


def judge(mutant: Mutant, clean: dict[str, str], trees: queue.Queue[Path]) -> Mutant:
    """Put the mutant into a free tree, compile, test, and put the original back."""
    tree = trees.get()
    path = tree / mutant.source
    original = path.read_bytes()
    end = mutant.start + len(mutant.before.encode())
    path.write_bytes(original[: mutant.start] + mutant.after.encode() + original[end:])
    try:
        verdict, killer = _verdict(tree, clean)
        return replace(mutant, verdict=verdict, killer=killer)
    finally:
        path.write_bytes(original)
        trees.put(tree)


def score(judged: Sequence[Mutant]) -> float:
    """Killed over killed and survived."""
    verdicts = [m.verdict for m in judged if m.verdict in ("killed", "survived")]
    return verdicts.count("killed") / len(verdicts) if verdicts else 1.0


def as_table(judged: Sequence[Mutant]) -> str:
    """Verdicts by contract, then each survivor as a line to look at."""
    lines = [f"{'contract':<44}{'killed':>8}{'survived':>10}{'equal':>7}{'invalid':>9}"]
    for source in sorted({m.source for m in judged}):
        verdicts = [m.verdict for m in judged if m.source == source]
        counts = [verdicts.count(name) for name in ("killed", "survived", "equal", "invalid")]
        lines.append(f"{source:<44}{counts[0]:>8}{counts[1]:>10}{counts[2]:>7}{counts[3]:>9}")
    lines.append(f"score {score(judged):.0%} of those that compile and differ; target {MIN_SCORE:.0%}")
    for m in judged:
        if m.verdict == "survived":
            lines.append(f"survived {m.source}:{m.line} {m.operator}\n    - {m.before}\n    + {m.after}")
    return "\n".join(lines)


def _is_operator(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, AbstractMutator) and kind is not AbstractMutator


def _mutant(path: Path, patch: dict[str, Any], operator: str) -> Mutant:
    text = path.read_bytes()
    start, end = int(patch["start"]), int(patch["end"])
    after = patch["new_string"]
    return Mutant(
        source=str(path.relative_to(TREE)),
        line=text[:start].count(b"\n") + 1,
        start=start,
        before=text[start:end].decode(),
        after=after.decode() if isinstance(after, bytes) else after,
        operator=operator,
    )


def _patches(operator: AbstractMutator) -> dict[str, Any]:
    """By file. Like Slither's own loop it goes on where an operator stumbles: over `(a, b) = f()`, `bool x = false`."""
    try:
        found: dict[str, Any] = operator._mutate().get("patches", {})
    except (AttributeError, SlitherException) as error:
        sys.stderr.write(f"no mutants by {operator.NAME} in {operator.contract.name}: {error}\n")
        return {}
    return found


def _verdict(tree: Path, clean: dict[str, str]) -> tuple[str, str]:
    if _forge(tree, "build").returncode:
        return "invalid", ""
    if _bytecode(tree) == clean:
        return "equal", ""
    try:
        tested = _forge(tree, "test", "--fail-fast", seconds=TIME_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return "killed", "time limit"
    failure = re.search(r"^\[FAIL.*", tested.stdout, re.MULTILINE)
    if tested.returncode and not failure:
        raise SystemExit(f"expected a failing test, forge stopped for another reason:\n{tested.stdout}{tested.stderr}")
    return ("killed", failure[0][:200]) if failure else ("survived", "")


def _forge(tree: Path, *arguments: str, seconds: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["forge", *arguments],
        cwd=tree,
        env=os.environ | SETTINGS,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def _clean_code() -> dict[str, str]:
    """The code without any change, with which every test passes: else nothing that follows would mean anything."""
    tested = _forge(TREE, "test")
    if tested.returncode:
        raise SystemExit(f"expected the tests to pass in {TREE}, they do not\n{tested.stdout}{tested.stderr}")
    return _bytecode(TREE)


def _bytecode(tree: Path) -> dict[str, str]:
    """Creation code, with constructor and deployed code in it, of every contract of ours as it was last built."""
    found = {}
    for path in sorted((tree / "build" / "forge").rglob("*.json")):
        artifact = json.loads(path.read_text(encoding="utf-8"))
        if "contracts/" in json.dumps(artifact.get("metadata", {}).get("settings", {}).get("compilationTarget", {})):
            found[path.stem] = artifact["bytecode"]["object"]
    return found


def _copy_tree() -> None:
    for tree in TREE.parent.glob(f"{TREE.name}*"):
        shutil.rmtree(tree)
    for name in COPIED:
        shutil.copytree(ROOT / name, TREE / name, symlinks=True)
    shutil.copy(ROOT / "foundry.toml", TREE)
    (TREE / "node_modules").symlink_to(ROOT / "node_modules")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sample", type=int, default=60, help="mutants to judge; 0 judges all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--short", action="store_true", help="a sample of 12")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="trees to work in at once")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
