"""What the demo says at the end: its numbers come from the chain and from the coordinator's progress."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from federation import demo
from federation.config import RunSpec
from federation.demo import BALLOTS, CAST, VOTED, DemoPlan, _finish, _Stage, loss_curve, round_parts
from federation.joining import parse_roles
from federation.plots import Curve, plot_losses
from federation.server_app import ProgressFile, progress_path
from federation.stage import wait
from node.config import Home
from node.console import Out
from node.errors import TenWingsError
from node.records.members import Role
from tests.support.played import Played


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    played = Played()
    played.commit(played.record({"alice": 3_000, "bob": 1_000}))
    played.commit(played.record({"alice": 3_000, "bob": 1_000}))
    monkeypatch.setattr(demo, "open_ledger", lambda home: played.ledger)
    monkeypatch.setattr(demo, "open_store", lambda home, node: played.store)
    return Home(tmp_path)


def write_progress(home: Home) -> None:
    progress = ProgressFile(path=progress_path(home, 1))
    progress("training", {"round": 1})
    progress("committed", {"round": 1, "timings_ms": {"train": 1_500, "score": 500}})
    progress("round-failed", {"round": 2})
    progress("committed", {"round": 2, "timings_ms": {"train": 2_500, "train_wait": 1_500, "cosign": 250}})


def test_the_curve_has_the_genesis_loss_and_one_loss_a_round(home: Home) -> None:
    assert loss_curve(home, 1).losses_micro == (1_500_000, 1_499_000, 1_498_000)


def test_the_parts_of_all_rounds_are_summed(home: Home) -> None:
    write_progress(home)

    assert round_parts(home, 1) == {
        "training": 2.5,
        "scoring": 0.5,
        "aggregation": 0.0,
        "held-out loss": 0.0,
        "co-signing": 0.25,
        "IPFS": 0.0,
        "chain": 0.0,
        "Flower's waiting": 1.5,
    }


def test_the_summary_for_scripts_is_one_json_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    write_progress(home)
    stage = _Stage(home=home, plan=DemoPlan(), out=Out(as_json=True), seconds={"rounds": 7.04})

    _finish(stage, 1, {"losses_micro": [2_000_000, 1_500_000], "checkpoint": "bafk"}, 91.26)

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "losses_micro": [2_000_000, 1_500_000],
        "checkpoint": "bafk",
        "fall_percent": 25.0,
        "seconds": 91.3,
        "parts_seconds": {"rounds": 7.0},
        "rounds_seconds": {
            "training": 2.5,
            "scoring": 0.5,
            "aggregation": 0.0,
            "held-out loss": 0.0,
            "co-signing": 0.2,
            "IPFS": 0.0,
            "chain": 0.0,
            "Flower's waiting": 1.5,
        },
    }


@pytest.mark.parametrize(("keep", "words"), [(True, "tenwings down --home"), (False, "make demo KEEP=1")])
def test_the_summary_for_people_says_what_stays(
    home: Home, capsys: pytest.CaptureFixture[str], keep: bool, words: str
) -> None:
    write_progress(home)
    stage = _Stage(home=home, plan=DemoPlan(keep=keep), out=Out(as_json=False))

    _finish(stage, 1, {"losses_micro": [2_000_000, 1_500_000]}, 91.26)

    text = " ".join(capsys.readouterr().out.split())
    assert "Held-out loss 2.0000 → 1.5000, 25.0 % lower" in text
    assert "in all 91 s" in text
    assert words in text


def test_parts_of_the_same_name_add_up(home: Home) -> None:
    stage = _Stage(home=home, plan=DemoPlan(), out=Out(as_json=True))
    with stage.part(3, "rounds", "one"), stage.part(3, "rounds", "two"):
        pass

    assert list(stage.seconds) == ["rounds"]
    assert stage.seconds["rounds"] >= 0


def test_what_never_comes_is_named_after_its_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 10_000, 50))
    monkeypatch.setattr(demo.time, "monotonic", lambda: float(next(times)))
    monkeypatch.setattr(demo.time, "sleep", lambda seconds: None)

    with pytest.raises(TenWingsError, match="expected the vote to open within 120 s"):
        wait("the vote to open", lambda: False)


def test_the_cast_can_form_a_quorum_and_its_proposal_changes_the_spec() -> None:
    roles = [parse_roles(role) for role in CAST.values()]

    assert sum(bool(r & Role.TRAINER) for r in roles) >= RunSpec().round.min_updates
    assert sum(bool(r & Role.EVALUATOR) for r in roles) >= 2
    assert set(BALLOTS) <= set(CAST)
    assert RunSpec().with_changes(VOTED) != RunSpec()


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot_losses(Curve(losses_micro=(1_500_000, 1_400_000)), tmp_path / "loss.png")

    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
