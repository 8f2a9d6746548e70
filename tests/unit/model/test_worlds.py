from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.data.worlds import (
    BACKGROUNDS,
    COLOURS,
    LAWS,
    SHAPES,
    SPLITS,
    Scene,
    SceneBody,
    held_out,
    laws_of,
    make_clips,
    make_scene,
    make_scenes,
    quantities,
    read_caption,
    render,
)
from model.data.worlds.splits import GRAVITY, RADIUS, SPEED
from model.job import DEMO_SHAPE, VideoShape

FINE = VideoShape(num_frames=17, height=64, width=64)
SCENES = {law: [make_scene(law, seed) for seed in range(20)] for law in LAWS}
OFF = {split: make_scenes(12 * len(laws_of(split)), 5, split=split) for split in SPLITS}


def events(scene: Scene, *kinds: str) -> list[float]:
    return [event.time for event in scene.events if event.kind in kinds]


@pytest.mark.parametrize("law", ["collision", "inelastic"])
def test_a_contact_keeps_momentum_and_loses_the_energy_that_its_law_says(law: str) -> None:
    for scene in SCENES[law]:
        (time,) = events(scene, "contact")
        before, after = scene.velocities[:, 0], scene.velocities[:, -1]
        masses = np.array([body.mass for body in scene.bodies])
        assert np.abs(masses @ before - masses @ after).max() < 1e-12
        loss = 0.5 * masses @ (before**2).sum(1) - 0.5 * masses @ (after**2).sum(1)
        meeting = scene.positions[:, 0] + before * time
        normal = (meeting[1] - meeting[0]) / np.hypot(*(meeting[1] - meeting[0]))
        approach, parting = (before[0] - before[1]) @ normal, (after[1] - after[0]) @ normal
        reduced = masses.prod() / masses.sum()
        assert parting / approach == pytest.approx(1.0 if law == "collision" else scene.restitution, abs=1e-9)
        assert loss == pytest.approx(0.5 * reduced * (approach**2 - parting**2), abs=1e-12)
        assert np.hypot(*(meeting[1] - meeting[0])) == pytest.approx(sum(b.radius for b in scene.bodies), abs=1e-9)


def test_bodies_meet_as_they_are_drawn() -> None:
    for scene in SCENES["collision"] + SCENES["inelastic"]:
        if {body.shape for body in scene.bodies} != {"ball"}:
            assert np.abs(np.diff(scene.positions, axis=0)).min(axis=2).max() < 1e-9  # head-on, along an axis


def test_gravity_fitted_from_positions_is_the_law() -> None:
    for scene in SCENES["gravity"]:
        first = int(min(events(scene, "wall")))
        if first >= 2:
            bend = np.diff(scene.positions[0, : first + 1, 1], n=2)
            assert bend.tolist() == pytest.approx([scene.gravity] * len(bend), abs=1e-12)


def test_uniform_motion_is_uniform() -> None:
    for scene in SCENES["uniform"]:
        assert not scene.events
        assert np.abs(np.diff(scene.positions[0], axis=0) - scene.velocities[0, 0]).max() < 1e-12


def test_a_pendulum_keeps_its_string_and_its_energy() -> None:
    for scene in SCENES["pendulum"]:
        away = scene.positions[0] - np.array(scene.props.pivot)
        assert np.ptp(np.hypot(*away.T)) < 1e-12
        energy = 0.5 * (scene.velocities[0] ** 2).sum(1) - scene.gravity * away[:, 1]
        assert np.ptp(energy) < 1e-12


@pytest.mark.parametrize("law", ["occluder", "containment"])
def test_hidden_frames_show_no_pixel_of_the_body_and_both_ends_show_it(law: str) -> None:
    for scene in [*SCENES[law], *(make_scene(law, seed, FINE) for seed in range(8))]:
        without = render(replace(scene, exists=np.zeros_like(scene.exists)))
        differs = (render(scene) != without).any(axis=(1, 2, 3))
        hidden = ~scene.visible[0]
        assert not differs[hidden].any()
        assert hidden.any()
        assert differs[[0, -1]].all()
        times = np.flatnonzero(hidden)
        hide, appear = events(scene, "hide", "appear")[:2]
        assert hide <= times[0]
        assert times[-1] <= appear


def test_a_box_carries_what_it_covers() -> None:
    for scene in SCENES["containment"]:
        container, hidden = scene.props.container, ~scene.visible[0]
        assert container is not None
        assert np.abs(scene.positions[0] - container.positions)[hidden].max() < container.half - scene.bodies[0].radius
        shift = scene.positions[0, -1, 0] - scene.positions[0, 0, 0]
        told = {"stays": 0, "slides left": -1, "slides right": 1}[scene.slots["action"]]
        assert np.sign(round(shift, 9)) == told


def test_the_count_changes_as_the_caption_says() -> None:
    for scene in SCENES["counting"]:
        counts = scene.exists.sum(axis=0)
        change = {"none leaves": 0, "one leaves": -1, "one enters": 1}[scene.slots["change"]]
        assert counts[-1] - counts[0] == change
        assert scene.slots["count"] == {2: "two", 3: "three"}[int(counts[0])]
        gaps = np.diff(np.sort(scene.positions[:, 0, 1]))
        assert gaps.min() > 2 * scene.bodies[0].radius


@pytest.mark.parametrize("split", SPLITS)
def test_captions_say_what_the_state_holds_and_can_be_read_back(split: str) -> None:
    for scene in OFF[split]:
        slots = scene.slots
        assert read_caption(scene.caption) == slots
        assert (slots["shape"], slots["colour"]) == (scene.bodies[0].shape, scene.bodies[0].colour)
        assert f"on a {scene.background} background" in scene.caption
        if "wall" in slots:
            axis, end = {"left wall": (0, 0), "right wall": (0, 1), "ceiling": (1, 0), "floor": (1, 1)}[slots["wall"]]
            reach = scene.positions[0, :, axis].max() if end else 1 - scene.positions[0, :, axis].min()
            assert reach + scene.bodies[0].radius > 0.5
        if "direction" in slots and scene.law != "pendulum":
            x, y = scene.velocities[0, 0]
            assert {"right": x > 0, "left": x < 0, "down": y > 0, "up": y < 0}[slots["direction"]]
            assert (abs(x) > abs(y)) == (slots["direction"] in ("left", "right"))


def test_a_sentence_of_another_grammar_is_not_read() -> None:
    assert read_caption("a big grey rabbit climbs out of a burrow on a green meadow") is None


def test_the_caption_of_a_known_scene_reads_as_written() -> None:
    assert SCENES["gravity"][0].caption == "a red square falls on a cream background and bounces off the floor"


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_leaves_the_trained_ranges_in_its_own_way_only(split: str) -> None:
    tables = {"radius": RADIUS, "speed": SPEED, "gravity": GRAVITY}
    left = {"velocity": "speed", "radius": "radius", "gravity": "gravity"}.get(split)
    for scene in OFF[split]:
        for name, value in quantities(scene).items():
            low, high = tables[name][scene.law].train
            drifts = name == "speed" and (
                (scene.law == "containment" and scene.slots["action"] == "stays")
                or (scene.law == "counting" and scene.slots["change"] == "none leaves")
            )
            if not drifts:
                assert (low - 1e-9 <= value <= high + 1e-9) == (name != left), (scene.law, name, value)
        held = [held_out(scene.law, body.shape, body.colour) for body in scene.bodies]
        assert set(held) == {split == "combinations"}


def test_every_law_lacks_a_colour_a_shape_and_every_pair_is_trained_on() -> None:
    for law in LAWS:
        assert all(sum(held_out(law, shape, colour) for colour in COLOURS) == 1 for shape in SHAPES)
        assert not any(all(held_out(law, shape, colour) for shape in SHAPES) for colour in COLOURS)
    assert not any(all(held_out(law, shape, colour) for law in LAWS) for shape in SHAPES for colour in COLOURS)


def test_a_longer_horizon_goes_on_at_the_same_pace() -> None:
    long = make_scene("bounce", 3, DEMO_SHAPE, "horizon")
    assert (long.shape.num_frames, long.positions.shape, render(long).shape[0]) == (15, (1, 15, 2), 15)
    assert 0.5 <= np.hypot(*long.velocities[0, 0]) * 7 <= 1.0


def test_no_two_splits_seeds_or_places_in_a_seed_share_a_scene() -> None:
    pictures = {
        make_scene("bounce", seed, split=split, index=index).positions[:, :8].tobytes()
        for seed in (0, 1, 2**64 - 1)
        for split in ("train", "velocity", "radius", "combinations", "horizon")
        for index in range(4)
    }
    assert len(pictures) == 60


def test_equal_seeds_give_equal_clips_and_laws_take_turns() -> None:
    first, second = make_clips(num_clips=9, seed=1), make_clips(num_clips=9, seed=1)
    assert np.array_equal(first.frames, second.frames)
    assert first.captions == second.captions
    assert first.captions != make_clips(num_clips=9, seed=2).captions
    assert [(read_caption(caption) or {})["law"] for caption in first.captions] == list(LAWS)
    assert [scene.law for scene in make_scenes(3, 1, split="gravity")] == ["gravity", "pendulum", "gravity"]


def test_the_drawn_body_is_where_the_state_says() -> None:
    for scene in (make_scene("bounce", seed, FINE) for seed in range(10)):
        frames = render(scene).astype(float)
        ink = np.abs(frames - np.array(BACKGROUNDS[scene.background])).sum(axis=3)
        across = np.arange(64) + 0.5
        total = ink.sum(axis=(1, 2))
        found = np.stack([(ink.sum(1) @ across) / total, (ink.sum(2) @ across) / total], axis=1) / 64
        assert np.abs(found - scene.positions[0]).max() < 0.03


@pytest.mark.parametrize(("shape", "area"), [("ball", 3.14159), ("square", 4.0), ("diamond", 2.0)])
def test_a_body_has_the_ink_of_its_area(shape: str, area: float) -> None:
    scene = SCENES["uniform"][0]
    body = SceneBody(shape=shape, colour="red", radius=0.2)
    scene = replace(scene, shape=FINE, background="navy", bodies=(body,), positions=np.full((1, 17, 2), 0.47))
    scene = replace(scene, exists=np.ones((1, 17), np.bool_))
    ink = (render(scene)[0, ..., 0] - 25.0) / (220 - 25)
    covered = (ink > 0.5).sum() if shape == "ball" else ink.sum()  # a ball's highlight is brighter than its colour
    assert covered == pytest.approx(area * (0.2 * 64) ** 2, rel=0.01)


def test_a_body_that_is_said_not_to_exist_is_not_drawn() -> None:
    scene = SCENES["uniform"][1]
    gone = scene.exists.copy()
    gone[:, 4:] = False
    frames = render(replace(scene, exists=gone))
    background = np.array(BACKGROUNDS[scene.background])
    assert (frames[4:] == background).all()
    assert np.array_equal(frames[:4], render(scene)[:4])


def test_a_body_may_be_drawn_anywhere_even_far_outside() -> None:
    scene = SCENES["pendulum"][0]
    away = render(replace(scene, positions=scene.positions + 7.0))
    assert away.shape == (8, 32, 32, 3)


def test_wide_frames_show_a_wide_world() -> None:
    scene = make_scene("occluder", 0, VideoShape(num_frames=8, height=16, width=32))
    assert scene.positions[..., 0].max() > 1.4
    assert render(scene).shape == (8, 16, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"law": "orbit"}, "unknown law 'orbit'; choose from uniform, bounce"),
        ({"split": "colour"}, "unknown split 'colour'; choose from train, velocity"),
        ({"split": "gravity"}, "the split 'gravity' changes gravity, pendulum; it has no 'bounce'"),
        ({"seed": -1}, "expected a seed of 64 bits, got -1"),
        ({"shape": VideoShape(num_frames=1, height=8, width=8)}, "expected 2 frames or more"),
        ({"shape": VideoShape(num_frames=8, height=32, width=4)}, "at least half as wide as high, got 4 x 32"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_scene(**{"law": "bounce", "seed": 0, **arguments})  # type: ignore[arg-type]
