"""The exact pendulum: Jacobi's elliptic functions by the arithmetic-geometric mean (Abramowitz and Stegun 16.4, 17.6).

Released at rest from the angle a, it hangs at theta(t) = 2 asin(k cd(w t, k)) with k = sin(a / 2) and w = sqrt(g / L).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_STEPS = 8
"""Landen steps; each doubles the digits, so these reach the rounding of float64."""


def swing(
    times: NDArray[np.float64], amplitude: float, length: float, gravity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return angle and angular velocity at `times`; amplitude in radians from the lowest point, inside (-pi, pi)."""
    if not 0 < abs(amplitude) < math.pi or length <= 0 or gravity <= 0:
        raise ValueError(
            f"expected an amplitude inside (-pi, pi) but not 0, a length and a gravity above 0, "
            f"got {amplitude}, {length}, {gravity}"
        )
    modulus, rate = math.sin(amplitude / 2), math.sqrt(gravity / length)
    sn, cn, dn = _jacobi(rate * times, abs(modulus))
    angle = 2 * np.arcsin(modulus * cn / dn)
    speed = -2 * modulus * rate * math.sqrt(1 - modulus**2) * sn / dn
    return angle, speed


def period(amplitude: float, length: float, gravity: float) -> float:
    """Time of a full swing to and fro: 4 K(k) / w."""
    mean = math.cos(amplitude / 2)
    a, b = 1.0, mean
    for _ in range(_STEPS):
        a, b = (a + b) / 2, math.sqrt(a * b)
    return 2 * math.pi / a * math.sqrt(length / gravity)


def _jacobi(
    u: NDArray[np.float64], modulus: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """sn, cn and dn of `u` by descending Landen steps."""
    a, b, c = [1.0], math.sqrt(1 - modulus**2), [modulus]
    for _ in range(_STEPS):
        c.append((a[-1] - b) / 2)
        a_next, b = (a[-1] + b) / 2, math.sqrt(a[-1] * b)
        a.append(a_next)
    phase = 2.0**_STEPS * a[-1] * u
    for step in range(_STEPS, 0, -1):
        phase = (phase + np.arcsin(np.clip(c[step] / a[step] * np.sin(phase), -1, 1))) / 2
    sn, cn = np.sin(phase), np.cos(phase)
    return sn, cn, np.sqrt(1 - (modulus * sn) ** 2)
