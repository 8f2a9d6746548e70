"""Clips per second of the procedural worlds, by law and in the mix, and how exact their states are.

python benchmarks/worlds.py            a table, 17 frames of 64 x 64, one core, then two processes
python benchmarks/worlds.py --short    the same with fewer clips, in seconds
python benchmarks/worlds.py --json     for machines
python benchmarks/worlds.py --check    exits 1 and names each missed target
python benchmarks/worlds.py --sheet worlds.png    draws every law, trained and off the trained ranges, and stops
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from model.data.video import contact_sheet
from model.data.worlds import (
    LAWS,
    SPLITS,
    Scene,
    held_out,
    laws_of,
    make_clips,
    make_scene,
    make_scenes,
    quantities,
    read_caption,
    render,
)
from model.data.worlds.splits import GRAVITY, RADIUS, SPEED
from model.job import VideoShape

SHAPE = VideoShape(num_frames=17, height=64, width=64)
MIN_CLIPS_PER_SECOND = 100.0
MAX_ERROR = 1e-9
NUM_CLIPS, NUM_SHORT = 450, 90
NUM_EXACT, NUM_EXACT_SHORT = 200, 40


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Scenes drawn from seeds, rendered and captioned."""

    what: str
    """A law, or the mix of all."""
    processes: int
    clips_per_second: float
    """Of all processes together."""


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """A number that should be zero."""

    what: str
    scenes: int
    worst: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="fewer clips")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--sheet", type=Path, help="write a PNG of every law and stop")
    options = parser.parse_args(arguments)
    if options.sheet:
        options.sheet.write_bytes(sheet())
        return 0
    speeds = measure(NUM_SHORT if options.short else NUM_CLIPS)
    errors = exactness(NUM_EXACT_SHORT if options.short else NUM_EXACT)
    print(as_json(speeds, errors) if options.json else as_table(speeds, errors))
    missed = misses(speeds, errors)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def measure(num_clips: int) -> list[Speed]:
    """One process law by law and in the mix, then the mix in two processes at once."""
    rate(LAWS, len(LAWS), 1)
    speeds = [
        Speed(what=law, processes=1, clips_per_second=rate((law,), max(num_clips // len(LAWS), 20), 1)) for law in LAWS
    ]
    speeds.append(Speed(what="mix", processes=1, clips_per_second=rate(LAWS, num_clips, 1)))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(rate, [LAWS] * 2, [len(LAWS)] * 2, [0, 1]))
        rates = list(pool.map(rate, [LAWS] * 2, [num_clips] * 2, [2, 3]))
    return [*speeds, Speed(what="mix", processes=2, clips_per_second=round(sum(rates), 1))]


def rate(laws: Sequence[str], num_clips: int, seed: int) -> float:
    """Clips per second of `make_clips`: drawn, rendered and captioned."""
    start = time.perf_counter()
    make_clips(num_clips=num_clips, seed=seed, shape=SHAPE, laws=laws)
    return round(num_clips / (time.perf_counter() - start), 1)


def exactness(num: int) -> list[Exactness]:
    """Conservation, fits, hidden pixels, ranges and captions, over `num` scenes a law."""
    scenes = {law: [make_scene(law, 7, SHAPE, index=i) for i in range(num)] for law in LAWS}
    hits = scenes["collision"] + scenes["inelastic"]
    covers = (scenes["occluder"] + scenes["containment"])[:: max(1, num // 20)]
    off = [scene for split in SPLITS for scene in make_scenes(num, 11, SHAPE, split=split)]
    rows = [
        ("momentum before and after a contact", hits, _momentum),
        ("energy before and after an elastic contact", scenes["collision"], _energy),
        ("restitution from velocities against the law", hits, _restitution),
        ("gravity fitted to positions against the law", scenes["gravity"], _gravity),
        ("energy of a pendulum over a clip", scenes["pendulum"], _pendulum),
        ("pixels of a body in its hidden frames", covers, _leaked),
        ("quantities on the wrong side of the trained ranges", off, _misplaced),
        ("held-out combinations where none may be, and the reverse", off, _mixed_up),
        ("captions that do not read back as their slots", off, _misread),
    ]
    return [
        Exactness(what=what, scenes=len(group), worst=max(float(error(scene)) for scene in group))
        for what, group, error in rows
    ]


def _masses(scene: Scene) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([body.mass for body in scene.bodies])


def _momentum(scene: Scene) -> float:
    masses, velocities = _masses(scene), scene.velocities * scene.span
    return float(np.abs(masses @ velocities[:, 0] - masses @ velocities[:, -1]).max())


def _energy(scene: Scene) -> float:
    speeds = ((scene.velocities * scene.span) ** 2).sum(axis=2)
    return float(np.abs(_masses(scene) @ (speeds[:, 0] - speeds[:, -1])) / 2)


def _restitution(scene: Scene) -> float:
    before, after = scene.velocities[:, 0], scene.velocities[:, -1]
    time = next(event.time for event in scene.events if event.kind == "contact")
    normal = np.diff(scene.positions[:, 0] + before * time, axis=0)[0]
    return float(abs((after[1] - after[0]) @ normal / ((before[0] - before[1]) @ normal) - scene.restitution))


def _gravity(scene: Scene) -> float:
    first = int(scene.events[0].time)
    bends = np.diff(scene.positions[0, : first + 1, 1], n=2)
    return float(np.abs(bends / scene.gravity - 1).max(initial=0.0))


def _pendulum(scene: Scene) -> float:
    depth = scene.positions[0, :, 1] * scene.gravity
    return float(np.ptp((scene.velocities[0] ** 2).sum(axis=1) / 2 - depth)) * scene.span**2


def _leaked(scene: Scene) -> float:
    without = render(replace(scene, exists=np.zeros_like(scene.exists)))
    return float((render(scene) != without)[~scene.visible[0]].sum())


def _misplaced(scene: Scene) -> int:
    tables = {"radius": RADIUS, "speed": SPEED, "gravity": GRAVITY}
    left = {"velocity": "speed", "radius": "radius", "gravity": "gravity"}.get(scene.split)
    still = scene.slots.get("action") == "stays" or scene.slots.get("change") == "none leaves"
    wrong = 0
    for name, value in quantities(scene).items():
        low, high = tables[name][scene.law].train
        inside = low - MAX_ERROR <= value <= high + MAX_ERROR
        wrong += inside != (name != left) and not (name == "speed" and still)
    return wrong


def _mixed_up(scene: Scene) -> int:
    return sum(held_out(scene.law, b.shape, b.colour) != (scene.split == "combinations") for b in scene.bodies)


def _misread(scene: Scene) -> int:
    return int(read_caption(scene.caption) != scene.slots)


def misses(speeds: Sequence[Speed], errors: Sequence[Exactness]) -> list[str]:
    """The targets that are not met, in words."""
    slow = [
        f"{s.what} in {s.processes} process(es): {s.clips_per_second:.0f} clips/s, "
        f"wanted {MIN_CLIPS_PER_SECOND * s.processes:.0f}"
        for s in speeds
        if s.clips_per_second < MIN_CLIPS_PER_SECOND * s.processes
    ]
    return slow + [f"{e.what}: {e.worst:.1e}, wanted at most {MAX_ERROR}" for e in errors if e.worst > MAX_ERROR]


def sheet() -> bytes:
    """A row a law as trained, then one for each way to leave the trained ranges; every second or fourth frame."""
    pairs = [(law, "train") for law in LAWS]
    pairs += [(laws_of(split)[-1 if split == "gravity" else 1], split) for split in SPLITS[1:-1]]
    scenes = [make_scene(law, 2, SHAPE, split) for law, split in [*pairs, ("occluder", "horizon")]]
    return contact_sheet([render(scene)[:: 4 if scene.split == "horizon" else 2] for scene in scenes], scale=2)


def machine() -> str:
    """The machine class that a rate belongs to."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, NumPy on one thread a process"


def as_table(speeds: Sequence[Speed], errors: Sequence[Exactness]) -> str:
    """Columns of numbers."""
    lines = [machine(), f"{'law':<14}{'processes':>10}{'clips/s':>10}{'/ target':>10}"]
    lines += [
        f"{s.what:<14}{s.processes:>10}{s.clips_per_second:>10.0f}"
        f"{s.clips_per_second / (MIN_CLIPS_PER_SECOND * s.processes):>9.1f}x"
        for s in speeds
    ]
    lines += ["", f"{'error (should be 0)':<60}{'scenes':>8}{'worst':>10}"]
    lines += [f"{e.what:<60}{e.scenes:>8}{e.worst:>10.1e}" for e in errors]
    target = f"targets: {MIN_CLIPS_PER_SECOND:.0f} clips/s a process at 17 x 64 x 64, errors at most {MAX_ERROR}"
    return "\n".join([*lines, target])


def as_json(speeds: Sequence[Speed], errors: Sequence[Exactness]) -> str:
    """Machine, targets and measurements."""
    targets = {"clips_per_second_a_process": MIN_CLIPS_PER_SECOND, "error": MAX_ERROR}
    rows = {"speeds": [asdict(s) for s in speeds], "errors": [asdict(e) for e in errors]}
    return json.dumps({"machine": machine(), "targets": targets, **rows}, indent=2)


if __name__ == "__main__":
    raise SystemExit(main())
