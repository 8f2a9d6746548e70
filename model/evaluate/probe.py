"""A linear probe: how much of a scene's state a feature vector tells, by ridge regression in closed form.

What a linear map cannot read may still be there; what it reads on scenes it was not fitted to, is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3)
"""Penalties tried, as multiples of the number of training rows."""
_VALIDATION_SHARE = 4
"""One training row in so many chooses the penalty."""

Rows = NDArray[np.float64]


def probe_r2(train_x: Rows, train_y: Rows, test_x: Rows, test_y: Rows) -> Rows:
    """Fit states on features and return R^2 of each state (states,) on the test rows.

    Features are standardised by the training rows. The penalty is chosen on the last quarter of the training rows,
    then all of them are fitted. R^2 is 1 for a perfect answer, 0 for the test rows' mean, below 0 for worse.
    """
    if len(train_x) != len(train_y) or len(test_x) != len(test_y) or len(train_x) < 2 * _VALIDATION_SHARE:
        counts = len(train_x), len(train_y), len(test_x), len(test_y)
        raise ValueError(f"expected a state for every feature row and at least 8 training rows, got {counts}")
    centre, spread = train_x.mean(axis=0), train_x.std(axis=0)
    spread = np.where(spread > 1e-8, spread, np.inf)  # a constant feature says nothing
    fit_x, test = (train_x - centre) / spread, (test_x - centre) / spread
    cut = len(fit_x) - len(fit_x) // _VALIDATION_SHARE
    scores = [_r2(_predict(fit_x[:cut], train_y[:cut], fit_x[cut:], ridge), train_y[cut:]).mean() for ridge in RIDGES]
    return _r2(_predict(fit_x, train_y, test, RIDGES[int(np.argmax(scores))]), test_y)


def _predict(x: Rows, y: Rows, at: Rows, ridge: float) -> Rows:
    """Ridge regression with a free intercept; the smaller of the two normal equations is solved."""
    centre_x, centre_y = x.mean(axis=0), y.mean(axis=0)
    x, y, at = x - centre_x, y - centre_y, at - centre_x
    penalty = ridge * len(x)
    if x.shape[1] <= len(x):
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    else:
        weights = x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(len(x)), y)
    return np.asarray(at @ weights + centre_y)


def _r2(guess: Rows, truth: Rows) -> Rows:
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(1 - ((guess - truth) ** 2).sum(axis=0) / np.maximum(spread, 1e-12))
