"""What the world-model scores are worth: the tracker's floor, the baselines, a coin, and a linear probe of the state.

python benchmarks/world_scores.py            tables; trains a diffusion and a V-JEPA backbone for --minutes each
python benchmarks/world_scores.py --short    the same in about a minute
python benchmarks/world_scores.py --json     for machines
python benchmarks/world_scores.py --check    exits 1 and names each missed target
python benchmarks/world_scores.py --checkpoint FILE    probes this trained backbone in place of one trained here
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.checkpoint import initial, load_model
from model.data.worlds import LAWS, make_clips, make_scenes, render
from model.denoiser import Denoiser
from model.evaluate.observe import blobs_of, clear
from model.evaluate.permanence import HIDING, permanence
from model.evaluate.plausibility import plausibility
from model.evaluate.predictors import BASELINES
from model.evaluate.probe_states import Features, ProbeRow, diffusion_features, jepa_features, pixels, probe_table
from model.evaluate.trajectory import continue_clips, tracker_floor, trajectory_of
from model.job import TrainJob, VideoShape
from model.train import train_inner
from model.training.jepa_train import train_jepa

SHAPE = VideoShape(num_frames=8, height=32, width=32)
NUM_GIVEN = 4
MAX_FLOOR_PIXELS = 0.2
MANY_STEPS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured."""

    scenes: int
    pairs: int
    seconds: float
    """Of training, each backbone."""
    train_clips: int
    probe_scenes: tuple[int, int]
    """To fit, to score."""


SHORT = Plan(scenes=4, pairs=21, seconds=6.0, train_clips=96, probe_scenes=(96, 48))
LONG = Plan(scenes=24, pairs=105, seconds=240.0, train_clips=1800, probe_scenes=(512, 256))


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The tracker on rendered truth."""

    law: str
    side: int
    """Pixels of a frame's side."""
    pixels: float
    """RMSE of a body's centre, in pixels."""
    wrong_counts: int
    frames: int
    """Frames in which every body is whole, so that they can be counted."""
    milliseconds: float
    """A frame."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A predictor that is no model."""

    predictor: str
    rmse_last: float
    """Of the position in the last frame of uniform motion, canvas heights."""
    kept: float
    """Permanence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="about a minute")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--minutes", type=float, help="training of each backbone")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 lets torch choose")
    parser.add_argument("--checkpoint", type=Path, help="a trained diffusion backbone of preset nano's codec")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    plan = SHORT if options.short else LONG
    seconds = plan.seconds if options.minutes is None else 60 * options.minutes
    found = measure(plan, seconds, options.checkpoint)
    print(json.dumps(found, indent=1) if options.json else as_tables(found))
    missed = misses(found)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def measure(plan: Plan, seconds: float, checkpoint: Path | None) -> dict[str, Any]:
    """Everything, as JSON's types."""
    untrained = plausibility(Denoiser(load_model(initial("nano", 0))), num_pairs=plan.pairs, seed=0, shape=SHAPE)
    kinds, training = backbones(plan, seconds, checkpoint)
    rows = probe_table(kinds, num_train=plan.probe_scenes[0], num_test=plan.probe_scenes[1], shape=SHAPE)
    return {
        "machine": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} torch threads",
        "floors": [asdict(floor(law, side, plan.scenes)) for side in (32, 64) for law in LAWS],
        "baselines": [asdict(row) for row in baselines(plan.scenes)],
        "untrained_plausibility_error": untrained.error,
        "training": training,
        "probe": [asdict(row) for row in rows],
    }


def floor(law: str, side: int, num_scenes: int) -> Floor:
    """The tracker's error, its counts and its time."""
    shape = VideoShape(num_frames=8, height=side, width=side)
    scenes = make_scenes(num_scenes, 1, shape, [law])
    clips = [render(scene) for scene in scenes]
    start = time.perf_counter()
    blobs = [blobs_of(clip, scene) for clip, scene in zip(clips, scenes, strict=True)]
    taken = time.perf_counter() - start
    wrong = frames = 0
    for scene, found in zip(scenes, blobs, strict=True):
        for frame in np.flatnonzero((clear(scene) | ~scene.exists).all(axis=0)):
            wrong += len(found[frame]) != int(scene.exists[:, frame].sum())
            frames += 1
    return Floor(
        law=law,
        side=side,
        pixels=tracker_floor(scenes) * side,
        wrong_counts=wrong,
        frames=frames,
        milliseconds=1000 * taken / (num_scenes * shape.num_frames),
    )


def baselines(num_scenes: int) -> list[Baseline]:
    """Position in uniform motion and permanence, by predictor."""
    scenes = make_scenes(num_scenes, 2, SHAPE, ["uniform"])
    moved = trajectory_of(scenes, continue_clips(scenes, BASELINES, NUM_GIVEN), NUM_GIVEN)
    memory = permanence(make_scenes(2 * num_scenes, 3, SHAPE, HIDING), BASELINES)
    return [
        Baseline(predictor=name, rmse_last=moved.errors[name].position[-1], kept=memory[name].kept.value)
        for name in BASELINES
    ]


def backbones(plan: Plan, seconds: float, checkpoint: Path | None) -> tuple[dict[str, Features], dict[str, Any]]:
    """Features to probe: the same preset untrained, trained to denoise and trained to predict latents."""
    start, clips = initial("nano", 0), make_clips(num_clips=plan.train_clips, seed=5, shape=SHAPE)
    job = TrainJob(num_steps=MANY_STEPS, batch_size=16, seed=0, learning_rate=2e-3, warmup_steps=20)
    steps_made: list[int] = []
    jepa = train_jepa(
        start, clips, job, out_of_time=_clock(seconds), on_step=lambda step: steps_made.append(step.index)
    )
    if checkpoint is None:
        result = train_inner(start, clips, job, out_of_time=_clock(seconds), device="cpu")
        diffusion, steps = result.end_state, result.num_steps
    else:
        diffusion, steps = checkpoint.read_bytes(), 0
    kinds: dict[str, Features] = {
        "raw pixels": pixels,
        "random weights": diffusion_features(Denoiser(load_model(start))),
        "diffusion": diffusion_features(Denoiser(load_model(diffusion))),
        "V-JEPA": jepa_features(Denoiser(load_model(jepa.checkpoint))),
    }
    return kinds, {
        "seconds": seconds,
        "diffusion_steps": steps,
        "jepa_steps": len(steps_made),
        "jepa_loss": jepa.loss,
        "jepa_spread": jepa.spread,
        "jepa_collapsed": jepa.collapsed,
    }


def _clock(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def misses(found: dict[str, Any]) -> list[str]:
    """The targets that are not met, in words."""
    missed = [
        f"tracker on {row['law']} at {row['side']} pixels: {row['pixels']:.2f} pixels, "
        f"{row['wrong_counts']} wrong counts, wanted at most {MAX_FLOOR_PIXELS} and none"
        for row in found["floors"]
        if row["pixels"] > MAX_FLOOR_PIXELS or row["wrong_counts"]
    ]
    by = {row["predictor"]: row for row in found["baselines"]}
    if by["oracle"]["kept"] != 1.0 or by["copy last"]["kept"] != 0.0:
        missed.append(f"permanence of the oracle {by['oracle']['kept']}, of copy last {by['copy last']['kept']}")
    if not by["oracle"]["rmse_last"] < by["constant velocity"]["rmse_last"] < by["copy last"]["rmse_last"]:
        missed.append("baselines out of order on uniform motion")
    if found["untrained_plausibility_error"] != 0.5:
        missed.append(f"an untrained model's plausibility error is {found['untrained_plausibility_error']}, wanted 0.5")
    if found["training"]["jepa_collapsed"]:
        missed.append(f"V-JEPA collapsed: spread {found['training']['jepa_spread']:.3f}")
    return missed


def as_tables(found: dict[str, Any]) -> str:
    """Four tables."""
    lines = [
        found["machine"],
        "",
        f"{'tracker on truth':<18}{'side':>6}{'pixels':>9}{'wrong counts':>14}{'ms/frame':>10}",
    ]
    lines += [
        f"{row['law']:<18}{row['side']:>6}{row['pixels']:>9.3f}{row['wrong_counts']:>8}/{row['frames']:<5}"
        f"{row['milliseconds']:>10.1f}"
        for row in found["floors"]
    ]
    lines += ["", f"{'predictor':<20}{'uniform, last RMSE':>20}{'permanence kept':>18}"]
    lines += [f"{row['predictor']:<20}{row['rmse_last']:>20.4f}{row['kept']:>18.2f}" for row in found["baselines"]]
    training = found["training"]
    lines += [
        "",
        f"plausibility error of an untrained model: {found['untrained_plausibility_error']:.3f} (a coin: 0.5)",
        f"training, {training['seconds']:.0f} s each: diffusion {training['diffusion_steps']} steps, V-JEPA "
        f"{training['jepa_steps']} steps, L1 {training['jepa_loss']:.3f}, spread {training['jepa_spread']:.2f}",
        "",
        f"{'linear probe':<18}{'view':<9}{'features':>9}{'R2 position':>13}{'R2 velocity':>13}",
    ]
    rows = [ProbeRow(**row) for row in found["probe"]]
    lines += [f"{r.name:<18}{r.view:<9}{r.num_features:>9}{r.position:>13.3f}{r.velocity:>13.3f}" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
