from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.checkpoint import initial
from model.config import CodecConfig
from model.evaluate.frechet import TorchScriptFeatures
from model.evaluate.report import write_report
from model.evaluate.world import Example, WorldPlan, WorldReport, evaluate, evaluate_plan
from model.job import VideoShape
from model.presets import preset
from model.sample import Recipe

MINI = replace(preset("nano"), preset="custom", width=24, num_layers=1, num_heads=2, codec=CodecConfig(factor=4))
START = initial(MINI, 0)
PLAN = WorldPlan(
    num_scenes=1,
    num_pairs=7,
    splits=("train", "gravity"),
    shape=VideoShape(num_frames=8, height=32, width=32),
    recipe=Recipe(num_steps=1, guidance=1.0),
)


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean([2, 3, 4])


@pytest.fixture(scope="module")
def evaluated() -> tuple[WorldReport, list[Example]]:
    examples: list[Example] = []
    return evaluate_plan(START, PLAN, show=examples.append), examples


def test_a_report_has_every_score_of_every_split_beside_the_baselines(
    evaluated: tuple[WorldReport, list[Example]],
) -> None:
    report, examples = evaluated
    train, gravity = report.splits
    predictors = ["model", "copy last", "constant velocity", "oracle"]
    assert [list(train.permanence), list(train.counting), list(gravity.permanence)] == [predictors, predictors, []]
    assert [result.law for result in gravity.trajectories] == ["gravity", "pendulum"]
    assert set(train.laws) == {"momentum drift", "energy drift", "gravity error", "restitution error"}
    assert train.permanence["oracle"].kept.value == 1.0
    assert train.tracker_floor < 0.01
    assert len(examples) == 9 + 2


def test_equal_plans_give_equal_reports_and_json_has_null_for_what_cannot_be_measured(
    evaluated: tuple[WorldReport, list[Example]],
) -> None:
    report, _ = evaluated
    again = evaluate(START, num_scenes=1, num_pairs=7, splits=("gravity",), shape=PLAN.shape, recipe=PLAN.recipe)
    assert again.splits[0].plausibility == report.splits[1].plausibility
    raw = json.loads(report.to_json())
    assert raw["format"] == "tenwings-world-report/1"
    assert raw["splits"][0]["plausibility"]["error"] == 0.5  # an untrained model answers zero
    assert "NaN" not in report.to_json()


def test_the_page_stands_alone_without_script(evaluated: tuple[WorldReport, list[Example]], tmp_path: Path) -> None:
    report, examples = evaluated
    files = write_report(tmp_path / "report", report, examples, 2)
    page = files.html.read_text()
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count("data:image/webp") == 2 + 2
    assert page.count("data:image/svg+xml") == 2 * 2
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", page)) == page.count("<img")
    assert json.loads(files.json.read_text())["checkpoint_sha256"] in page


@pytest.mark.filterwarnings("ignore:`torch.jit.s")
def test_a_network_from_a_file_adds_a_frechet_score_under_its_own_name(tmp_path: Path) -> None:
    torch.jit.script(Means()).save(tmp_path / "net.pt")  # type: ignore[no-untyped-call]
    network = TorchScriptFeatures(tmp_path / "net.pt", side=8)
    plan = replace(PLAN, splits=("gravity",), num_scenes=2)
    score = evaluate_plan(START, plan, network=network).splits[0].frechet
    assert score is not None
    assert (score.name, score.num_clips, score.num_features) == ("Frechet score", 4, 3)
    assert np.isfinite(score.distance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"splits": ("nope",)}, "expected splits of train, velocity"),
        ({"splits": ()}, "got none"),
        ({"num_given": 8}, "expected 2 to 7 given frames of 8, got 8"),
        ({"num_scenes": 0}, "expected 1 clip and 1 pair or more"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PLAN, **change)  # type: ignore[arg-type]
