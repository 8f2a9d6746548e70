from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import initial, read
from model.config import CodecConfig
from model.data.worlds import make_clips
from model.job import TrainJob, VideoShape
from model.presets import preset
from model.train import train_inner
from model.training.feed import Feed
from model.training.fit import Habits, Progress, fit
from model.training.parallel import Group
from model.training.plan import FitPlan
from model.training.sources import ClipSource
from model.training.trainer import Trainer

MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))
FEED = Feed(
    sources=[
        ClipSource(
            name="clips", clips=make_clips(num_clips=8, seed=0, shape=VideoShape(num_frames=3, height=8, width=8))
        )
    ]
)
# A trained base: behind the closed gates of a new model gradients are rounding alone, which AdamW makes steps of.
START = train_inner(
    initial(MINI, seed=0), FEED.sources[0].take(0, 8), TrainJob(num_steps=30, seed=0, learning_rate=3e-3)
).end_state
TASKS = (("unconditional", 1.0), ("predict", 1.0))
PLAN = FitPlan(num_steps=6, seed=3, batch_size=4, parts=2, learning_rate=3e-4, warmup_steps=2, tasks=TASKS)


def train(folder: Path, *, resume: bool = False, stop_after: int = 6) -> list[float]:
    losses: list[float] = []

    def hear(progress: Progress) -> None:
        losses.append(progress.loss)

    habits = Habits(save_every=3, heldout=FEED.sources[0].take(0, 2), heldout_every=6)
    ends = iter(range(1, 100))
    fit(
        START,
        PLAN,
        FEED,
        folder,
        resume=resume,
        habits=habits,
        on_progress=hear,
        out_of_time=lambda: next(ends) >= stop_after,
    )
    return losses


def main(folder: Path) -> None:
    """What each of two processes does: half of the run, then the rest from its checkpoint."""
    first = train(folder, stop_after=3)
    rest = train(folder, resume=True)
    if os.environ["RANK"] == "0":
        (folder / "losses.json").write_text(json.dumps(first + rest))


def test_parts_that_do_not_share_out_evenly_are_refused() -> None:
    with pytest.raises(ValueError, match="parts must be a multiple of the 3 processes, got 2"):
        Trainer(START, PLAN, FEED, group=Group(rank=0, size=3))


@pytest.mark.real
def test_two_processes_train_as_one_does_and_resume_as_any_number(tmp_path: Path) -> None:
    alone = train(tmp_path / "alone")
    two = tmp_path / "two"
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        __file__,
        str(two),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((two / "losses.json").read_text()) == pytest.approx(alone, rel=1e-5)
    ours, theirs = (read((tmp_path / name / "latest" / "ema.safetensors").read_bytes()) for name in ("alone", "two"))
    assert ours.config == theirs.config
    for name, tensor in ours.tensors.items():
        assert float(np.abs(tensor - theirs.tensors[name]).mean()) < 1e-6  # six steps of up to 3e-4
    state = (two / "step-00000003" / "state.safetensors").read_bytes()
    again = Trainer.resume(state, PLAN, FEED, group=Group())
    assert again.step().loss == pytest.approx(alone[3], rel=1e-5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
