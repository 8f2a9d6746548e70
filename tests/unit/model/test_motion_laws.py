from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from model.data.worlds import Scene, make_scenes
from model.evaluate.motion_laws import (
    MEASURES,
    energy_drift,
    gravity_error,
    momentum_drift,
    restitution_error,
)
from model.evaluate.observe import backdrop
from model.evaluate.permanence import counting, permanence
from model.evaluate.predictors import BASELINES, copy_last, oracle
from model.evaluate.tracker import Floats, Frames, Tracks
from model.evaluate.trajectory import continue_clips
from model.job import VideoShape

SHAPE = VideoShape(num_frames=17, height=32, width=32)


def exact(scene: Scene, positions: Floats | None = None) -> Tracks:
    """What a tracker without error sees."""
    places = scene.positions if positions is None else positions
    return Tracks(positions=places, radii=np.where(np.isnan(places[..., 0]), np.nan, 0.1))


def nothing(scene: Scene) -> Tracks:
    return exact(scene, np.full_like(scene.positions, np.nan))


@pytest.mark.parametrize("name", MEASURES)
def test_exact_truth_keeps_every_law(name: str) -> None:
    measure, laws = MEASURES[name]
    values = np.array([measure(exact(scene), scene, 4) for scene in make_scenes(24, 2, SHAPE, laws)])
    assert np.isfinite(values).sum() >= 4
    assert np.nanmax(values) < {"energy drift": 0.03}.get(name, 0.01)


def test_a_body_that_stops_has_lost_all_momentum_and_energy() -> None:
    (scene,) = make_scenes(1, 0, SHAPE, ["uniform"])
    stopped = np.array(scene.positions)
    stopped[:, 4:] = stopped[:, 3:4]
    assert momentum_drift(exact(scene, stopped), scene, 4) == pytest.approx(1.0)
    assert energy_drift(exact(scene, stopped), scene, 4) == pytest.approx(1.0)
    assert momentum_drift(nothing(scene), scene, 4) == pytest.approx(1.0)


def test_a_body_at_twice_the_pace_has_four_times_the_energy() -> None:
    (scene,) = make_scenes(1, 0, SHAPE, ["uniform"])
    fast = scene.positions[:, :1] + 2 * (scene.positions - scene.positions[:, :1])
    assert energy_drift(exact(scene, fast), scene, 4) == pytest.approx(3.0)
    assert momentum_drift(exact(scene, fast), scene, 4) == pytest.approx(1.0)


def test_a_body_that_does_not_fall_shows_no_gravity() -> None:
    (scene,) = make_scenes(1, 0, SHAPE, ["gravity"])
    straight = np.repeat(scene.positions[:, :1], 17, axis=1) + np.arange(17)[None, :, None] * 0.01
    assert gravity_error(exact(scene, straight), scene, 4) == pytest.approx(1.0)
    assert gravity_error(nothing(scene), scene, 4) == pytest.approx(1.0)


def test_a_rebound_at_half_the_speed_has_half_the_restitution() -> None:
    measured = []
    for scene in make_scenes(20, 1, SHAPE, ["gravity"]):
        time = next(event.time for event in scene.events if event.wall == "floor")
        floor, frames = 1 - scene.bodies[0].radius, np.arange(17.0)
        speed = np.sqrt(2 * scene.gravity * (floor - scene.positions[0, 0, 1]))  # it falls from rest
        after = frames - time
        halved = np.array(scene.positions)
        rebound = floor - 0.5 * scene.restitution * speed * after + scene.gravity * after**2 / 2
        halved[0, :, 1] = np.where(after > 0, rebound, halved[0, :, 1])
        error = restitution_error(exact(scene, halved), scene, 4)
        if np.isfinite(error):
            measured.append(error / scene.restitution)
    assert len(measured) >= 3
    assert measured == pytest.approx([0.5] * len(measured), abs=0.01)


HIDDEN = make_scenes(6, 4, SHAPE, ["occluder", "containment"])


def forgetful(given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
    """Nothing ever comes out again."""
    empty = np.stack([backdrop(scene) for scene in scenes])
    return np.concatenate([given, empty[:, given.shape[1] :]], axis=1)


def repainted(given: Frames, scenes: Sequence[Scene], num_frames: int) -> Frames:
    """Another colour comes out."""
    colours = [("red" if scene.bodies[0].colour != "red" else "blue") for scene in scenes]
    others = [
        replace(scene, bodies=(replace(scene.bodies[0], colour=colour),))
        for scene, colour in zip(scenes, colours, strict=True)
    ]
    return np.concatenate([given, oracle(given, others, num_frames)[:, given.shape[1] :]], axis=1)


def test_permanence_of_the_truth_is_whole_and_of_who_forgets_is_none() -> None:
    found = permanence(HIDDEN, {"oracle": oracle, "forgetful": forgetful, "repainted": repainted, "copy": copy_last})
    assert found["oracle"].kept.value == found["oracle"].colour.value == found["oracle"].count.value == 1.0
    assert (found["oracle"].place.value, found["oracle"].time.value) == (0.0, 0.0)
    assert found["forgetful"].kept.value == found["forgetful"].colour.value == found["copy"].kept.value == 0.0
    assert found["forgetful"].place.value == pytest.approx(3**-0.5)
    assert found["forgetful"].time.value > 1
    assert (found["repainted"].kept.value, found["repainted"].count.value) == (0.0, 1.0)


def test_permanence_is_asked_only_of_laws_that_hide() -> None:
    with pytest.raises(ValueError, match="expected a law of occluder, containment, got 'uniform'"):
        permanence(make_scenes(1, 0, SHAPE, ["uniform"]), BASELINES)


def test_counting_is_exact_for_the_truth_and_off_by_all_for_an_empty_picture() -> None:
    scenes = make_scenes(6, 3, SHAPE, ["counting"])
    found = counting(scenes, continue_clips(scenes, {"oracle": oracle, "empty": forgetful}, 4), 4)
    assert (found["oracle"].exact.value, found["oracle"].error.value) == (1.0, 0.0)
    assert found["empty"].exact.value == 0.0
    assert 1.0 <= found["empty"].error.value <= 4.0


def test_a_body_that_freezes_shows_no_rebound() -> None:
    for scene in make_scenes(8, 1, SHAPE, ["gravity"]):
        frozen = np.array(scene.positions)
        frozen[:, 6:] = frozen[:, 5:6]
        error = restitution_error(exact(scene, frozen), scene, 4)
        assert np.isnan(error) or error == pytest.approx(scene.restitution)
