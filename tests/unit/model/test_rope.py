from __future__ import annotations

import math

import pytest
import torch

from model.network.rope import axis_pairs, landmarks, rotations
from tests.support.rotary import rotate


def _score(offset: tuple[int, int, int], query: torch.Tensor, key: torch.Tensor) -> float:
    """Dot product of a query at `offset` and a key at `offset` + (1, 2, 1)."""
    grid = (6, 6, 6)
    cos, sin = rotations(grid, 64, 100.0, "cpu")
    t, h, w = offset
    at = (t * 6 + h) * 6 + w
    to = ((t + 1) * 6 + h + 2) * 6 + w + 1
    return float(rotate(query, cos[at], sin[at]) @ rotate(key, cos[to], sin[to]))


def test_a_score_depends_on_the_distance_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 64, generator=generator).unbind(0)
    scores = [_score(offset, query, key) for offset in [(0, 0, 0), (2, 1, 3), (4, 3, 4)]]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-4)


def test_a_rotation_keeps_the_norm() -> None:
    x = torch.arange(5 * 12, dtype=torch.float32).reshape(5, 12)
    cos, sin = rotations((5, 1, 1), 12, 100.0, "cpu")
    torch.testing.assert_close(rotate(x, cos, sin).norm(dim=1), x.norm(dim=1))


def test_the_first_pair_of_an_axis_turns_by_one_radian_a_step() -> None:
    cos, _ = rotations((3, 2, 2), 12, 100.0, "cpu")
    assert axis_pairs(12) == (2, 2, 2)
    last = cos.reshape(3, 2, 2, 6)[2, 1, 0]  # t = 2, h = 1, w = 0; two pairs an axis
    expected = [math.cos(2), math.cos(0.2), math.cos(1), math.cos(0.1), 1.0, 1.0]
    assert last.tolist() == pytest.approx(expected, abs=1e-6)


def test_pairs_left_over_go_to_time() -> None:
    assert axis_pairs(64) == (12, 10, 10)


def test_every_place_has_its_own_landmark() -> None:
    marks = landmarks((4, 3, 2), 128, "cpu")
    assert marks.shape == (24, 128)
    assert len({tuple(row) for row in marks.tolist()}) == 24
