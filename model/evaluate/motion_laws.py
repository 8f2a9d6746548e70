"""Are laws kept? Momentum and energy drift, and gravity and restitution fitted to what the tracker sees.

Everything is measured on the predicted frames alone, against the scene's exact constants. A body that is not found
carries no momentum and no energy, and shows no gravity. What a clip cannot show (no contact in its predicted frames)
is NaN and is left out of means.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model.data.worlds import Scene
from model.evaluate.observe import clear
from model.evaluate.tracker import Floats, Tracks


def momentum_drift(tracks: Tracks, scene: Scene, num_given: int) -> float:
    """Median over predicted steps of |P - P at the start| over the sum of all m |v| at the start; 0 is best.

    For laws without walls; steps from the first wall on do not count.
    """
    usable = _usable_steps(scene, num_given, walls=False)
    if not usable.any():
        return float("nan")
    masses = _masses(scene)
    total = (masses[:, None, None] * _steps(tracks)).sum(axis=0)[usable]
    start = scene.velocities[:, 0]
    scale = (masses * np.hypot(*start.T)).sum()
    return float(np.median(np.hypot(*(total - masses @ start).T)) / scale)


def energy_drift(tracks: Tracks, scene: Scene, num_given: int) -> float:
    """Median over predicted steps of |E - E at the start| over E at the start; 0 is best.

    E is kinetic, and for a pendulum also that of height above its lowest point. For laws that keep energy.
    """
    usable = _usable_steps(scene, num_given, walls=True)
    if not usable.any():
        return float("nan")
    masses = _masses(scene)
    energy = 0.5 * (masses[:, None] * (_steps(tracks) ** 2).sum(axis=2)).sum(axis=0)
    start = 0.5 * float((masses * (scene.velocities[:, 0] ** 2).sum(axis=1)).sum())
    if scene.props.pivot is not None:
        pivot = np.array(scene.props.pivot)
        lowest = pivot[1] + np.hypot(*(scene.positions[0, 0] - pivot))
        middle = (tracks.positions[0, 1:, 1] + tracks.positions[0, :-1, 1]) / 2
        energy = energy + masses[0] * scene.gravity * np.nan_to_num(lowest - middle)
        start += masses[0] * scene.gravity * (lowest - scene.positions[0, 0, 1])
    return float(np.median(np.abs(energy[usable] - start)) / start)


def gravity_error(tracks: Tracks, scene: Scene, num_given: int) -> float:
    """|g fitted - g| / g of a falling body; 1 for one that does not fall.

    The fit is the median second difference of the height, which is g in every stretch of free flight, without those
    that a contact bends upwards.
    """
    falls = _second_differences(tracks, num_given)
    while len(falls) and np.isfinite(falls).any() and np.nanmin(falls) < 0:
        bend = int(np.nanargmin(falls))  # a contact between two frames bends two differences
        sides = [i for i in (bend - 1, bend + 1) if 0 <= i < len(falls) and np.isfinite(falls[i])]
        falls[[bend, *sorted(sides, key=lambda i: falls[i])[:1]]] = np.nan
    fitted = float(np.median(falls[np.isfinite(falls)])) if np.isfinite(falls).any() else 0.0
    return abs(fitted - scene.gravity) / scene.gravity


def restitution_error(tracks: Tracks, scene: Scene, num_given: int) -> float:
    """|e fitted - e| at the first predicted contact with the floor; e for a body that does not rebound.

    e is the ratio of the speeds at the floor after and before the contact, each from one step of free flight two
    frames around it and energy conservation from there to the floor.
    """
    times = [event.time for event in scene.events if event.wall == "floor"]
    last = scene.shape.num_frames - 1
    inside = [t for t in times if num_given - 1 <= t <= last - 2.5 and t >= 2.5]
    alone = [t for t in inside if all(other == t or abs(other - t) > 4 for other in times)]
    if not alone:
        return float("nan")
    y, near = tracks.positions[0, :, 1], round(alone[0])
    frames = [j for j in range(max(2, near - 1), min(last - 1, near + 2)) if np.isfinite(y[j - 2 : j + 3]).all()]
    if not frames:
        return scene.restitution
    bend = min(frames, key=lambda j: y[j + 1] - 2 * y[j] + y[j - 1])
    floor, pull = 1 - scene.bodies[0].radius, scene.gravity
    before, after = (_speed_at(y[j], y[j + 1], floor, pull) for j in (bend - 2, bend + 1))
    falls = y[bend - 1] > y[bend - 2]
    rises = min(y[bend + 2] - y[bend + 1], y[bend + 1] - y[bend]) < -_MIN_RISE
    fitted = np.sqrt(max(after, 0.0) / before) if before > 0 and falls and rises else 0.0
    return float(abs(min(fitted, 2.0) - scene.restitution))


_MIN_RISE = 0.002
"""Canvas heights that a body rises in a frame after a rebound: twice the tracker's error."""
Measure = Callable[[Tracks, Scene, int], float]
MEASURES: dict[str, tuple[Measure, tuple[str, ...]]] = {
    "momentum drift": (momentum_drift, ("uniform", "collision", "inelastic")),
    "energy drift": (energy_drift, ("uniform", "bounce", "collision", "pendulum")),
    "gravity error": (gravity_error, ("gravity",)),
    "restitution error": (restitution_error, ("gravity",)),
}
"""Name -> measure and the laws that it is asked of."""


def _masses(scene: Scene) -> Floats:
    return np.array([body.mass for body in scene.bodies])


def _steps(tracks: Tracks) -> Floats:
    """(bodies, frames - 1, 2), none where a body is not found."""
    return np.nan_to_num(np.diff(tracks.positions, axis=1))


def _usable_steps(scene: Scene, num_given: int, *, walls: bool) -> NDArray[np.bool_]:
    """(frames - 1,): predicted steps in which every body can be measured."""
    whole: NDArray[np.bool_] = np.all(clear(scene), axis=0)
    usable = whole[1:] & whole[:-1]
    usable[: num_given - 1] = False
    if not walls:
        times = [event.time for event in scene.events if event.kind == "wall"]
        usable[int(min(times, default=len(usable))) :] = False
    return usable


def _second_differences(tracks: Tracks, num_given: int) -> Floats:
    return np.diff(tracks.positions[0, max(num_given - 2, 0) :, 1], n=2)


def _speed_at(first: float, second: float, floor: float, pull: float) -> float:
    """Squared speed at the floor of a flight through two heights one frame apart."""
    middle = (first + second) / 2 - pull / 8
    return (second - first) ** 2 + 2 * pull * (floor - middle)
