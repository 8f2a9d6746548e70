from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.checkpoint import initial, load_model
from model.config import CodecConfig, ObjectiveConfig
from model.data.clips import Clips
from model.data.worlds import LAWS, Scene, make_scene, make_scenes, render
from model.denoiser import Denoiser, Prepared
from model.diffusion import Objective, build_objective
from model.evaluate.impossible import EDITS, MATCHED, UNMATCHED, make_matched, match
from model.evaluate.observe import MISSING, backdrop, blobs_of, clear, observe, position_errors
from model.evaluate.plausibility import plausibility
from model.evaluate.predictors import BASELINES, copy_last
from model.evaluate.trajectory import continue_clips, tracker_floor, trajectory, trajectory_of
from model.job import VideoShape
from model.presets import preset
from model.sample import Recipe

SHAPE = VideoShape(num_frames=8, height=32, width=32)
MINI = replace(preset("nano"), preset="custom", width=24, num_layers=1, num_heads=2, codec=CodecConfig(factor=4))


def moving(velocity: tuple[float, float], shape: VideoShape = SHAPE) -> Scene:
    """A uniform scene whose body starts at (0.3, 0.4)."""
    scene = make_scene("uniform", 0, shape)
    steps = np.arange(shape.num_frames)[:, None] * np.array(velocity)
    positions = (np.array([0.3, 0.4]) + steps)[None]
    return replace(scene, positions=positions, velocities=np.broadcast_to(velocity, positions.shape))


@pytest.mark.parametrize("law", LAWS)
def test_the_tracker_finds_every_body_of_rendered_truth_within_half_a_pixel(law: str) -> None:
    for scene in make_scenes(3, 5, SHAPE, [law]):
        errors = position_errors(observe(render(scene), scene), scene)
        assert np.nanmax(errors, initial=0.0) < 1 / 2 / SHAPE.height


@pytest.mark.parametrize("law", ["uniform", "collision", "counting", "containment"])
def test_the_tracker_counts_bodies(law: str) -> None:
    for scene in make_scenes(3, 6, SHAPE, [law]):
        whole = (clear(scene) | ~scene.exists).all(axis=0)
        found = [len(blobs) for blobs in blobs_of(render(scene), scene)]
        assert [found[t] for t in np.flatnonzero(whole)] == [scene.exists[:, t].sum() for t in np.flatnonzero(whole)]


def test_the_tracker_tells_a_small_body_from_a_big_one_that_it_touches() -> None:
    (scene,) = make_scenes(1, 0, SHAPE, ["collision"])
    small = replace(scene.bodies[0], shape="diamond", colour="blue", radius=0.07)
    big = replace(scene.bodies[1], shape="square", colour="red", radius=0.16)
    places = np.broadcast_to(np.array([[[0.2, 0.5]], [[0.43, 0.5]]]), (2, 8, 2))
    touching = replace(scene, bodies=(small, big), positions=places)
    assert [len(blobs) for blobs in blobs_of(render(touching), touching)] == [2] * 8
    assert np.nanmax(position_errors(observe(render(touching), touching), touching)) < 0.01


def test_bodies_of_one_colour_a_pixel_apart_are_two() -> None:
    scene = moving((0.0, 0.0))
    body = replace(scene.bodies[0], shape="square", colour="red", radius=0.1067)
    places = np.repeat(np.array([[[0.3, 0.375]], [[0.3, 0.625]]]), 8, axis=1)
    twice = np.ones((2, 8), np.bool_)
    pair = replace(scene, background="sky blue", bodies=(body, body), positions=places, exists=twice, visible=twice)
    assert [len(blobs) for blobs in blobs_of(render(pair), pair)] == [2] * 8


def test_a_blobs_area_tells_the_radius_of_a_ball() -> None:
    scene = moving((0.02, 0.0))
    ball = replace(scene, bodies=(replace(scene.bodies[0], shape="ball", radius=0.12),))
    assert observe(render(ball), ball).radii == pytest.approx(np.full((1, 8), 0.12), abs=0.006)


def test_a_backdrop_shows_no_body() -> None:
    scene = make_scene("occluder", 1, SHAPE)
    assert blobs_of(backdrop(scene), scene) == [[]] * 8


def test_a_body_that_is_not_found_costs_a_random_guess() -> None:
    scene = moving((0.02, 0.0))
    errors = position_errors(observe(backdrop(scene), scene), scene)
    assert errors == pytest.approx(np.full((1, 8), MISSING))
    assert pytest.approx(1 / 3) == MISSING**2


def test_copy_last_is_off_by_the_way_gone_and_the_oracle_by_the_floor_alone() -> None:
    scenes = [moving((0.03, 0.04)), moving((-0.03, 0.04))]
    found = trajectory_of(scenes, continue_clips(scenes, BASELINES, 4), 4)
    assert found.rmse_copy_last == pytest.approx((0.05, 0.10, 0.15, 0.20), abs=0.005)
    assert found.errors["copy last"].velocity == pytest.approx((0.05,) * 4, abs=0.003)
    assert found.rmse_constant_velocity == pytest.approx((0.0,) * 4, abs=0.01)
    assert found.rmse_oracle == pytest.approx((0.0,) * 4, abs=0.01)
    assert found.tracker_floor == tracker_floor(scenes) < 0.005
    assert [errors.found for errors in found.errors.values()] == [1.0, 1.0, 1.0]


def test_constant_velocity_goes_through_the_wall_that_turns_the_truth() -> None:
    scenes = [s for s in make_scenes(8, 3, SHAPE, ["bounce"]) if 4 < s.events[0].time < 6]
    found = trajectory_of(scenes, continue_clips(scenes, BASELINES, 4), 4)
    assert found.rmse_constant_velocity[-1] > 5 * found.rmse_oracle[-1]


def test_a_model_is_scored_beside_the_baselines() -> None:
    denoiser = Denoiser(load_model(initial(MINI, 0)))
    found = trajectory(denoiser, num_scenes=2, seed=1, shape=SHAPE, recipe=Recipe(num_steps=2, guidance=1.0))
    assert list(found.errors) == ["model", *BASELINES]
    assert len(found.rmse_model) == 4
    again = trajectory(denoiser, num_scenes=2, seed=1, shape=SHAPE, recipe=Recipe(num_steps=2, guidance=1.0))
    assert again == found


def test_too_few_given_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 to 7 given frames of 8, got 1"):
        continue_clips([moving((0.01, 0.0))], {"copy last": copy_last}, 1)


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_breaks_a_law_at_one_frame_and_two_clips_swap_their_ends(edit: str) -> None:
    for matched in make_matched(3, seed=2, shape=SHAPE, edits=[edit]):
        assert matched.edit == edit
        assert 2 <= matched.frame < 8
        for valid, impossible in zip(matched.valid, matched.impossible, strict=True):
            assert (valid[: matched.frame] == impossible[: matched.frame]).all()
            assert (valid[matched.frame :] != impossible[matched.frame :]).any()
        if len(matched.valid) == 2:
            frames = [np.stack(clips).sum(axis=0, dtype=np.int64) for clips in (matched.valid, matched.impossible)]
            assert (frames[0] == frames[1]).all()


def test_an_edit_that_breaks_no_law_of_the_scene_gives_nothing() -> None:
    assert match(make_scene("uniform", 0, SHAPE), "float", 0) is None
    assert match(make_scene("gravity", 0, SHAPE), "stop", 0) is None


class FakeDenoiser:
    """Answers with losses of its own."""

    def __init__(self, judge: str) -> None:
        self.objective: Objective = build_objective(ObjectiveConfig())
        self._judge = judge
        self._rng = np.random.Generator(np.random.Philox(3))

    def num_tokens(self, latents: Tensor) -> int:
        return 1

    def prepare(self, clips: Clips) -> Prepared:
        latents = torch.from_numpy(clips.frames.astype(np.float32)).permute(0, 4, 1, 2, 3)
        return Prepared(latents=latents, text=torch.zeros(len(clips), 1, 8), mask=torch.ones(len(clips), 1))

    def losses(self, batch: Prepared, noise: NDArray[np.float32], t: NDArray[np.float32]) -> Tensor:
        size = len(batch)
        if self._judge == "truth":  # valid clips come first
            return torch.arange(size, dtype=torch.float32) + 1
        if self._judge == "frames":
            return (batch.latents**2).flatten(1).mean(1)
        return torch.tensor(self._rng.random(size)) + 1


def test_who_knows_the_truth_never_prefers_the_impossible() -> None:
    found = plausibility(FakeDenoiser("truth"), num_pairs=9, seed=0, shape=SHAPE)
    assert (found.error, found.num_pairs) == (0.0, 9)
    assert (set(found.by_edit), set(found.unmatched)) == (set(MATCHED), set(UNMATCHED))
    assert [estimate.value for estimate in found.by_timestep.values()] == [0.0] * 6


def test_a_coin_prefers_the_impossible_half_of_the_time() -> None:
    found = plausibility(FakeDenoiser("coin"), num_pairs=120, seed=0, shape=SHAPE, edits=["vanish", "colour"])
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.2


def test_who_judges_frames_one_by_one_is_a_coin() -> None:
    found = plausibility(FakeDenoiser("frames"), num_pairs=14, seed=0, shape=SHAPE)
    assert found.error == 0.5


def test_clips_that_show_no_edit_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected 1 set or more and edits that break one of"):
        plausibility(FakeDenoiser("truth"), num_pairs=2, seed=0, shape=SHAPE, laws=["uniform"], edits=["float"])
