"""Do the forge tests notice when a contract is changed? Mutants of the sources, each compiled and tested alone.

python contracts/tools/mutation.py                 a sample of 60 mutants over all contracts, drawn by --seed
python contracts/tools/mutation.py --sample 0      all of them: hours
python contracts/tools/mutation.py --short         a sample of 12
python contracts/tools/mutation.py --json          for machines
python contracts/tools/mutation.py --check         exits 1 and shows the survivors when the score is below the target

Slither's mutators (arXiv 2006.11597) write the mutants: operators, literals, conditions, lines taken out or reverted.
One that does not compile counts neither way, and one that compiles to the same bytecode is no mutant. Work is done in a
copy of the sources under build/: an interrupted run changes nothing here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slither import Slither
from slither.tools.mutator.mutators import all_mutators
from slither.tools.mutator.mutators.abstract_mutator import AbstractMutator

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "mutation"
COPIED = ("contracts", "tests/forge", "tests/vectors", ".solcx")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a score below the target."""
    options = _parse(arguments)
    _copy_tree()
    chosen = sample(list(mutants()), 12 if options.short else options.sample, options.seed)
    clean = _bytecode()
    judged = []
    for number, mutant in enumerate(chosen, start=1):
        judged.append(judge(mutant, clean))
        sys.stderr.write(f"{number}/{len(chosen)} {judged[-1].verdict}: {mutant.source}:{mutant.line}\n")
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
                made = operator(unit, 0, "", "", contract, None, False, TREE, [])._mutate()
                for patch in made.get("patches", {}).get(str(path), []):
                    mutant = _mutant(path, patch, operator.NAME)
                    key = (mutant.source, mutant.start, mutant.before, mutant.after)
                    if key not in seen:
                        seen.add(key)
                        yield mutant


def sample(found: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """A seeded draw without replacement; 0 takes all."""
    drawn = random.Random(seed).sample(found, min(number, len(found))) if number else list(found)
    return sorted(drawn, key=lambda m: (m.source, m.start, m.after))


def judge(mutant: Mutant, clean: dict[str, str]) -> Mutant:
    """Put the mutant into the copied tree, compile, test, and put the original back."""
    path = TREE / mutant.source
    original = path.read_bytes()
    end = mutant.start + len(mutant.before.encode())
    path.write_bytes(original[: mutant.start] + mutant.after.encode() + original[end:])
    try:
        return replace(mutant, verdict=_verdict(clean))
    finally:
        path.write_bytes(original)


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


def _verdict(clean: dict[str, str]) -> str:
    if _forge("build").returncode:
        return "invalid"
    if _bytecode() == clean:
        return "equal"
    return "killed" if _forge("test", "--fail-fast").returncode else "survived"


def _forge(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    env = os.environ | {"FOUNDRY_PROFILE": "quick"}
    return subprocess.run(["forge", *arguments], cwd=TREE, env=env, capture_output=True, check=False)


def _bytecode() -> dict[str, str]:
    """Deployed code of every contract of ours as it is built now, without the metadata's hash of the sources."""
    if _forge("build").returncode:
        raise SystemExit(f"expected the contracts in {TREE} to compile, they do not; run `forge build` first")
    found = {}
    for path in sorted((TREE / "build" / "forge").rglob("*.json")):
        artifact = json.loads(path.read_text(encoding="utf-8"))
        if "contracts/" in json.dumps(artifact.get("metadata", {}).get("settings", {}).get("compilationTarget", {})):
            code = artifact["deployedBytecode"]["object"]
            found[path.stem] = code[: -2 * (int(code[-4:], 16) + 2)] if len(code) > 4 else code
    return found


def _copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, TREE / name, symlinks=True)
    shutil.copy(ROOT / "foundry.toml", TREE)
    (TREE / "node_modules").symlink_to(ROOT / "node_modules")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sample", type=int, default=60, help="mutants to judge; 0 judges all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--short", action="store_true", help="a sample of 12")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
