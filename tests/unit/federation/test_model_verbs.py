from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner

from federation.verbs import model
from model.checkpoint import initial, read

SMALL = ["--frames", "3", "--height", "16", "--width", "16", "--batch", "2", "--threads", "1"]


def run(*arguments: str, code: int = 0) -> str:
    app = typer.Typer(pretty_exceptions_enable=False)
    model.add_verbs(app)
    result = CliRunner().invoke(typer.main.get_command(app), arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_a_model_is_made_described_and_trained_to_its_last_step(tmp_path: Path) -> None:
    start, out = tmp_path / "start.safetensors", tmp_path / "run"
    run("model", "init", "--preset", "nano", "--seed", "3", "--out", str(start))
    assert start.read_bytes() == initial("nano", seed=3)
    info = json.loads(run("model", "info", str(start), "--json"))
    assert (info["preset"], info["tokens of a clip"]) == ("nano", 192)
    arguments = ["model", "train", "--start", str(start), "--out", str(out), "--json", *SMALL]
    told = json.loads(run(*arguments, "--steps", "2", "--tensorboard", "--images", "0.4"))
    assert told["checkpoint"] == str(out / "step-00000002" / "ema.safetensors")
    assert read(Path(told["checkpoint"]).read_bytes()).config.preset == "nano"
    assert list(out.glob("events.out.tfevents.*"))
    assert "resume it" in run(*arguments, "--steps", "2", "--images", "0.4", code=2)


def test_what_does_not_fit_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.training.memory.free_bytes", lambda device: 20_000_000)
    told = run("model", "train", "--steps", "1", "--out", str(tmp_path / "run"), *SMALL, "--json", code=2)
    assert "preset nano needs" in told
    assert "no preset fits" in told
