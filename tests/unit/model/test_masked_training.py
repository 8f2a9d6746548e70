from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import parts
from model.checkpoint import from_numpy, initial, load_model, to_numpy
from model.codec import VaeCodec
from model.config import CodecConfig, ModelConfig, ObjectiveConfig
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared
from model.given import place
from model.job import VideoShape
from model.masks import TASKS, draw
from model.presets import preset
from model.sample import sample_many
from tests.support.random_codec import random_vae_file

SMALL = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def clips(num_frames: int, size: int, num_clips: int = 3) -> Clips:
    frames = rng(1).integers(0, 256, (num_clips, num_frames, size, size, 3), dtype=np.uint8)
    return Clips(frames=frames, captions=("a red ball",) * num_clips, attributions=("",) * num_clips)


def shaken(config: ModelConfig) -> Denoiser:
    """A model that answers something."""
    tensors = {n: a + 0.05 * rng(2).standard_normal(a.shape) for n, a in to_numpy(initial(config, 0)).items()}
    return Denoiser(load_model(from_numpy({n: a.astype(np.float32) for n, a in tensors.items()}, config)))


@pytest.fixture
def causal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Denoiser:
    """A model over a causal VAE."""
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    data = random_vae_file()
    parts.keep(data)
    return shaken(replace(SMALL, codec=VaeCodec.from_bytes(data).config))


def loss_at(denoiser: Denoiser, batch: Prepared, given: np.ndarray | None) -> torch.Tensor:
    noise = rng(5).standard_normal(tuple(batch.latents.shape), dtype=np.float32)
    return denoiser.losses(batch, noise, np.full(len(batch), 0.7, np.float32), given)


@pytest.mark.parametrize("objective", [ObjectiveConfig(), ObjectiveConfig(kind="v")], ids=["flow", "v"])
def test_the_loss_is_the_mean_error_over_what_is_hidden(objective: ObjectiveConfig) -> None:
    denoiser = shaken(replace(SMALL, objective=objective))
    batch = denoiser.prepare(clips(4, 8))
    given = np.stack([draw(task, (4, 4, 4), rng(), patch=(1, 2, 2)) for task in ("predict", "tube", "first_last")])
    noise = rng(5).standard_normal(tuple(batch.latents.shape), dtype=np.float32)
    t = torch.full((3,), 0.7)
    noised = denoiser.objective.corrupt(batch.latents, torch.tensor(noise), t)
    mask = torch.tensor(given)
    seen = torch.where(mask[:, None], batch.latents, noised.x_t)
    output = denoiser.model(seen, t, batch.text, batch.mask, mask)
    error = (noised.weight * (output - noised.target) ** 2).detach()
    want = [float(error[i][:, ~mask[i]].mean()) for i in range(3)]
    assert loss_at(denoiser, batch, given).tolist() == pytest.approx(want, rel=1e-5)


def test_nothing_given_is_the_loss_without_masks() -> None:
    denoiser = shaken(SMALL)
    batch = denoiser.prepare(clips(4, 8))
    nothing = np.zeros((3, 4, 4, 4), np.bool_)
    torch.testing.assert_close(loss_at(denoiser, batch, nothing), loss_at(denoiser, batch, None))


def test_noise_on_what_is_given_is_never_seen() -> None:
    denoiser = shaken(SMALL)
    batch = denoiser.prepare(clips(4, 8))
    given = np.zeros((3, 4, 4, 4), np.bool_)
    given[:, :2] = True
    noise = rng(5).standard_normal(tuple(batch.latents.shape), dtype=np.float32)
    t = np.full(3, 0.7, np.float32)
    before = denoiser.losses(batch, noise, t, given)
    noise[:, :, :2] = 99.0
    assert torch.equal(denoiser.losses(batch, noise, t, given), before)


def test_one_clip_that_gives_everything_is_refused() -> None:
    denoiser = shaken(SMALL)
    given = np.zeros((3, 4, 4, 4), np.bool_)
    given[1] = True
    with pytest.raises(ValueError, match="expected a mask that hides something"):
        loss_at(denoiser, denoiser.prepare(clips(4, 8)), given)


def test_training_without_tasks_draws_what_it_always_drew() -> None:
    denoiser, generators = shaken(SMALL), [rng(3), rng(3)]
    batch = denoiser.prepare(clips(4, 8))
    plain = denoiser.training_loss(batch, generators[0])
    named = denoiser.training_loss(batch, generators[1], {"unconditional": 2.0})
    assert torch.equal(plain, named)
    assert generators[0].random() == generators[1].random()


@pytest.mark.parametrize("task", TASKS)
def test_every_task_can_be_trained(task: str) -> None:
    denoiser = shaken(SMALL)
    loss = denoiser.training_loss(denoiser.prepare(clips(4, 8)), rng(), (task,))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(p.grad).all() for p in denoiser.model.parameters() if p.grad is not None)


@pytest.mark.parametrize("task", [task for task in TASKS if task != "unconditional"])
def test_a_causal_codecs_loss_cannot_read_hidden_frames_from_given_latents(causal: Denoiser, task: str) -> None:
    given = np.stack([draw(task, (3, 4, 4), rng(i), patch=(1, 2, 2)) for i in range(3)])
    batch, seen = causal.prepare(clips(9, 32)), []
    causal.model.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    cells = torch.tensor(given)
    pixels = np.repeat(given[:, [0, 1, 1, 1, 1, 2, 2, 2, 2]], 8, axis=2).repeat(8, axis=3)[..., None]
    assert batch.frames is not None
    other = replace(batch, frames=np.where(pixels, batch.frames, 255 - batch.frames))
    for change in (batch, other):
        loss_at(causal, change, given)
    assert torch.equal(seen[0].movedim(1, -1)[cells], seen[1].movedim(1, -1)[cells])


def test_cached_latents_of_a_causal_codec_train_prefix_tasks_alone(causal: Denoiser) -> None:
    cached = replace(causal.prepare(clips(9, 32)), frames=None)
    assert causal.training_loss(cached, rng(), ("predict", "first_frame", "unconditional")) > 0
    with pytest.raises(ValueError, match="tasks backward, tube need the clips' frames"):
        causal.training_loss(cached, rng(), ("tube", "predict", "backward"))


def test_a_causal_codecs_batch_trains(causal: Denoiser) -> None:
    batch = causal.prepare(clips(9, 32)).take(np.array([2, 0]))
    loss = causal.training_loss(batch, rng(), {"backward": 1.0, "tube": 1.0})
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss > 0


def test_images_are_trained_with_the_tasks_that_they_allow() -> None:
    denoiser = shaken(SMALL)
    batch = denoiser.prepare(clips(1, 8))
    assert denoiser.training_loss(batch, rng(), {"predict": 9.0, "tube": 1.0}) > 0
    with pytest.raises(ValueError, match="none of the tasks predict fits"):
        denoiser.training_loss(batch, rng(), ("predict",))


def test_a_model_whose_codec_is_not_here_says_which_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    config = VaeCodec.from_bytes(random_vae_file()).config
    denoiser = shaken(replace(SMALL, codec=config))
    with pytest.raises(parts.PartMissing, match=f"expected the frozen part {config.digest}"):
        denoiser.prepare(clips(5, 32))


def test_a_model_that_learned_to_continue_keeps_the_colour_that_it_is_given() -> None:
    denoiser = shaken(replace(SMALL, codec=CodecConfig(factor=4)))
    colours = rng(8).integers(30, 226, (64, 1, 1, 1, 3), dtype=np.uint8)
    plain = Clips(
        frames=np.broadcast_to(colours, (64, 3, 8, 8, 3)).copy(), captions=("",) * 64, attributions=("",) * 64
    )
    batch, draws = denoiser.prepare(plain), rng(9)
    optimizer = torch.optim.AdamW(denoiser.model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = denoiser.training_loss(batch.take(draws.permutation(64)[:16]), draws, ("predict", "backward"))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    new = rng(10).integers(30, 226, (4, 1, 1, 1, 3), dtype=np.uint8)
    shape = VideoShape(num_frames=3, height=8, width=8)
    known = place("predict", np.broadcast_to(new, (4, 1, 8, 8, 3)).copy(), shape)
    videos = sample_many(denoiser, [""] * 4, seed=0, shape=shape, given=known, num_steps=6, guidance=1.0)
    error = np.abs(videos[:, 1:].astype(int) - new)
    assert error.mean() < 20
    assert np.abs(videos[:, 1:].astype(int) - new[::-1]).mean() > 2 * error.mean()
