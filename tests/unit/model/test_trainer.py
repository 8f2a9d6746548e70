from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import from_numpy, initial, read, to_numpy
from model.config import CodecConfig
from model.data.worlds import make_clips
from model.job import VideoShape
from model.presets import preset
from model.training.ema import Ema
from model.training.feed import Feed, generator
from model.training.fit import Habits, Progress, fit
from model.training.plan import FitPlan
from model.training.rotation import Rotation
from model.training.run_state import RunState
from model.training.sources import ClipSource, WorldSource
from model.training.step import TrainingDiverged
from model.training.trainer import Trainer

MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))
START = initial(MINI, seed=0)
VIDEO = make_clips(num_clips=6, seed=0, shape=VideoShape(num_frames=3, height=8, width=8))
IMAGES = WorldSource(name="images", shape=VideoShape(num_frames=1, height=16, width=16), seed=1)
FEED = Feed(sources=[ClipSource(name="video", clips=VIDEO), IMAGES], weights=[2, 1])
PLAN = FitPlan(num_steps=8, seed=3, batch_size=4, learning_rate=3e-3, warmup_steps=2, ema_decay=0.9)
PLAN = replace(PLAN, tasks=(("unconditional", 1.0), ("predict", 2.0), ("tube", 1.0)))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_resumed_run_ends_with_the_bytes_of_one_that_never_stopped() -> None:
    whole, cut = Trainer(START, PLAN, FEED), Trainer(START, PLAN, FEED)
    whole.run()
    for _ in range(5):
        cut.step()
    again = Trainer.resume(cut.state(), PLAN, FEED)
    again.run()
    assert again.state() == whole.state()
    assert set(whole.positions.values()) != {0}


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 5:
            raise Killed

    habits = Habits(save_every=2)
    whole = fit(START, PLAN, FEED, tmp_path / "whole", habits=habits)
    with pytest.raises(Killed):
        fit(START, PLAN, FEED, tmp_path / "cut", habits=habits, on_progress=kill)
    again = fit(START, PLAN, FEED, tmp_path / "cut", resume=True, habits=habits)
    assert again.name == whole.name == "step-00000008"
    for file in sorted(whole.iterdir()):
        assert (again / file.name).read_bytes() == file.read_bytes()


def test_a_run_with_another_plan_or_feed_is_not_resumed() -> None:
    state = Trainer(START, PLAN, FEED).state()
    with pytest.raises(ValueError, match=r"batch_size 4 \(now 2\)"):
        Trainer.resume(state, replace(PLAN, batch_size=2), FEED)
    with pytest.raises(ValueError, match=r"sources \['video'\], got \['images', 'video'\]"):
        Trainer.resume(state, PLAN, Feed(sources=FEED.sources[:1]))
    with pytest.raises(ValueError, match="not the state of a training run"):
        Trainer.resume(START, PLAN, FEED)


def test_the_loss_of_a_batch_in_parts_is_the_mean_of_its_parts() -> None:
    feed = Feed(sources=FEED.sources[:1])
    trainer = Trainer(START, replace(PLAN, parts=2), feed)
    losses = []
    for number in (0, 1):
        part = trainer.denoiser.prepare(FEED.sources[0].take(2 * number, 2))
        losses.append(trainer.denoiser.training_loss(part, generator(PLAN.seed, 1, number), dict(PLAN.tasks)).item())
    assert trainer.step().loss == pytest.approx(sum(losses) / 2)
    assert trainer.positions == {"video": 4}


def test_the_learning_rate_climbs_then_follows_half_a_cosine() -> None:
    plan = FitPlan(num_steps=12, seed=0, learning_rate=1.0, warmup_steps=2, final_rate=0.1)
    assert [plan.rate_at(step) for step in (1, 2, 7, 12)] == pytest.approx([0.5, 1.0, 0.55, 0.1])
    assert replace(plan, decay="constant").rate_at(12) == 1.0


def test_the_average_follows_slowly_once_it_is_warm() -> None:
    weight = torch.zeros(1)
    ema = Ema({"w": weight}, 0.5)
    weight.fill_(1.0)
    ema.update()  # decay (1 + 0) / (10 + 0)
    assert float(ema.averages["w"]) == pytest.approx(0.9)
    weight.fill_(2.0)
    ema.update()  # decay 2 / 11
    assert float(ema.averages["w"]) == pytest.approx(0.9 * 2 / 11 + 2.0 * 9 / 11)
    with ema.in_place():
        assert float(weight) == float(ema.averages["w"])
    assert float(weight) == 2.0


def test_a_run_leaves_weights_and_their_average_as_checkpoints(tmp_path: Path) -> None:
    seen: list[Progress] = []
    habits = Habits(save_every=3, heldout=VIDEO.take([0, 1]), heldout_every=4)
    last = fit(START, PLAN, FEED, tmp_path, habits=habits, on_progress=seen.append)
    assert Rotation(folder=tmp_path).steps() == [6, 8]
    assert (tmp_path / "latest").resolve() == last
    weights, average = (read((last / f"{name}.safetensors").read_bytes()) for name in ("model", "ema"))
    assert weights.config == average.config == MINI
    assert not np.array_equal(weights.tensors["patch_in.weight"], average.tensors["patch_in.weight"])
    assert [p.step for p in seen if p.heldout_loss] == [4, 8]
    assert seen[-1].learning_rate == pytest.approx(0.02 * 3e-3)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    tensors = {name: array.copy() for name, array in to_numpy(START).items()}
    tensors["final.patch_out.weight"][:] = 1e30
    broken = from_numpy(tensors, MINI)
    with pytest.raises(TrainingDiverged, match=r"inner step 1: loss (inf|nan).*kept in .*step-00000000"):
        fit(broken, PLAN, FEED, tmp_path)
    state = RunState.from_bytes((tmp_path / "latest" / "state.safetensors").read_bytes())
    assert state.step == 0
    assert np.array_equal(state.weights["patch_in.weight"], tensors["patch_in.weight"])


def test_time_that_runs_out_leaves_a_run_to_be_resumed(tmp_path: Path) -> None:
    last = fit(START, PLAN, FEED, tmp_path, out_of_time=lambda: True)
    assert last.name == "step-00000001"
    with pytest.raises(ValueError, match="holds a run, step-00000001; resume it"):
        fit(START, PLAN, FEED, tmp_path)
    assert fit(START, PLAN, FEED, tmp_path, resume=True).name == "step-00000008"


@pytest.mark.real
def test_a_process_killed_at_any_moment_leaves_a_run_that_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """SIGKILL as soon as the third checkpoint appears: most likely in a step, perhaps in a save."""
    whole = fit(START, PLAN, FEED, tmp_path / "whole", habits=Habits(save_every=1))
    code = "import sys; from pathlib import Path; import test_trainer as t; t.torch.set_num_threads(1); "
    code += "t.fit(t.START, t.PLAN, t.FEED, Path(sys.argv[1]), habits=t.Habits(save_every=1))"
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(Path(__file__).parent)])
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "cut")], env={**os.environ, "PYTHONPATH": path}
    )
    cut, deadline = Rotation(folder=tmp_path / "cut"), time.monotonic() + 120
    while (not cut.steps() or cut.steps()[-1] < 3) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert 3 <= cut.steps()[-1] < 8
    again = fit(START, PLAN, FEED, tmp_path / "cut", resume=True, habits=Habits(save_every=1))
    for file in sorted(whole.iterdir()):
        assert (again / file.name).read_bytes() == file.read_bytes()
