from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from model.checkpoint import initial
from model.data.worlds import make_clips
from model.job import TrainJob, VideoShape
from model.presets import preset
from model.train import train_inner
from model.training.feed import Feed
from model.training.memory import TOLERANCE, DoesNotFit, Load, advising, check_fits, estimate, free_bytes
from model.training.plan import FitPlan
from model.training.sources import ClipSource
from model.training.trainer import Trainer

CLIPS = make_clips(num_clips=8, seed=0, shape=VideoShape(num_frames=8, height=32, width=32))


def measured_peak(step: Callable[[], object]) -> int:
    """Bytes that torch held beyond those at the start."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()  # type: ignore[union-attr]
    held = highest = 0
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


@pytest.mark.parametrize(
    ("name", "clips", "recompute", "bf16"),
    [("nano", 4, False, False), ("nano", 8, True, False), ("nano", 2, False, True), ("tiny", 1, False, False)],
)
def test_the_estimate_is_close_to_what_a_step_takes(name: str, clips: int, recompute: bool, bf16: bool) -> None:
    plan = FitPlan(num_steps=9, seed=0, batch_size=clips, recompute=recompute, bf16=bf16, tasks=(("predict", 1.0),))
    trainer = Trainer(initial(name, 0), plan, Feed(sources=[ClipSource(name="clips", clips=CLIPS)]))
    trainer.step()
    trainer.optimizer.zero_grad()
    needed = estimate(Load(config=preset(name), num_clips=clips, num_tokens=128, recompute=recompute, bf16=bf16))
    assert needed.weights == sum(4 * p.numel() for p in trainer.denoiser.model.parameters())
    assert needed.kept + measured_peak(trainer.step) == pytest.approx(needed.total, rel=TOLERANCE)


def test_the_largest_preset_needs_gigabytes_by_hand() -> None:
    needed = estimate(Load(config=preset("5B"), num_clips=1, num_tokens=1000))
    parameters = sum([needed.weights]) / 4
    assert parameters == pytest.approx(4.92e9, rel=0.01)
    assert needed.kept == 4 * needed.weights  # the weights, two moments, the average
    assert needed.total == pytest.approx(4 * 4 * 4.92e9 + 2 * 4 * 4.92e9, rel=0.01)


def test_what_does_not_fit_is_refused_with_the_number_and_what_fits() -> None:
    load = Load(config=preset("S"), num_clips=64, num_tokens=192)
    with pytest.raises(DoesNotFit, match=re.escape("preset S needs 8.48 GB to train on 64 clips of 192 tokens")) as no:
        check_fits(load, "cpu", free=2_000_000_000)
    assert "2.00 GB are free on cpu" in str(no.value)
    assert "preset S fits with 8 clips" in str(no.value)
    assert "with 64 clips preset nano fits" in str(no.value)
    with pytest.raises(DoesNotFit, match="fits with no batch; no preset fits this batch"):
        check_fits(load, "cpu", free=1_000_000)


def test_what_is_free_on_this_machine_is_a_plausible_number() -> None:
    assert 10**7 < free_bytes("cpu") < 10**14


def test_an_allocation_that_fails_becomes_advice() -> None:
    load = Load(config=preset("tiny"), num_clips=8, num_tokens=128)
    with pytest.raises(DoesNotFit, match=r"out of memory on cpu: preset tiny .* fits with"), advising(load, "cpu"):
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="another matter"), advising(load, "cpu"):
        raise RuntimeError("another matter")


def test_training_checks_memory_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.training.memory.free_bytes", lambda device: 1_000_000)
    with pytest.raises(DoesNotFit, match="preset nano needs"):
        train_inner(initial("nano", 0), CLIPS, TrainJob(num_steps=1, seed=0))
    with pytest.raises(DoesNotFit, match="preset nano needs"):
        Trainer(initial("nano", 0), FitPlan(num_steps=1, seed=0), Feed(sources=[ClipSource(name="c", clips=CLIPS)]))
