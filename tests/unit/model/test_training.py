from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import model
from model.checkpoint import from_numpy, initial, load_model, to_numpy
from model.config import CodecConfig
from model.data.worlds import make_clips
from model.evaluate.heldout import heldout_loss, paired_losses
from model.job import TrainJob, VideoShape
from model.presets import preset
from model.sample import sample
from model.train import Step, TrainingDiverged, train_inner
from model.training.optimizer import build_optimizer, load_moments, save_moments

SHAPE = VideoShape(num_frames=3, height=8, width=8)
MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))
START = initial(MINI, seed=0)
CLIPS = make_clips(num_clips=6, seed=0, shape=SHAPE)
HELDOUT = make_clips(num_clips=4, seed=9, shape=SHAPE)
JOB = TrainJob(num_steps=6, batch_size=4, seed=1, learning_rate=3e-3)


def test_the_loss_of_a_new_model_is_the_weighted_energy_of_the_data() -> None:
    from model.codec import PixelCodec

    energy = float((PixelCodec(factor=2).encode(HELDOUT.frames) ** 2).mean())
    loss = heldout_loss(START, HELDOUT, seed=0, num_draws=8)
    assert energy < loss < 4 * energy  # weights run from 1 to 1 / min_t^2 = 4


def test_training_lowers_the_loss_on_clips_that_it_did_not_see() -> None:
    end = train_inner(START, CLIPS, replace(JOB, num_steps=20)).end_state
    before, after = (heldout_loss(data, HELDOUT, seed=0) for data in (START, end))
    assert after < 0.6 * before


def test_equal_jobs_give_equal_bytes_and_other_seeds_do_not() -> None:
    first, again = (train_inner(START, CLIPS, JOB) for _ in range(2))
    assert first == again
    assert first.end_state != train_inner(START, CLIPS, replace(JOB, seed=2)).end_state


def test_a_seeded_run_meets_its_golden_losses() -> None:
    steps: list[Step] = []
    result = train_inner(START, CLIPS, JOB, on_step=steps.append)
    assert [step.index for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [steps[0].loss, steps[5].loss] == pytest.approx([3.63117, 2.02138], rel=2e-3)
    assert [result.start_loss, result.end_loss] == pytest.approx([4.51317, 1.49373], rel=2e-3)
    assert (result.num_steps, result.num_samples) == (6, 24)


def test_training_stops_after_the_step_in_which_time_ran_out() -> None:
    answers = iter([False, True])
    result = train_inner(START, CLIPS, JOB, out_of_time=lambda: next(answers))
    assert (result.num_steps, result.num_samples) == (2, 8)
    assert result.end_state == train_inner(START, CLIPS, replace(JOB, num_steps=2)).end_state


def test_moments_carried_over_change_the_next_round() -> None:
    whole = train_inner(START, CLIPS, JOB)
    kept = train_inner(whole.end_state, CLIPS, JOB, optimizer_state=whole.optimizer_state)
    fresh = train_inner(whole.end_state, CLIPS, JOB)
    assert kept.end_state != fresh.end_state
    assert kept == train_inner(whole.end_state, CLIPS, JOB, optimizer_state=whole.optimizer_state)


def test_moments_come_back_exactly() -> None:
    result = train_inner(START, CLIPS, JOB)
    denoiser = load_model(START)
    optimizer = build_optimizer(denoiser, JOB)
    load_moments(denoiser, optimizer, result.optimizer_state)
    assert save_moments(denoiser, optimizer) == result.optimizer_state


def test_moments_of_another_kind_or_model_are_refused() -> None:
    with pytest.raises(ValueError, match="expected tenwings-optimizer/1 of configuration"):
        train_inner(START, CLIPS, JOB, optimizer_state=START)
    with pytest.raises(ValueError, match="not an optimizer state"):
        train_inner(START, CLIPS, JOB, optimizer_state=b"")


def test_a_shard_smaller_than_a_batch_is_used_whole() -> None:
    result = train_inner(START, CLIPS.take([0, 1]), replace(JOB, num_steps=2))
    assert result.num_samples == 4


def test_a_loss_that_is_not_finite_is_an_error_with_the_step_named() -> None:
    tensors = {name: array.copy() for name, array in to_numpy(START).items()}
    tensors["final.patch_out.weight"][:] = 1e30
    with pytest.raises(TrainingDiverged, match=re.compile("inner step 1: loss inf.*learning_rate")):
        train_inner(from_numpy(tensors, MINI), CLIPS, JOB)


def test_clips_that_do_not_fit_the_codec_are_refused() -> None:
    odd = make_clips(num_clips=1, seed=0, shape=VideoShape(num_frames=2, height=9, width=9))
    with pytest.raises(ValueError, match="multiples of 2"):
        train_inner(START, odd, JOB)


@pytest.mark.parametrize(
    "options", [{"num_steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"weight_decay": -1.0}, {"betas": (1, 0)}]
)
def test_an_impossible_job_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        replace(JOB, **options)


def test_equal_states_have_equal_losses_draw_by_draw() -> None:
    other = train_inner(START, CLIPS, JOB).end_state
    paired = paired_losses(START, [START, other], HELDOUT, seed=5, num_draws=3)
    assert paired.base.shape == (12,)
    assert paired.candidates.shape == (2, 12)
    assert not (paired.candidates[0] - paired.base).any()
    assert (paired.candidates[1] < paired.base).mean() > 0.7


def test_paired_losses_agree_with_the_heldout_loss() -> None:
    paired = paired_losses(START, [], HELDOUT, seed=5, num_draws=3)
    assert paired.candidates.shape == (0, 12)
    assert paired.base.mean() == heldout_loss(START, HELDOUT, seed=5, num_draws=3)


def test_a_seed_fixes_the_draws() -> None:
    losses = [heldout_loss(START, HELDOUT, seed=seed) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_different_prompts_give_different_videos_after_training() -> None:
    end = train_inner(START, CLIPS, JOB).end_state
    shape = {"num_frames": 3, "height": 8, "width": 8, "num_steps": 3}
    prompts = [CLIPS.captions[0], CLIPS.captions[1], CLIPS.captions[0]]
    videos = [sample(end, prompt, seed=0, **shape) for prompt in prompts]  # type: ignore[arg-type]
    assert videos[0].shape == (3, 8, 8, 3)
    assert videos[0].dtype == np.uint8
    assert not np.array_equal(videos[0], videos[1])
    assert np.array_equal(videos[0], videos[2])


def test_a_prompt_alone_decides_the_colour_after_training() -> None:
    frames = np.zeros((8, 3, 8, 8, 3), np.uint8)
    frames[:4, ..., 0], frames[4:, ..., 2] = 220, 220
    captions = ("red",) * 4 + ("blue",) * 4
    clips = replace(CLIPS.take([0] * 8), frames=frames, captions=captions)
    end = train_inner(START, clips, replace(JOB, num_steps=40, batch_size=8)).end_state
    for prompt, channel in (("red", 0), ("blue", 2)):
        video = sample(end, prompt, seed=0, num_frames=3, height=8, width=8, num_steps=6, guidance=1.0)
        assert int(video.mean(axis=(0, 1, 2)).argmax()) == channel


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sampler 'ddim'; choose one of euler, heun"):
        sample(START, "", seed=0, sampler="ddim", num_frames=3, height=8, width=8)


def test_the_lines_of_the_package_docstring_run() -> None:
    lines = [line.strip() for line in (model.__doc__ or "").splitlines() if line.startswith("    ")]
    assert len(lines) == 3
    names = {"initial": initial, "make_clips": make_clips, "TrainJob": TrainJob}
    names |= {"train_inner": train_inner, "sample": sample}
    short = "\n".join(lines).replace("num_clips=96", "num_clips=4").replace("num_steps=20", "num_steps=1, batch_size=2")
    exec(short, names)
    assert names["video"].shape == (8, 32, 32, 3)  # type: ignore[attr-defined]
