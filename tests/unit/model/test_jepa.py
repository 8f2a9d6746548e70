from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.checkpoint import initial, load_model, read
from model.config import CodecConfig
from model.data.worlds import make_clips, make_scenes
from model.denoiser import Denoiser
from model.evaluate.probe_states import diffusion_features, jepa_features, pixels, probe_table
from model.job import TrainJob, VideoShape
from model.network.jepa import Jepa, features, spread
from model.network.tokens import tokens_after
from model.presets import preset
from model.training.jepa_train import JepaStep, train_jepa

SHAPE = VideoShape(num_frames=4, height=16, width=16)
MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=4))
START = initial(MINI, 0)
CLIPS = make_clips(num_clips=12, seed=1, shape=SHAPE)
JOB = TrainJob(num_steps=12, batch_size=6, seed=2, learning_rate=2e-3, warmup_steps=3)


def test_tokens_after_a_block_are_the_residual_stream_there() -> None:
    denoiser = Denoiser(load_model(START))
    batch = denoiser.prepare(CLIPS.take([0, 1]))
    inputs = batch.latents, torch.zeros(2), batch.text, batch.mask
    first, last = (tokens_after(denoiser.model, layer, *inputs) for layer in (0, 1))
    assert first.shape == last.shape == (2, 4 * 2 * 2, 48)
    weights = {name: torch.zeros_like(p) for name, p in denoiser.model.named_parameters()}
    other = tokens_after(denoiser.model, 1, *inputs, weights=weights)
    assert (other - last).abs().max() > 0.1
    assert not denoiser.model.blocks[0]._forward_hooks
    with pytest.raises(ValueError, match="expected a layer of 0 to 1, got 2"):
        tokens_after(denoiser.model, 2, *inputs)


def test_what_is_hidden_changes_no_guess() -> None:
    denoiser = Denoiser(load_model(START))
    torch.manual_seed(0)
    jepa = Jepa(denoiser.model)
    with torch.no_grad():
        for parameter in jepa.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = denoiser.prepare(CLIPS.take([0]))
    given = np.ones((1, 4, 4, 4), np.bool_)
    given[:, :, :2, :2] = False
    other = replace(batch, latents=torch.where(torch.tensor(given)[:, None], batch.latents, 7.0))
    target = torch.zeros(1, 16, 48)
    assert jepa.loss(batch, given, target).item() == jepa.loss(other, given, target).item()
    given[:, :, 2:, 2:] = False
    assert jepa.loss(batch, given, target).item() != jepa.loss(other, ~given, target).item()


def test_training_lowers_the_loss_keeps_the_features_apart_and_repeats_to_the_bit() -> None:
    steps: list[JepaStep] = []
    found = train_jepa(START, CLIPS, replace(JOB, num_steps=40), on_step=steps.append)
    losses = [step.loss for step in steps]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert not found.collapsed
    assert read(found.checkpoint).config == MINI
    short = [train_jepa(START, CLIPS, replace(JOB, num_steps=2)).checkpoint for _ in range(2)]
    assert short[0] == short[1] != START


def test_clips_that_all_look_the_same_have_no_spread() -> None:
    denoiser = Denoiser(load_model(START))
    same = denoiser.prepare(CLIPS.take([0, 0, 0]))
    assert spread(features(denoiser.model, same)) == pytest.approx(0.0, abs=1e-6)
    assert spread(torch.tensor([[[1.0]], [[-1.0]]])) == 1.0


def test_the_probe_table_has_every_kind_in_both_views() -> None:
    denoiser = Denoiser(load_model(START))
    kinds = {"pixels": pixels, "diffusion": diffusion_features(denoiser), "jepa": jepa_features(denoiser)}
    rows = probe_table(kinds, num_train=48, num_test=24, shape=SHAPE)
    assert [(row.name, row.view) for row in rows] == [(n, v) for n in kinds for v in ("tokens", "pooled")]
    assert rows[0].num_features == 4 * 16 * 16 * 3
    assert rows[0].position > rows[1].position  # a mean colour does not tell a place
    assert pixels(make_scenes(2, 0, SHAPE, ["uniform"])).shape == (2, 4, 768)
