from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.evaluate.frechet import TorchScriptFeatures, frechet_distance, frechet_score, gaussian_distance
from model.evaluate.intervals import mean, share
from model.evaluate.probe import probe_r2


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_wilsons_interval_of_no_hits_in_ten_ends_at_z_squared_over_ten_plus_z_squared() -> None:
    found = share(0, 10)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.8415 / 13.8415, abs=1e-4)


def test_wilsons_interval_of_one_half_is_symmetric() -> None:
    found = share(50, 100)
    assert found.low + found.high == pytest.approx(1.0)
    assert found.low == pytest.approx(0.4038, abs=1e-4)


def test_a_bootstrap_interval_holds_the_mean_and_leaves_nan_out() -> None:
    values = np.append(rng().normal(3.0, 1.0, 400), np.nan)
    found = mean(values)
    assert found.num == 400
    assert found.low < 3.0 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert math.isnan(mean(np.array([np.nan])).value)


def test_the_distance_of_two_normal_distributions_is_the_textbooks() -> None:
    left, right = np.diag([4.0, 9.0]), np.diag([1.0, 16.0])
    assert gaussian_distance(np.array([3.0, 0.0]), left, right) == pytest.approx(9.0 + 1.0 + 1.0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    turned = gaussian_distance(np.zeros(2), turn @ left @ turn.T, turn @ right @ turn.T)
    assert turned == pytest.approx(2.0)


def test_the_distance_of_samples_approaches_that_of_their_distributions() -> None:
    left = rng(1).normal(0.0, 1.0, (20_000, 3))
    right = rng(2).normal(0.0, 2.0, (20_000, 3)) + np.array([1.0, 0.0, 0.0])
    assert frechet_distance(left, right) == pytest.approx(1.0 + 3.0, rel=0.05)
    assert frechet_distance(left, left) == pytest.approx(0.0, abs=1e-9)


def test_fewer_clips_than_features_still_give_a_finite_distance() -> None:
    assert frechet_distance(rng(1).normal(size=(4, 10)), rng(2).normal(size=(4, 10))) > 0


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean([2, 3, 4])


class LikeI3D(nn.Module):
    def forward(self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False) -> Tensor:
        assert return_features
        return x.mean([2, 3, 4]).repeat(1, 134)[:, :400]


@pytest.mark.filterwarnings("ignore:`torch.jit.s")
@pytest.mark.parametrize(("network", "name"), [(Means(), "Frechet score"), (LikeI3D(), "FVD")])
def test_only_a_network_that_answers_like_i3d_makes_an_fvd(tmp_path: Path, network: nn.Module, name: str) -> None:
    torch.jit.script(network).save(tmp_path / "net.pt")  # type: ignore[no-untyped-call]
    real = rng(1).integers(0, 256, (3, 2, 8, 8, 3), dtype=np.uint8)
    score = frechet_score(TorchScriptFeatures(tmp_path / "net.pt", side=8), real, real // 2)
    assert (score.name, score.num_clips, score.num_frames) == (name, 3, 2)
    assert score.distance > 0


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"net\.pt is not a TorchScript file"):
        TorchScriptFeatures(tmp_path / "net.pt")
    with pytest.raises(ValueError, match="expected a TorchScript file"):
        TorchScriptFeatures(tmp_path / "none.pt")


def test_a_linear_probe_reads_what_is_linear_and_nothing_from_noise() -> None:
    x = rng(1).normal(size=(300, 12))
    y = np.stack([x[:, 0] - 2 * x[:, 1], rng(2).normal(size=300)], axis=1)
    linear, noise = probe_r2(x[:200], y[:200], x[200:], y[200:])
    assert linear > 0.99
    assert noise < 0.2


def test_a_linear_probe_stands_more_features_than_rows_and_constant_ones() -> None:
    x = np.concatenate([rng(1).normal(size=(60, 200)), np.ones((60, 1))], axis=1)
    assert probe_r2(x[:40], x[:40, :1], x[40:], x[40:, :1])[0] > -0.5
