"""Trains a small model on the procedural worlds in half an hour of CPU and asks what it has learnt of their laws.

python benchmarks/train_worlds.py --out build/worlds-tiny     trains (resumes where it stopped), scores, prints a table
python benchmarks/train_worlds.py --short                     the same at preset nano, under a minute; learns little
python benchmarks/train_worlds.py --check                     exits 1 and names each missed target
python benchmarks/train_worlds.py --json                      for machines
python benchmarks/train_worlds.py --sheet worlds-tiny.png     draws truth and the model's continuation, law by law

OUT holds the run's checkpoints (`latest/ema.safetensors` is scored) and log.jsonl, a line a step.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from model.checkpoint import initial, load_model
from model.config import ModelConfig
from model.data.video import contact_sheet
from model.data.worlds import LAWS, make_scene, render
from model.denoiser import Denoiser
from model.evaluate.intervals import Estimate
from model.evaluate.plausibility import plausibility
from model.evaluate.predictors import ModelPredictor
from model.evaluate.trajectory import trajectory
from model.job import VideoShape
from model.presets import preset
from model.sample import Recipe
from model.shapes import num_parameters
from model.training.feed import Feed
from model.training.fit import Habits, Progress, fit, steps_within
from model.training.plan import FitPlan
from model.training.rotation import EMA, Rotation
from model.training.run_state import RunState
from model.training.sources import WorldSource

SHAPE = VideoShape(num_frames=12, height=32, width=32)
NUM_GIVEN = 4
TASKS = (
    *(("unconditional", 4.0), ("predict", 4.0)),
    *((name, 0.4) for name in ("backward", "interpolate", "first_frame", "first_last", "random_frames", "tube")),
)
"""Half for the plausibility score, which asks without given frames, and for continuation; the others for breadth."""
MAX_PREFERENCE_ERROR = 0.20
TRAIN_SEED, TEST_SEED = 1, 900_001


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained and how it is scored."""

    preset: str = "tiny"
    minutes: float = 30.0
    batch_size: int = 16
    learning_rate: float = 2e-3
    bf16: bool = True
    """Matrix products in bfloat16: a gain on processors that multiply it (AVX512-BF16, AMX), a loss on others."""
    patch_frames: int = 2
    """Frames of a token. Two halve the tokens and so double the clips seen; the preset itself has one."""
    num_pairs: int = 210
    """Matched sets of the plausibility score."""
    num_scenes: int = 32
    """Clips of each law that are continued."""
    solver_steps: int = 24

    @property
    def config(self) -> ModelConfig:
        config = preset(self.preset)
        return replace(config, patch=(self.patch_frames, *config.patch[1:]))


SHORT = Settings(
    preset="nano", minutes=0.25, batch_size=8, learning_rate=3e-3, num_pairs=7, num_scenes=2, solver_steps=6
)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the trained model can do."""

    preference_error: Estimate
    """Share of matched sets in which the impossible clips have the lower loss."""
    by_edit: dict[str, Estimate]
    rmse: dict[str, float]
    """Position RMSE of uniform motion in the last frame, canvas heights, by predictor."""
    floor: float
    """RMSE of the tracker itself."""

    def misses(self) -> list[str]:
        """The targets that it does not meet, in words."""
        missed = []
        if self.preference_error.value > MAX_PREFERENCE_ERROR:
            error = f"{self.preference_error.value:.1%}"
            missed.append(f"plausibility preference error {error}, wanted at most {MAX_PREFERENCE_ERROR:.0%}")
        if not self.rmse["model"] < self.rmse["copy last"]:
            missed.append(
                f"position RMSE {self.rmse['model']:.3f}, wanted below copy last's {self.rmse['copy last']:.3f}"
            )
        return missed


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the run went."""

    steps: int
    clips: int
    seconds: float
    """Of training, over all sittings."""
    heldout_loss: float
    """Of the averaged weights, at the last step."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    settings = (
        SHORT
        if options.short
        else Settings(
            **{
                name: getattr(options, name)
                for name in ("preset", "minutes", "batch_size", "learning_rate", "bf16", "patch_frames", "num_pairs")
            }
        )
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        quiet = options.json
        training = train(settings, folder, quiet=quiet)
        checkpoint = (Rotation(folder=folder).folder / "latest" / EMA).read_bytes()
    denoiser = Denoiser(load_model(checkpoint))
    if options.sheet:
        options.sheet.write_bytes(sheet(denoiser, settings))
    found = score(denoiser, settings)
    print(as_json(settings, training, found) if options.json else as_table(settings, training, found))
    missed = found.misses()
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def train(settings: Settings, folder: Path, *, quiet: bool = False) -> Training:
    """Train for the minutes that are left of the settings', and say how the whole run went."""
    log = Log(folder / "log.jsonl", quiet=quiet)
    source = WorldSource(name="worlds", shape=SHAPE, seed=TRAIN_SEED)
    feed, checkpoint = Feed(sources=[source]), initial(settings.config, TRAIN_SEED)
    habits = Habits(save_every=400, keep=1, heldout=replace(source, seed=TEST_SEED).take(0, 36), heldout_every=400)
    started = time.perf_counter()
    plan = _plan(settings, checkpoint, feed, folder)
    spent = log.seconds + time.perf_counter() - started
    log.begin(spent)
    fit(
        checkpoint,
        plan,
        feed,
        folder,
        resume=True,
        habits=habits,
        on_progress=log.write,
        out_of_time=lambda: log.now() > 60 * settings.minutes,
    )
    last = log.last()
    return Training(
        steps=last["step"],
        clips=last["step"] * plan.batch_size,
        seconds=last["seconds"],
        heldout_loss=last["heldout_loss"],
    )


class Log:
    """A line of JSON a step, with the seconds of training so far over all sittings."""

    def __init__(self, path: Path, *, quiet: bool) -> None:
        self.path, self._quiet = path, quiet
        path.parent.mkdir(parents=True, exist_ok=True)
        self.seconds = float(self.last()["seconds"]) if path.is_file() else 0.0
        self._started, self._told = time.perf_counter(), 0.0

    def begin(self, spent: float) -> None:
        """Count from `spent` seconds on."""
        self.seconds, self._started = spent, time.perf_counter()

    def now(self) -> float:
        return self.seconds + time.perf_counter() - self._started

    def write(self, progress: Progress) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps({**asdict(progress), "seconds": round(self.now(), 2)}) + "\n")
        if not self._quiet and (progress.heldout_loss is not None or self.now() - self._told > 20):
            self._told = self.now()
            heldout = "" if progress.heldout_loss is None else f"  held-out {progress.heldout_loss:.4f}"
            speed = f"{progress.clips_per_second:.1f} clips/s"
            print(
                f"{self._told:7.0f} s  step {progress.step:5}  loss {progress.loss:.4f}  {speed}{heldout}", flush=True
            )

    def last(self) -> dict[str, float]:
        """The newest line."""
        return dict(json.loads(self.path.read_text().splitlines()[-1]))


def _plan(settings: Settings, checkpoint: bytes, feed: Feed, folder: Path) -> FitPlan:
    """The plan of the run in the folder, else one whose steps fill the time on this machine."""
    latest = Rotation(folder=folder).latest()
    if latest:
        return RunState.from_bytes((latest / "state.safetensors").read_bytes()).plan
    plan = FitPlan(
        num_steps=100,
        seed=TRAIN_SEED,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=20,
        ema_decay=0.995,
        bf16=settings.bf16,
        tasks=TASKS,
    )
    return replace(plan, num_steps=steps_within(checkpoint, plan, feed, 60 * settings.minutes))


def score(denoiser: Denoiser, settings: Settings) -> Score:
    """Ask for plausibility in all laws, and for the last frame of uniform motion."""
    preferred = plausibility(denoiser, num_pairs=settings.num_pairs, seed=TEST_SEED, shape=SHAPE)
    ahead = trajectory(
        denoiser,
        num_scenes=settings.num_scenes,
        seed=TEST_SEED,
        shape=SHAPE,
        num_given=NUM_GIVEN,
        recipe=Recipe(num_steps=settings.solver_steps, guidance=1.0),
    )
    num = preferred.num_pairs
    return Score(
        preference_error=Estimate(value=preferred.error, low=preferred.low, high=preferred.high, num=num),
        by_edit=preferred.by_edit,
        rmse={name: errors.position[-1] for name, errors in ahead.errors.items()},
        floor=ahead.tracker_floor,
    )


def sheet(denoiser: Denoiser, settings: Settings) -> bytes:
    """A PNG: for each law the truth, and below it the model's continuation of its first frames."""
    recipe = Recipe(num_steps=settings.solver_steps, guidance=1.0)
    predict = ModelPredictor(denoiser=denoiser, seed=TEST_SEED, recipe=recipe)
    rows = []
    for law in LAWS:
        scene = make_scene(law, TEST_SEED, SHAPE)
        truth = render(scene)
        rows += [truth, predict(truth[None, :NUM_GIVEN], [scene], SHAPE.num_frames)[0]]
    return contact_sheet(rows)


def machine() -> str:
    """The processor's class, never the host's name."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.is_file()
        else []
    )
    return (
        f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    )


def as_table(settings: Settings, training: Training, found: Score) -> str:
    """Training, the two targets, and what lies behind them."""
    millions = num_parameters(settings.config) / 1e6
    error, rmse = found.preference_error, found.rmse
    lines = [
        machine(),
        f"preset {settings.preset}, {millions:.1f}M parameters, patch {settings.config.patch}, "
        f"{'bfloat16' if settings.bf16 else 'float32'}, batches of {settings.batch_size}",
        f"{training.steps} steps, {training.clips} clips of {SHAPE.num_frames}x{SHAPE.height}x{SHAPE.width}, "
        f"{training.seconds / 60:.1f} min, {training.clips / training.seconds:.1f} clips/s, "
        f"held-out loss {training.heldout_loss:.4f}",
        f"plausibility preference error, in distribution   {error.value:.1%} ({error.low:.1%} to {error.high:.1%}, "
        f"{error.num} sets), wanted at most {MAX_PREFERENCE_ERROR:.0%}, a coin has 50 %",
        *(f"    {name:<12}{one.value:7.1%}" for name, one in found.by_edit.items()),
        f"position RMSE of uniform motion, {SHAPE.num_frames - NUM_GIVEN} frames ahead, canvas heights",
        *(f"    {name:<20}{value:.4f}{value / rmse['copy last']:8.2f} of copy last" for name, value in rmse.items()),
        f"    {'tracker itself':<20}{found.floor:.4f}",
    ]
    return "\n".join(lines)


def as_json(settings: Settings, training: Training, found: Score) -> str:
    """Settings, training, targets and scores."""
    parts = {"settings": asdict(settings), "training": asdict(training), "score": asdict(found)}
    targets = {"preference_error": MAX_PREFERENCE_ERROR, "rmse": found.rmse["copy last"]}
    return json.dumps({"machine": machine(), "targets": targets, **parts}, indent=1, default=float)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, help="folder of the run (default: a temporary one)")
    parser.add_argument("--preset", default=Settings.preset, help="size of the model")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="of training, over all sittings")
    parser.add_argument("--batch-size", type=int, default=Settings.batch_size, help="clips of a step")
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate, help="the highest")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=Settings.bf16, help="half precision")
    parser.add_argument("--patch-frames", type=int, default=Settings.patch_frames, help="latent frames of a token")
    parser.add_argument("--num-pairs", type=int, default=Settings.num_pairs, help="matched sets of plausibility")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of torch")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")
    parser.add_argument("--short", action="store_true", help="preset nano, seconds")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
