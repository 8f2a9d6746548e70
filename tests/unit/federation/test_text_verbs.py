from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from federation.verbs import text
from model import parts
from model.text import captioner_training, encoder_training, expander_lm
from tests.support.films import sliding, write_film


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "parts"))
    for module in (encoder_training, captioner_training, expander_lm):
        monkeypatch.setattr(module, "BATCH", 4)
    app = typer.Typer()
    text.add_verbs(app)

    def invoke(*words: object, code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*map(str, words), "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.output.splitlines()[-1])

    return invoke


def test_an_encoder_is_trained_kept_under_its_digest_and_probed(call: Any, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("a grey rabbit\n\nstretches in the sun\n")
    out = tmp_path / "encoder.safetensors"
    more = ("--texts", tmp_path / "more.txt")
    said = call("text", "train", "--out", out, "--preset", "nano", "--steps", 2, *more)
    assert parts.find(said["digest"]) == out.read_bytes()
    assert set(said["probe"]) == {"in distribution", "new combinations", "new wordings"}


def test_a_writer_is_trained_and_writes(call: Any, tmp_path: Path) -> None:
    out = tmp_path / "writer.safetensors"
    assert call("text", "train", "--out", out, "--kind", "writer", "--preset", "nano", "--steps", 2)["steps"] == 2
    said = call("expand", "a red ball", "--kind", "lm", "--path", out)
    assert said["prompt"].startswith("a red ball")
    assert (said["writer"], said["rejected"]) == ("grammar", 4)


def test_a_captioner_is_trained_and_speaks(call: Any, tmp_path: Path) -> None:
    film, out = write_film(tmp_path / "film.mp4", sliding(10, seed=1)), tmp_path / "captioner.safetensors"
    assert set(call("captioner", "train", "--out", out, "--preset", "nano", "--steps", 2)["slots"]) >= {"law", "colour"}
    assert call("caption", film, "--kind", "learned", "--path", out)["slots"]["law"]
    assert call("caption", film)["slots"]["camera"].startswith("pans left")


def test_training_that_diverges_writes_the_last_good_weights_and_fails(call: Any, tmp_path: Path) -> None:
    out = tmp_path / "writer.safetensors"
    rate = ("--learning-rate", 1e30)
    said = call("text", "train", "--out", out, "--kind", "writer", "--preset", "nano", "--steps", 9, *rate, code=2)
    assert "holds the last good weights" in said["error"]
    assert expander_lm.load_writer(out.read_bytes())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("text", "train", "--out", "x", "--kind", "poet"), "encoder or writer, got 'poet'"),
        (("text", "train", "--out", "x", "--preset", "XL"), "unknown preset 'XL'; choose from nano, small, base"),
        (("captioner", "train", "--out", "x", "--minutes", "0"), "--minutes must be a positive number, got 0.0"),
        (("caption", "gone.mp4"), "cannot be"),
        (("expand", "the"), "expected a prompt that says something"),
        (("expand", "a ball", "--kind", "llm", "--path", "gone"), "expected a folder with config.json"),
    ],
)
def test_a_mistake_is_one_clear_line(call: Any, words: tuple[str, ...], reason: str) -> None:
    assert reason in call(*words, code=2)["error"]
