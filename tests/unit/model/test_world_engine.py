from __future__ import annotations

import math

import numpy as np
import pytest

from model.data.worlds import make_scene
from model.data.worlds.engine import InelasticCollapse, Laws, Motion, Particle, simulate
from model.data.worlds.pendulum import period, swing
from model.job import VideoShape


def alone(particle: Particle, num_frames: int, **laws: float) -> Motion:
    return simulate([particle], num_frames, Laws(**laws))


def test_a_body_between_walls_moves_uniformly_and_turns_at_them() -> None:
    motion = alone(Particle(position=(0.5, 0.5), velocity=(0.3, 0.0), radius=0.1), 6)
    assert motion.positions[0, :, 0].tolist() == pytest.approx([0.5, 0.8, 0.7, 0.4, 0.1, 0.4])
    assert motion.positions[0, :, 1].tolist() == [0.5] * 6
    assert motion.velocities[0, [0, 1, 2, 3, 5], 0].tolist() == pytest.approx([0.3, 0.3, -0.3, -0.3, 0.3])
    assert [(event.wall, round(event.time, 6)) for event in motion.events] == [
        ("right wall", 1.333333),
        ("left wall", 4.0),
    ]


def test_a_fall_follows_the_parabola_and_loses_its_share_at_the_floor() -> None:
    # drop of 0.5 under 0.25: down in 2 frames at speed 0.5, up again at 0.25
    body = Particle(position=(0.5, 0.4), velocity=(0.0, 0.0), radius=0.1)
    motion = alone(body, 5, gravity=0.25, wall_restitution=0.5)
    assert motion.positions[0, :, 1].tolist() == pytest.approx([0.4, 0.525, 0.9, 0.775, 0.9])
    assert motion.events[0].wall == "floor"
    assert [event.time for event in motion.events] == pytest.approx([2.0, 4.0])
    assert motion.velocities[0, 3, 1] == pytest.approx(0.0)


def test_a_throw_under_the_ceiling_meets_it_on_the_way_up() -> None:
    # y + vy t + g t^2 / 2 = radius: 0.4 - 0.5 t + 0.1 t^2 = 0 at t = 1, rising still at 0.3
    motion = alone(Particle(position=(0.5, 0.5), velocity=(0.0, -0.5), radius=0.1), 3, gravity=0.2)
    assert [(event.wall, round(event.time, 9)) for event in motion.events] == [("ceiling", 1.0)]
    assert motion.velocities[0, 2, 1] == pytest.approx(0.3 + 0.2)


def test_an_elastic_fall_keeps_its_energy() -> None:
    motion = alone(Particle(position=(0.3, 0.2), velocity=(0.11, 0.0), radius=0.1), 60, gravity=0.03)
    energy = 0.5 * (motion.velocities[0] ** 2).sum(1) + 0.03 * (1 - motion.positions[0, :, 1])
    assert np.ptp(energy) < 1e-9


def test_a_body_comes_to_rest_on_the_floor() -> None:
    body = Particle(position=(0.5, 0.8), velocity=(0.0, 0.0), radius=0.1)
    motion = alone(body, 40, gravity=0.1, wall_restitution=0.3)
    assert motion.positions[0, -1, 1] == pytest.approx(0.9)
    assert motion.velocities[0, -1, 1] == 0
    assert len(motion.events) < 10


def test_a_heavy_body_throws_a_light_one_ahead() -> None:
    # masses 3 and 1, speed 0.2 against rest: 0.2 (3 - 1) / 4 = 0.1 and 0.2 * 2 * 3 / 4 = 0.3; gap 0.2, so at frame 1
    bodies = [
        Particle(position=(0.2, 0.5), velocity=(0.2, 0.0), radius=0.1, mass=3.0),
        Particle(position=(0.6, 0.5), velocity=(0.0, 0.0), radius=0.1, mass=1.0),
    ]
    motion = simulate(bodies, 2, Laws())
    assert [(event.kind, event.bodies, event.time) for event in motion.events] == [
        ("contact", (0, 1), pytest.approx(1.0))
    ]
    assert motion.velocities[:, 1, 0].tolist() == pytest.approx([0.1, 0.3])


def test_an_oblique_contact_turns_the_normal_speed_only() -> None:
    # equal balls whose centres lie at 45 degrees when they touch: one goes off down, the other up
    reach = 0.2 / math.sqrt(2)
    bodies = [
        Particle(position=(0.2, 0.5), velocity=(0.1, 0.0), radius=0.1),
        Particle(position=(0.3 + reach, 0.5 - reach), velocity=(0.0, 0.0), radius=0.1),
    ]
    motion = simulate(bodies, 3, Laws())
    assert motion.velocities[0, 2].tolist() == pytest.approx([0.05, 0.05])
    assert motion.velocities[1, 2].tolist() == pytest.approx([0.05, -0.05])


def test_many_elastic_contacts_keep_momentum_between_walls_and_energy_throughout() -> None:
    bodies = [
        Particle(position=(0.2, 0.31), velocity=(0.13, 0.02), radius=0.1, mass=2.0),
        Particle(position=(0.7, 0.4), velocity=(-0.07, 0.05), radius=0.12, mass=1.0),
        Particle(position=(0.5, 0.8), velocity=(0.03, -0.11), radius=0.08, mass=0.5),
    ]
    motion = simulate(bodies, 200, Laws())
    masses = np.array([2.0, 1.0, 0.5])
    energy = 0.5 * np.einsum("b,bfc->f", masses, motion.velocities**2)
    assert sum(event.kind == "contact" for event in motion.events) > 20
    assert np.ptp(energy) < 1e-9
    gaps = [
        np.hypot(*(motion.positions[i] - motion.positions[j]).T) - bodies[i].radius - bodies[j].radius
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert np.min(gaps) > -1e-9


def test_without_walls_bodies_leave() -> None:
    motion = simulate([Particle(position=(0.05, 0.5), velocity=(-0.5, 0.0), radius=0.1)], 3, Laws(box_width=None))
    assert motion.positions[0, :, 0].tolist() == pytest.approx([0.05, -0.45, -0.95])
    assert not motion.events


def test_a_body_outside_the_box_and_gravity_on_two_are_refused() -> None:
    with pytest.raises(ValueError, match="must start inside the box"):
        alone(Particle(position=(0.05, 0.5), velocity=(0.1, 0.0), radius=0.1), 2)
    two = [Particle(position=(x, 0.5), velocity=(0.0, 0.0), radius=0.1) for x in (0.2, 0.8)]
    with pytest.raises(ValueError, match="gravity pulls one body, got 2"):
        simulate(two, 2, Laws(gravity=0.1))


def test_a_pendulum_swings_as_a_fine_numerical_solution_does() -> None:
    amplitude, length, gravity = 2.4, 0.5, 0.07
    times = np.arange(0.0, 40.0, 2.0)
    angle, rate = swing(times, amplitude, length, gravity)
    state, found, step = np.array([amplitude, 0.0]), [], 1 / 1024

    def slope(
        s: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array([s[1], -gravity / length * math.sin(s[0])])

    for i in range(int(times[-1] / step) + 1):
        if i % int(2 / step) == 0:
            found.append(state)
        a = slope(state)
        b = slope(state + step / 2 * a)
        c = slope(state + step / 2 * b)
        d = slope(state + step * c)
        state = state + step / 6 * (a + 2 * b + 2 * c + d)
    assert np.abs(np.stack([angle, rate], axis=1) - np.stack(found)).max() < 1e-9


def test_a_small_swing_has_the_textbook_period_and_returns_after_each() -> None:
    assert period(1e-4, 0.5, 0.02) == pytest.approx(2 * math.pi * 5, rel=1e-8)
    whole = period(2.0, 0.5, 0.02)
    angle, rate = swing(np.array([0.0, whole / 2, whole]), 2.0, 0.5, 0.02)
    assert angle.tolist() == pytest.approx([2.0, -2.0, 2.0], abs=1e-9)
    assert rate.tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_a_pendulum_that_hangs_still_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an amplitude"):
        swing(np.zeros(1), 0.0, 0.5, 0.02)


def test_a_heavy_body_that_pushes_a_light_one_against_a_wall_collapses_and_such_a_scene_is_drawn_anew() -> None:
    heavy = Particle(position=(0.44, 0.5), velocity=(-0.021, 0.0), radius=0.15, mass=0.096)
    light = Particle(position=(0.12, 0.5), velocity=(0.0, 0.0), radius=0.06, mass=0.008)
    with pytest.raises(InelasticCollapse, match=r"more than 10000 events in 16\.0 frames"):
        simulate([heavy, light], 17, Laws(box_width=1.0, pair_restitution=0.2))

    shape = VideoShape(num_frames=17, height=64, width=64)
    scene = make_scene("inelastic", 11, shape, "radius", index=165)
    assert [event.kind for event in scene.events] == ["contact"]
