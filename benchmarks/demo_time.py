"""How long the main job takes and where the time goes: training, scoring, IPFS, chain, Flower's own waiting.

python benchmarks/demo_time.py            the whole demo, as `make demo` runs it
python benchmarks/demo_time.py --short    network, members and one small round, in under a minute
python benchmarks/demo_time.py --json     for machines
python benchmarks/demo_time.py --check    exits 1 and names each missed target
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MAX_SECONDS = 360.0
MIN_FALL_PERCENT = 25.0
MAX_ROUNDS_WITHOUT_FALL = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of the main job."""

    seconds: float
    parts_seconds: Mapping[str, float]
    """The job's parts, one after the other."""
    rounds_seconds: Mapping[str, float]
    """What the rounds spent their time on."""
    losses_micro: Sequence[int]
    """Held-out loss at the start and after every round, in millionths; empty for a short run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the split; with --check exit 1 for each missed target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--short", "--json", "--check"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measured = measure_short(Path(folder)) if options.short else measure_demo(Path(folder))
    if options.json:
        print(json.dumps({**asdict(measured), "machine": machine()}))
    else:
        print(table(measured))
    missed = missed_targets(measured) if options.check else []
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def measure_demo(folder: Path) -> Measured:
    """The demo in a process of its own, as a user runs it."""
    tenwings = Path(sys.executable).with_name("tenwings")
    command = [str(tenwings), "demo", "--json", "--home", str(folder / "home"), "--out", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tenwings demo failed with exit code {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    summary = next(json.loads(line) for line in reversed(done.stdout.splitlines()) if "parts_seconds" in line)
    keys = ("seconds", "parts_seconds", "rounds_seconds", "losses_micro")
    return Measured(**{key: summary[key] for key in keys})


def measure_short(folder: Path) -> Measured:
    """Network, two trainers and two evaluators, a small dataset, one round."""
    from federation.config import RunSpec
    from federation.datasets import LICENCE, DatasetPlan, build
    from federation.demo import round_parts
    from federation.joining import join, parse_roles
    from federation.network import down, start_nodes, up
    from federation.runs import create_run, train
    from node.config import Home
    from node.records.artifacts import ArtifactKind
    from node.wiring import open_desk

    home, parts, clock = Home(folder / "home"), dict[str, float](), [time.monotonic()]

    def lap(name: str) -> None:
        now = time.monotonic()
        parts[name], clock[0] = now - clock[0], now

    try:
        up(home, attached=True, tell=lambda _: None)
        lap("start")
        for name, role in {"ada": "trainer", "bo": "trainer", "cy": "evaluator", "di": "evaluator"}.items():
            join(home, name, parse_roles(role), attached=True, start=False)
        start_nodes(home, ["ada", "bo", "cy", "di"], attached=True)
        lap("join")
        desk = open_desk(home, "ada")
        plan = DatasetPlan(num_train_shards=2, clips_per_shard=8, num_score_clips=8, num_heldout_clips=8)
        cid, _ = build(desk.store, plan, lambda _: None)
        desk.register(ArtifactKind.DATASET, cid, LICENCE)
        create_run(home, RunSpec().with_changes({"inner.num_steps": "2", "inner.batch_size": "4"}), cid)
        lap("data")
        train(home, 1, 1, tell=lambda _: None)
        lap("rounds")
        return Measured(
            seconds=sum(parts.values()), parts_seconds=parts, rounds_seconds=round_parts(home, 1), losses_micro=[]
        )
    finally:
        down(home)


def missed_targets(measured: Measured) -> list[str]:
    """The targets that this run misses, in words."""
    missed = []
    if measured.seconds > MAX_SECONDS:
        missed.append(f"at most {MAX_SECONDS:.0f} s, took {measured.seconds:.0f} s")
    losses = measured.losses_micro
    if losses:
        fall = 100 * (1 - losses[-1] / losses[0])
        if fall < MIN_FALL_PERCENT:
            missed.append(f"held-out loss at least {MIN_FALL_PERCENT:.0f} % lower, is {fall:.1f} %")
        rises = sum(after >= before for before, after in itertools.pairwise(losses))
        if rises > MAX_ROUNDS_WITHOUT_FALL:
            missed.append(f"held-out loss falls in all rounds but {MAX_ROUNDS_WITHOUT_FALL}, {rises} did not fall")
    return missed


def table(measured: Measured) -> str:
    """Parts with their seconds and shares."""
    lines = [f"{machine()}", f"{'part':<22}{'seconds':>9}{'share':>8}"]
    for title, parts in (("the main job", measured.parts_seconds), ("of its rounds", measured.rounds_seconds)):
        total = sum(parts.values())
        lines.append(f"{title:<22}{total:>9.1f}{'100 %':>8}")
        lines += [f"  {k:<20}{v:>9.1f}{100 * v / total:>6.1f} %" for k, v in parts.items()]
    if measured.losses_micro:
        losses = " ".join(f"{micro / 1e6:.3f}" for micro in measured.losses_micro)
        lines.append(f"held-out loss, start and after each round: {losses}")
    lines.append(f"targets: {MAX_SECONDS:.0f} s in all, held-out loss {MIN_FALL_PERCENT:.0f} % lower")
    return "\n".join(lines)


def machine() -> str:
    """The class of machine the numbers belong to."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
