"""Seconds per clip and error of each solver, what guidance costs, and the memory of a long video, at preset nano.

python benchmarks/sampling.py                     trains nano for a minute first, then measures; also tiny's speed
python benchmarks/sampling.py CHECKPOINT          measures that checkpoint
python benchmarks/sampling.py --short             under a minute: less training, fewer steps, 10 seconds of video
python benchmarks/sampling.py --json              for machines
python benchmarks/sampling.py --check             exits 1 and names each missed target

Two errors a solver. `network`: RMS difference between its latents and those of Heun with 193 steps from the same noise,
on the checkpoint's own answers; all take their last step from the same time, since how far a run goes towards t = 0
before it takes the network's word for the clip changes the clip more than the solver does. `exact`: relative RMS
difference to the closed-form solution where the best denoiser is known: Gaussian clips with the covariance of the
worlds' clips on a known background. A network that was trained for minutes is not smooth in t, and then a second-order
step gains nothing; the exact problem shows what it gains once it is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from model.checkpoint import initial, load_model
from model.data.worlds import make_clips
from model.denoiser import Denoiser
from model.diffusion import Objective
from model.extend import extend
from model.job import DEMO_SHAPE, TrainJob
from model.sample import Recipe, generator, predictor, sample_many
from model.samplers import SAMPLERS, evaluations
from model.train import train_inner

PROMPTS = ("a red circle bounces on a white background", "a blue square falls on a grey background")
FPS = 8
SPREAD = 64.0
"""Grey levels of a latent's unit."""
LONG_SECONDS, LONG_SECONDS_SHORT = 60, 10
WARM_PIECES = 3
"""Windows of a long video after which memory has found its level."""
GRID = 25
"""Steps of the finest schedule measured; the others leave out times of it, the reference puts times in between."""
STRIDES = (6, 4, 2, 1)
MAX_ERROR_RATIO = 0.8
"""Of each second-order solver's exact error over Euler's, at 25 evaluations."""
MAX_UNGUIDED_RATIO, MAX_INTERVAL_RATIO = 0.75, 0.95
"""Time without guidance, and with guidance in an interval, over the time with guidance throughout."""
MAX_GROWTH_MEBIBYTES = 32.0


@dataclass(frozen=True, kw_only=True)
class Solved:
    """One solver at one number of steps, guided throughout."""

    preset: str
    sampler: str
    num_steps: int
    num_evaluations: int
    """Calls of the network, each on the prompt and the empty prompt."""
    seconds_per_clip: float
    network_error: float | None
    """RMS difference of latents to the reference's; None where only speed was measured."""
    exact_error: float
    """Relative RMS difference to the closed form, on its whole schedule."""


@dataclass(frozen=True, kw_only=True)
class Guided:
    """Euler with 24 steps under one kind of guidance."""

    guidance: str
    seconds_per_clip: float
    ratio: float
    """Over guidance throughout."""


@dataclass(frozen=True, kw_only=True)
class Long:
    """A video that grows window by window; pieces are dropped as they come."""

    video_seconds: float
    seconds_per_video_second: float
    peak_mebibytes: float
    """Resident memory of the process, Python and torch included."""
    growth_mebibytes: float
    """Peak over what it was after the first windows."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it."""

    machine: str
    solved: list[Solved]
    guided: list[Guided]
    long: Long

    def misses(self) -> list[str]:
        """The targets that are not met, in words."""
        missed = []
        errors = {row.sampler: row.exact_error for row in self.solved if row.num_evaluations == GRID}
        ratio = max(errors["heun"], errors["dpm++"]) / errors["euler"]
        if ratio > MAX_ERROR_RATIO:
            missed.append(f"second order over Euler's exact error: {ratio:.2f}, wanted at most {MAX_ERROR_RATIO}")
        for row, limit in ((self.guided[1], MAX_INTERVAL_RATIO), (self.guided[2], MAX_UNGUIDED_RATIO)):
            if row.ratio > limit:
                missed.append(f"time with guidance {row.guidance}: {row.ratio:.2f} of guided, wanted at most {limit}")
        if self.long.growth_mebibytes > MAX_GROWTH_MEBIBYTES:
            missed.append(
                f"memory of a long video grew by {self.long.growth_mebibytes:.0f} MiB, "
                f"wanted at most {MAX_GROWTH_MEBIBYTES:.0f}"
            )
        return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", nargs="?", type=Path, help="a checkpoint's file (default: trains nano first)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="under a minute")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of torch")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    report = measure(options.checkpoint.read_bytes() if options.checkpoint else trained(options.short), options.short)
    print(json.dumps(asdict(report), indent=2) if options.json else as_table(report))
    missed = report.misses()
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def trained(short: bool) -> bytes:
    """A nano checkpoint that makes something of noise."""
    clips = make_clips(num_clips=64 if short else 256, seed=1, shape=DEMO_SHAPE)
    job = TrainJob(num_steps=40 if short else 300, seed=2, warmup_steps=10)
    return train_inner(initial("nano", 0), clips, job, device="cpu").end_state


def measure(checkpoint: bytes, short: bool) -> Report:
    """Speed and error at nano, speed at tiny, guidance, a long video."""
    denoiser = Denoiser(load_model(checkpoint))
    reference = follow(denoiser, "heun", times(denoiser, substeps=4 if short else 8))[0]
    solved = [
        solve(denoiser, name, times(denoiser, stride=stride), reference) for name in SAMPLERS for stride in STRIDES
    ]
    if not short:
        tiny = Denoiser(load_model(initial("tiny", 0)))
        solved += [solve(tiny, name, times(tiny, stride=2 if name == "heun" else 1), None) for name in SAMPLERS]
    return Report(
        machine=f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads, "
        f"clips of {DEMO_SHAPE.num_frames}x{DEMO_SHAPE.height}x{DEMO_SHAPE.width}",
        solved=solved,
        guided=guide(denoiser),
        long=grow(denoiser, LONG_SECONDS_SHORT if short else LONG_SECONDS),
    )


def times(denoiser: Denoiser, *, stride: int = 1, substeps: int = 1) -> list[float]:
    """From 1 to the last time of the schedule of GRID steps, then 0: every stride-th of its times, or more between."""
    fine = denoiser.objective.schedule(GRID * substeps)
    return [*fine[: (GRID - 1) * substeps + 1 : stride], 0.0]


def follow(denoiser: Denoiser, sampler: str, schedule: list[float]) -> tuple[Tensor, float]:
    """Latents of the fixed prompts and seed, and seconds a clip, decoding included."""
    shape = (len(PROMPTS), *denoiser.codec.latent_shape(DEMO_SHAPE))
    noise = torch.tensor(generator(5).standard_normal(shape, dtype=np.float32))
    start = time.perf_counter()
    with torch.no_grad():
        predict = predictor(denoiser, list(PROMPTS), Recipe(), noise, None)
        latents = SAMPLERS[sampler](denoiser.objective, predict, noise, schedule)
        denoiser.codec.decode(latents)
    return latents, (time.perf_counter() - start) / len(PROMPTS)


def solve(denoiser: Denoiser, sampler: str, schedule: list[float], reference: Tensor | None) -> Solved:
    """Time one solver and compare its clips with the reference's."""
    latents, seconds = follow(denoiser, sampler, schedule)
    error = None if reference is None else float((latents - reference).square().mean().sqrt())
    num_steps = len(schedule) - 1
    return Solved(
        preset=denoiser.model.config.preset,
        sampler=sampler,
        num_steps=num_steps,
        num_evaluations=evaluations(sampler, num_steps),
        seconds_per_clip=round(seconds, 3),
        network_error=None if error is None else round(error, 4),
        exact_error=round(exact_error(denoiser.objective, sampler, num_steps), 4),
    )


def exact_error(objective: Objective, sampler: str, num_steps: int) -> float:
    """Solve for Gaussian clips of known covariance, direction by direction, and compare with the closed form."""
    variance = clip_variances()

    def predict(x: Tensor, t: float) -> Tensor:
        alpha, sigma = (share(torch.tensor(t, dtype=torch.float64)) for share in (objective.alpha, objective.sigma))
        return alpha * variance / (alpha**2 * variance + sigma**2) * x

    noise = torch.randn(64, len(variance), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    solved, closed = (
        SAMPLERS[sampler](objective, predict, noise, objective.schedule(num_steps)),
        noise * variance.sqrt(),
    )
    return float((solved - closed).square().sum().sqrt() / closed.square().sum().sqrt())


@lru_cache(maxsize=1)
def clip_variances() -> Tensor:
    """Variances of the worlds' clips along their principal directions, each clip's background taken away."""
    pixels = torch.tensor(make_clips(num_clips=256, seed=3, shape=DEMO_SHAPE).frames.astype(np.float64)) / SPREAD
    background = pixels.flatten(1, 3).median(dim=1).values
    clips = (pixels - background[:, None, None, None]).flatten(1)
    values = torch.linalg.svdvals(clips - clips.mean(0)).square() / len(clips)
    return values[values > 1e-9 * values[0]]


def guide(denoiser: Denoiser) -> list[Guided]:
    """Throughout, in an interval of time, not at all."""
    kinds: dict[str, dict[str, Any]] = {
        "throughout": {},
        "0.5 < t < 0.95": {"interval": (0.5, 0.95)},
        "none": {"guidance": 1.0},
    }
    rounds = [{kind: _seconds(denoiser, **options) for kind, options in kinds.items()} for _ in range(3)]
    taken = {kind: min(times[kind] for times in rounds) for kind in kinds}
    return [
        Guided(guidance=kind, seconds_per_clip=round(seconds, 3), ratio=round(seconds / taken["throughout"], 2))
        for kind, seconds in taken.items()
    ]


def grow(denoiser: Denoiser, video_seconds: int) -> Long:
    """Extend a clip, dropping what was made, and watch the process's memory."""
    process, levels = psutil.Process(), []
    recipe = Recipe(sampler="dpm++", num_steps=8)
    start = time.perf_counter()
    for _ in extend(denoiser, PROMPTS[0], seed=0, num_frames=video_seconds * FPS, recipe=recipe):
        levels.append(process.memory_info().rss / 2**20)
    taken = time.perf_counter() - start
    return Long(
        video_seconds=video_seconds,
        seconds_per_video_second=round(taken / video_seconds, 3),
        peak_mebibytes=round(max(levels), 1),
        growth_mebibytes=round(max(levels) - levels[WARM_PIECES], 1),
    )


def _seconds(denoiser: Denoiser, **options: Any) -> float:
    start = time.perf_counter()
    sample_many(denoiser, PROMPTS, seed=5, **options)
    return (time.perf_counter() - start) / len(PROMPTS)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def as_table(report: Report) -> str:
    """Columns of numbers, ratios side by side."""
    base = {r.preset: r.seconds_per_clip for r in report.solved if (r.sampler, r.num_evaluations) == ("euler", GRID)}
    lines = [
        report.machine,
        f"{'preset':<8}{'solver':<9}{'steps':>6}{'evals':>7}{'s/clip':>9}{'x euler-25':>12}{'network':>9}{'exact':>8}",
    ]
    for row in report.solved:
        error = "" if row.network_error is None else f"{row.network_error:.4f}"
        lines.append(
            f"{row.preset:<8}{row.sampler:<9}{row.num_steps:>6}{row.num_evaluations:>7}{row.seconds_per_clip:>9.3f}"
            f"{row.seconds_per_clip / base[row.preset]:>12.2f}{error:>9}{row.exact_error:>8.4f}"
        )
    lines += ["", f"{'guidance':<18}{'s/clip':>9}{'x guided':>10}"]
    lines += [f"{row.guidance:<18}{row.seconds_per_clip:>9.3f}{row.ratio:>10.2f}" for row in report.guided]
    long = report.long
    return "\n".join(
        [
            *lines,
            "",
            f"a video of {long.video_seconds:.0f} s (dpm++, 8 steps a window): {long.seconds_per_video_second:.2f} s "
            f"a second, peak {long.peak_mebibytes:.0f} MiB, grown by {long.growth_mebibytes:.1f} MiB since window "
            f"{WARM_PIECES + 1}",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
