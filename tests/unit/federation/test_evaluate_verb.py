"""`tenwings evaluate` on a checkpoint file: a report without a network, one clear line for whatever is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner, Result

from federation.verbs import evaluate
from model.checkpoint import initial
from tests.support.tiny import SMALL


def run(*arguments: str) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    evaluate.add_verbs(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(typer.main.get_command(app), ["evaluate", *arguments])


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TENWINGS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    path = tmp_path / "small.safetensors"
    path.write_bytes(initial(SMALL, 0))
    return str(path)


def test_a_checkpoint_file_becomes_a_report_folder(checkpoint: str, tmp_path: Path) -> None:
    small = ("--clips", "1", "--pairs", "4", "--steps", "1", "--show", "1", "--short", "--json")
    result = run(checkpoint, "--out", str(tmp_path / "report"), *small)
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert said["plausibility_error"] == {"train": 0.5}
    assert Path(said["page"]).read_text().startswith("<!doctype html>")
    assert json.loads(Path(said["report"]).read_text())["plan"]["num_scenes"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--splits", "nope"), "expected splits of train"),
        (("--given", "8"), "expected 2 to 7 given frames of 8, got 8"),
        (("--fvd", "no-file.pt"), "expected a TorchScript file of a feature network, got no-file.pt"),
        (("--steps", "0"), "num_steps must be at least 1, got 0"),
    ],
)
def test_a_wrong_option_is_one_line(checkpoint: str, arguments: tuple[str, ...], message: str) -> None:
    result = run(checkpoint, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_is_no_checkpoint_is_one_line(checkpoint: str, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"no checkpoint")
    result = run(str(tmp_path / "broken"))
    assert result.exit_code == 2
    assert "safetensors" in result.output
