from __future__ import annotations

import math

import numpy as np
import pytest

from model.data.physics import Body, simulate
from model.data.render import canvas, draw_disc
from model.data.worlds import BACKGROUNDS, COLOURS, KINDS, World, make_clips, make_world, render
from model.job import VideoShape

WORLDS = [make_world(kind, seed) for kind in KINDS for seed in range(30)]


def test_a_body_between_walls_moves_uniformly_and_turns_at_them() -> None:
    body = Body(position=(0.5, 0.5), velocity=(0.3, 0.0), radius=0.1)
    motion = simulate(body, 6)
    assert motion.positions[:, 0].tolist() == pytest.approx([0.5, 0.8, 0.7, 0.4, 0.1, 0.4])
    assert motion.positions[:, 1].tolist() == [0.5] * 6
    assert motion.velocities[[0, 1, 2, 3, 5], 0].tolist() == pytest.approx([0.3, 0.3, -0.3, -0.3, 0.3])
    assert [(event.wall, round(event.time, 6)) for event in motion.events] == [
        ("right wall", 1.333333),
        ("left wall", 4.0),
    ]


def test_a_fall_follows_the_parabola_and_loses_its_share_at_the_floor() -> None:
    # drop of 0.5 under 0.25: down in 2 frames at speed 0.5, up again at 0.25
    body = Body(position=(0.5, 0.4), velocity=(0.0, 0.0), radius=0.1, gravity=0.25, restitution=0.5)
    motion = simulate(body, 5)
    assert motion.positions[:, 1].tolist() == pytest.approx([0.4, 0.525, 0.9, 0.775, 0.9])
    assert motion.events[0].wall == "floor"
    assert [event.time for event in motion.events] == pytest.approx([2.0, 4.0])
    assert motion.velocities[3, 1] == pytest.approx(0.0)


def test_a_throw_under_the_ceiling_meets_it_on_the_way_up() -> None:
    # y + vy t + g t^2 / 2 = radius: 0.4 - 0.5 t + 0.1 t^2 = 0 at t = 1, rising still at 0.3
    body = Body(position=(0.5, 0.5), velocity=(0.0, -0.5), radius=0.1, gravity=0.2)
    motion = simulate(body, 3)
    assert [(event.wall, round(event.time, 9)) for event in motion.events] == [("ceiling", 1.0)]
    assert motion.velocities[2, 1] == pytest.approx(0.3 + 0.2)


def test_an_elastic_fall_keeps_its_energy() -> None:
    body = Body(position=(0.3, 0.2), velocity=(0.11, 0.0), radius=0.1, gravity=0.03)
    motion = simulate(body, 60)
    height = 1 - motion.positions[:, 1]
    energy = 0.5 * (motion.velocities**2).sum(1) + 0.03 * height
    assert energy.tolist() == pytest.approx([energy[0]] * 60)


def test_a_body_comes_to_rest_on_the_floor() -> None:
    body = Body(position=(0.5, 0.8), velocity=(0.0, 0.0), radius=0.1, gravity=0.1, restitution=0.3)
    motion = simulate(body, 40)
    assert motion.positions[-1, 1] == pytest.approx(0.9)
    assert motion.velocities[-1, 1] == 0
    assert len(motion.events) < 10


def test_a_body_outside_the_box_is_refused() -> None:
    with pytest.raises(ValueError, match="must start inside the box"):
        simulate(Body(position=(0.05, 0.5), velocity=(0.1, 0.0), radius=0.1), 2)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.caption)
def test_a_caption_states_what_happens(world: World) -> None:
    caption = world.caption
    assert f"{world.colour} {world.shape}" in caption
    assert f"on a {world.background} background" in caption
    x, y = world.body.velocity
    signs = {"right": x > 0, "left": x < 0, "down": y > 0, "up": y < 0}
    told = [word for word in signs if f"moves {word}" in caption]
    assert all(signs[word] for word in told)
    assert len(told) == (0 if world.kind == "gravity" else 1)
    assert ("falls" in caption) == (world.kind == "gravity")
    assert ("behind a pillar" in caption) == (world.pillar is not None)
    if world.kind != "occluder":
        first = [event.wall for event in world.motion.events][:1]
        assert caption.partition(" and bounces off the ")[2] == "".join(first)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.caption)
def test_a_body_never_leaves_the_box(world: World) -> None:
    positions, radius = world.motion.positions, world.body.radius
    assert positions.min() >= radius - 1e-9
    assert positions.max() <= 1 - radius + 1e-9


def test_the_pillar_hides_the_whole_body_for_a_frame_and_both_ends_are_seen() -> None:
    for world in WORLDS:
        if world.kind == "occluder":
            assert world.hidden.any()
            assert not world.hidden[0]
            assert not world.hidden[-1]


def test_what_is_hidden_is_not_drawn_and_what_is_not_is() -> None:
    world = next(world for world in WORLDS if world.kind == "occluder" and world.background == "white")
    frames = render(world).astype(int)
    colour = np.array(COLOURS[world.colour])
    seen = (np.abs(frames - colour).max(axis=3) < 12).any(axis=(1, 2))
    assert not seen[world.hidden].any()
    assert seen[0]
    assert seen[-1]


def test_the_drawn_body_is_where_the_state_says() -> None:
    for world in (make_world("bounce", seed) for seed in range(10)):
        frames = render(world, VideoShape(num_frames=8, height=64, width=64)).astype(float)
        ink = np.abs(frames - np.array(BACKGROUNDS[world.background])).sum(axis=3)
        across = np.arange(64) + 0.5
        total = ink.sum(axis=(1, 2))
        found = np.stack([(ink.sum(1) @ across) / total, (ink.sum(2) @ across) / total], axis=1) / 64
        assert np.abs(found - world.motion.positions).max() < 0.03


def test_a_disc_has_the_ink_of_its_area() -> None:
    target = canvas(64, 64, (0, 0, 0))
    draw_disc(target, 0.53, 0.41, 0.2, (255, 255, 255))
    assert target[..., 0].sum() / 255 == pytest.approx(math.pi * (0.2 * 64) ** 2, rel=0.005)


def test_equal_seeds_give_equal_clips_and_kinds_take_turns() -> None:
    first, second = make_clips(num_clips=6, seed=1), make_clips(num_clips=6, seed=1)
    assert np.array_equal(first.frames, second.frames)
    assert first.captions == second.captions
    assert first.captions != make_clips(num_clips=6, seed=2).captions
    assert "falls" in first.captions[1]
    assert "pillar" in first.captions[2]


def test_wide_frames_show_a_wide_world() -> None:
    world = make_world("occluder", 0, VideoShape(num_frames=8, height=16, width=32))
    assert world.motion.positions[:, 0].max() > 1.5
    assert render(world, VideoShape(num_frames=8, height=16, width=32)).shape == (8, 16, 32, 3)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown kind 'orbit'; choose from bounce, gravity, occluder"):
        make_world("orbit", 0)
