from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import model.sample
from model import parts
from model.checkpoint import from_numpy, initial, load_model, to_numpy
from model.codec import VaeCodec
from model.config import CodecConfig, ModelConfig, ObjectiveConfig
from model.data.video import write_mp4
from model.denoiser import Denoiser
from model.extend import default_overlap, extend
from model.given import place
from model.job import VideoShape
from model.masks import TASKS
from model.presets import preset
from model.sample import Recipe, sample, sample_many
from model.samplers import SAMPLERS
from tests.support.random_codec import random_vae_file

MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))
SHAPE = VideoShape(num_frames=5, height=8, width=8)
SIZE = {"num_frames": 5, "height": 8, "width": 8, "num_steps": 2}
PROMPT = "a red ball"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def shaken(config: ModelConfig) -> bytes:
    """A checkpoint that answers something."""
    tensors = {n: a + 0.05 * rng(2).standard_normal(a.shape) for n, a in to_numpy(initial(config, 0)).items()}
    return from_numpy({n: a.astype(np.float32) for n, a in tensors.items()}, config)


START = shaken(MINI)


def frames(num: int, size: int = 8) -> np.ndarray:
    return rng(7).integers(0, 256, (num, size, size, 3), dtype=np.uint8)


@pytest.fixture
def denoiser() -> Denoiser:
    return Denoiser(load_model(START))


@pytest.fixture
def causal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A checkpoint over a causal VAE that is on this machine."""
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    data = random_vae_file()
    parts.keep(data)
    return shaken(replace(MINI, codec=VaeCodec.from_bytes(data).config))


GIVEN = {
    "predict": 2,
    "backward": 2,
    "interpolate": 3,
    "first_frame": 1,
    "first_last": 2,
    "random_frames": 2,
    "tube": 5,
}
CAUSAL_GIVEN = {**GIVEN, "predict": 3, "backward": 4, "interpolate": 5, "first_last": 5, "random_frames": 5, "tube": 9}
PLACES = {"random_frames": {"at": (4, 1)}, "tube": {"box": (0, 0, 4, 4)}}
CAUSAL_PLACES = {"random_frames": {"at": (0, 5, 6, 7, 8)}, "tube": {"box": (0, 0, 16, 16)}}


@pytest.mark.parametrize("task", GIVEN)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_given_pixels_come_out_unchanged(task: str, sampler: str) -> None:
    known, options = frames(GIVEN[task]), PLACES.get(task, {})
    video = sample(START, PROMPT, seed=0, task=task, given=known, sampler=sampler, **SIZE, **options)  # type: ignore[arg-type]
    put = place(task, known, SHAPE, **options)  # type: ignore[arg-type]
    assert put is not None
    assert np.array_equal(video[put.mask], put.frames[0][put.mask])
    assert not np.array_equal(video[~put.mask], put.frames[0][~put.mask])


@pytest.mark.parametrize("task", CAUSAL_GIVEN)
def test_given_pixels_come_out_unchanged_of_a_lossy_causal_codec(causal: bytes, task: str) -> None:
    known, options = frames(CAUSAL_GIVEN[task], 32), CAUSAL_PLACES.get(task, {})
    video = sample(
        causal,
        PROMPT,
        seed=0,
        task=task,
        given=known,
        num_frames=9,
        height=32,
        width=32,
        num_steps=1,
        **options,  # type: ignore[arg-type]
    )
    put = place(task, known, VideoShape(num_frames=9, height=32, width=32), time_factor=4, **options)  # type: ignore[arg-type]
    assert put is not None
    assert np.array_equal(video[put.mask], put.frames[0][put.mask])


def test_random_frames_that_fill_no_latent_frame_are_refused_by_number(causal: bytes) -> None:
    with pytest.raises(ValueError, match=r"4 frames each.* would not see the given frames \[\[1\], \[4\]\]"):
        sample(
            causal,
            PROMPT,
            seed=0,
            task="random_frames",
            given=frames(2, 32),
            at=(4, 1),
            num_frames=9,
            height=32,
            width=32,
        )


def test_the_network_sees_given_cells_clean_at_every_step(denoiser: Denoiser) -> None:
    known, seen = place("first_frame", frames(1), SHAPE), []
    denoiser.model.register_forward_pre_hook(lambda _, args: seen.append((args[0], args[4])))
    sample_many(denoiser, [PROMPT], seed=0, shape=SHAPE, given=known, num_steps=2, sampler="heun", guidance=1.0)
    clean = denoiser.codec.encode(frames(1)[None])
    assert len(seen) == 3
    for latent, given in seen:
        assert torch.equal(latent[:, :, :1], clean)
        assert given[:, 0].all()
        assert not given[:, 1:].any()


def test_what_is_given_changes_what_is_made(denoiser: Denoiser) -> None:
    videos = [
        sample_many(denoiser, [PROMPT], seed=0, shape=SHAPE, num_steps=2, given=place("first_frame", first, SHAPE))
        for first in (frames(1), 255 - frames(1))
    ]
    assert not np.array_equal(videos[0][:, 1:], videos[1][:, 1:])


@pytest.mark.parametrize("task", ["unconditional", "predict"])
def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(task: str) -> None:
    known = None if task == "unconditional" else frames(2)
    videos = [sample(START, PROMPT, seed=seed, task=task, given=known, **SIZE) for seed in (1, 1, 2)]  # type: ignore[arg-type]
    assert np.array_equal(videos[0], videos[1])
    assert not np.array_equal(videos[0], videos[2])


def test_a_prompts_noise_does_not_depend_on_how_many_follow(denoiser: Denoiser) -> None:
    seen = []
    denoiser.model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    for prompts in ([PROMPT], [PROMPT, "a blue box", "a cup"]):
        sample_many(denoiser, prompts, seed=4, shape=SHAPE, num_steps=1, guidance=1.0)
    assert torch.equal(seen[0][0], seen[1][0])
    assert not torch.equal(seen[1][0], seen[1][1])


@pytest.mark.parametrize("kind", ["flow", "v"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_solver_samples_every_objective(kind: str, sampler: str) -> None:
    data = shaken(replace(MINI, objective=ObjectiveConfig(kind=kind)))
    video = sample(data, PROMPT, seed=0, sampler=sampler, **SIZE)  # type: ignore[arg-type]
    assert video.shape == (5, 8, 8, 3)
    assert video.std() > 1


def test_guidance_doubles_the_batch_inside_its_interval_alone(denoiser: Denoiser) -> None:
    seen: list[tuple[float, int]] = []
    denoiser.model.register_forward_pre_hook(lambda _, args: seen.append((float(args[1][0]), len(args[0]))))
    sample_many(denoiser, [PROMPT], seed=0, shape=SHAPE, num_steps=8, guidance=2.0, interval=(0.7, 0.95))
    assert {num for t, num in seen if 0.7 <= t <= 0.95} == {2}
    assert {num for t, num in seen if not 0.7 <= t <= 0.95} == {1}


def test_guidance_outside_its_interval_is_no_guidance(denoiser: Denoiser) -> None:
    options = {"seed": 0, "shape": SHAPE, "num_steps": 1}
    plain = sample_many(denoiser, [PROMPT], guidance=1.0, **options)  # type: ignore[arg-type]
    assert np.array_equal(plain, sample_many(denoiser, [PROMPT], guidance=9.0, interval=(0.0, 0.9), **options))  # type: ignore[arg-type]
    assert not np.array_equal(plain, sample_many(denoiser, [PROMPT], guidance=9.0, **options))  # type: ignore[arg-type]


def test_guidance_leads_away_from_the_negative_prompt(denoiser: Denoiser) -> None:
    options = {"seed": 0, "shape": SHAPE, "num_steps": 2, "guidance": 5.0}
    plain, led, same = (
        sample_many(denoiser, [PROMPT], negative=negative, **options)  # type: ignore[arg-type]
        for negative in ("", "a blue box", PROMPT)
    )
    assert not np.array_equal(plain, led)
    alone = sample_many(denoiser, [PROMPT], seed=0, shape=SHAPE, num_steps=2, guidance=1.0)
    assert np.abs(same.astype(int) - alone).max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "ddim"}, r"unknown sampler 'ddim'; choose one of euler, heun, dpm\+\+"),
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"guidance": float("nan")}, "guidance must be a number"),
        ({"interval": (0.5, 0.5)}, "guidance interval must be"),
        ({"interval": (-0.1, 1.0)}, "guidance interval must be"),
        ({"num_frames": 0}, "num_frames must be at least 1, got 0"),
        ({"height": 9}, "height and width must be multiples of 2"),
        ({"task": "predict"}, "task 'predict' needs given frames"),
        ({"task": "predict", "given": frames(5)}, "expected 1 to 4 given frames of a clip of 5, got 5"),
        ({"task": "predict", "given": frames(2, 16)}, "given frames must be uint8"),
    ],
)
def test_impossible_wishes_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sample(START, PROMPT, seed=0, **{**SIZE, **options})  # type: ignore[arg-type]


def test_no_prompt_and_given_frames_of_another_clip_are_refused(denoiser: Denoiser) -> None:
    with pytest.raises(ValueError, match="expected at least one prompt"):
        sample_many(denoiser, [], seed=0, shape=SHAPE)
    known = place("first_frame", frames(1), SHAPE)
    with pytest.raises(ValueError, match="given frames must fit a clip of"):
        sample_many(denoiser, [PROMPT], seed=0, shape=replace(SHAPE, num_frames=4), given=known)


def test_a_codec_that_is_not_on_this_machine_is_named(
    causal: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(parts.PartMissing, match=r"expected the frozen part [0-9a-f]{64} at"):
        sample(causal, PROMPT, seed=0, num_frames=9, height=32, width=32)


def test_every_task_can_be_sampled() -> None:
    assert set(GIVEN) | {"unconditional"} == set(TASKS)


RECIPE = Recipe(num_steps=1, guidance=1.0)


@pytest.mark.parametrize(("num_frames", "overlap", "lengths"), [(12, 2, [5, 3, 3, 1]), (5, 2, [5]), (3, 2, [3])])
def test_a_long_video_grows_window_by_window(
    denoiser: Denoiser, num_frames: int, overlap: int, lengths: list[int]
) -> None:
    pieces = list(extend(denoiser, PROMPT, seed=0, num_frames=num_frames, window=SHAPE, overlap=overlap, recipe=RECIPE))
    assert [len(piece) for piece in pieces] == lengths


def test_each_window_continues_the_last_frames_of_the_one_before(denoiser: Denoiser) -> None:
    seen: list[torch.Tensor] = []
    denoiser.model.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    video = np.concatenate(
        list(extend(denoiser, PROMPT, seed=0, num_frames=11, window=SHAPE, overlap=2, recipe=RECIPE))
    )
    assert torch.equal(seen[1][:, :, :2], denoiser.codec.encode(video[None, 3:5]))
    assert torch.equal(seen[2][:, :, :2], denoiser.codec.encode(video[None, 6:8]))


def test_the_first_window_of_a_long_video_is_the_clip_of_the_same_seed(denoiser: Denoiser) -> None:
    first = next(extend(denoiser, PROMPT, seed=3, num_frames=20, window=SHAPE, recipe=RECIPE))
    (clip,) = sample_many(denoiser, [PROMPT], seed=3, shape=SHAPE, num_steps=1, guidance=1.0)
    assert np.array_equal(first, clip)


def test_a_given_video_is_continued_and_comes_out_unchanged(denoiser: Denoiser) -> None:
    known = frames(7)
    video = np.concatenate(list(extend(denoiser, PROMPT, seed=0, num_frames=13, window=SHAPE, given=known)))
    assert video.shape == (13, 8, 8, 3)
    assert np.array_equal(video[:7], known)


def test_a_causal_codec_extends_by_whole_latent_frames(causal: bytes) -> None:
    denoiser = Denoiser(load_model(causal))
    window = VideoShape(num_frames=9, height=32, width=32)
    assert default_overlap(window, 4) == 1
    options = {"seed": 0, "num_frames": 14, "window": window, "recipe": RECIPE}
    lengths = [len(p) for p in extend(denoiser, PROMPT, overlap=5, **options)]  # type: ignore[arg-type]
    assert lengths == [9, 4, 1]
    with pytest.raises(ValueError, match=r"overlap must be 1 \+ 4 k frames, got 2"):
        extend(denoiser, PROMPT, overlap=2, **options)  # type: ignore[arg-type]


def test_a_long_video_keeps_one_window_in_memory_however_long_it_is(
    denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clips: list[weakref.ref[np.ndarray]] = []
    shapes, most = set(), 0
    made = model.sample.sample_clips

    def watched(*args: object) -> np.ndarray:
        nonlocal most
        most = max(most, sum(clip() is not None for clip in clips))
        clip = made(*args)  # type: ignore[arg-type]
        clips.append(weakref.ref(clip))
        return clip

    denoiser.model.register_forward_pre_hook(lambda _, args: shapes.add(tuple(args[0].shape)))
    monkeypatch.setattr("model.extend.sample_clips", watched)
    pieces = extend(denoiser, PROMPT, seed=0, num_frames=60, window=SHAPE, overlap=2, recipe=RECIPE)
    write_mp4(tmp_path / "long.mp4", (frame for piece in pieces for frame in piece), height=32)
    assert shapes == {(1, 12, 5, 4, 4)}
    assert len(clips) == 20
    assert most <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_frames": 0}, "num_frames must be more than the 0 given, got 0"),
        ({"num_frames": 4, "given": frames(4)}, "num_frames must be more than the 4 given, got 4"),
        ({"num_frames": 9, "overlap": 5}, "expected 1 to 4 given frames of a clip of 5, got 5"),
        ({"num_frames": 9, "overlap": 0}, "expected 1 to 4 given frames"),
    ],
)
def test_impossible_lengths_are_refused_before_anything_is_made(
    denoiser: Denoiser, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        extend(denoiser, PROMPT, seed=0, window=SHAPE, **options)  # type: ignore[arg-type]
