from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from federation.verbs.codec import add_verbs
from model import parts

SIZES = {"frames": 5, "height": 16, "width": 16, "crop": 16, "clips": 8, "batch": 2, "factor": 4, "threads": 1}
SMALL = [*(f"--{name}={size}" for name, size in SIZES.items()), "--json"]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "parts"))
    app = typer.Typer()
    add_verbs(app)
    return app


def test_a_trained_codec_lies_among_the_parts_under_the_printed_digest(app: typer.Typer, tmp_path: Path) -> None:
    out = str(tmp_path / "codec.safetensors")
    made = CliRunner().invoke(app, ["codec", "train", "--out", out, "--steps", "2", *SMALL])
    assert made.exit_code == 0, made.output
    printed = json.loads(made.stdout.splitlines()[-1])
    assert (tmp_path / "parts" / printed["digest"]).read_bytes() == Path(out).read_bytes()
    told = json.loads(CliRunner().invoke(app, ["codec", "info", out, "--json"]).stdout)
    added = json.loads(CliRunner().invoke(app, ["codec", "add", out, "--json"]).stdout)
    facts = {"kind": "vae", "factor": 4, "time_factor": 4, "latent_channels": 16}
    assert told == added == {"digest": printed["digest"], **facts}


def test_clips_that_no_codec_takes_are_refused_with_the_nearest_length(app: typer.Typer, tmp_path: Path) -> None:
    asked = ["codec", "train", "--out", str(tmp_path / "c"), "--steps", "1", *SMALL, "--frames", "8"]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert "the nearest that the codec takes: 5 or 9" in json.loads(refused.stdout)["error"]
