"""`tenwings sample` signs and marks what it writes; `tenwings verify` says whether that still holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import typer
from click.testing import CliRunner, Result

from federation.provenance import signer_of
from federation.verbs import provenance, sampling
from model.checkpoint import initial
from model.data.video import write_mp4
from model.provenance import own_signer, payload_of
from node import cid
from node.config import Home
from node.errors import ConfigError
from tests.support.tiny import SMALL

Tenwings = Callable[..., Result]
SIZE = ("--frames", "5", "--height", "16", "--width", "16", "--steps", "1")


@pytest.fixture
def tenwings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenwings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TENWINGS_HOME", str(tmp_path / "home"))
    (tmp_path / "small.safetensors").write_bytes(initial(SMALL, 0))
    app = typer.Typer(pretty_exceptions_enable=False)
    sampling.add_verbs(app)
    provenance.add_verbs(app)
    command = typer.main.get_command(app)
    return lambda *arguments: CliRunner().invoke(command, list(arguments))


def sampled(tenwings: Tenwings, *options: str) -> Path:
    made = tenwings("sample", "a red ball", "--checkpoint", "small.safetensors", "--seed", "7", *SIZE, *options)
    assert made.exit_code == 0, made.output
    return Path("sample.mp4")


def verdict(tenwings: Tenwings, video: Path, *options: str) -> tuple[int, dict[str, object]]:
    result = tenwings("verify", str(video), "--json", *options)
    return result.exit_code, json.loads(result.output.splitlines()[0])


def test_a_sampled_video_tells_how_it_was_made_and_carries_its_checkpoints_mark(tenwings: Tenwings) -> None:
    video = sampled(tenwings, "--guidance-interval", "0.2,0.9")
    origin = cid.of(Path("small.safetensors").read_bytes())
    code, told = verdict(tenwings, video)
    assert code == 0
    assert (told["prompt"], told["seed"], told["checkpoint"]) == ("a red ball", 7, origin)
    assert (told["matches"], told["trusted"], told["watermark_agreeing_bits"]) == (True, True, 32)
    assert told["watermark"] == f"{payload_of(origin):08x}"
    settings = told["settings"]
    assert isinstance(settings, dict)
    assert (settings["steps"], settings["guidance_interval"], settings["task"]) == (1, "0.2,0.9", "unconditional")
    assert "signature   matches the file; by Ten Wings installation" in tenwings("verify", str(video)).output


def test_elsewhere_the_signature_matches_and_the_signer_is_unknown_unless_trusted(
    tenwings: Tenwings, tmp_path: Path
) -> None:
    video = sampled(tenwings)
    code, told = verdict(tenwings, video, "--home", str(tmp_path / "elsewhere"))
    assert (code, told["matches"], told["trusted"]) == (0, True, False)
    assert not (tmp_path / "elsewhere").exists()
    roots = str(tmp_path / "home" / "provenance" / "chain.pem")
    assert verdict(tenwings, video, "--home", str(tmp_path / "elsewhere"), "--trust", roots)[1]["trusted"]


def test_a_changed_video_does_not_match_and_the_command_fails(tenwings: Tenwings) -> None:
    video = sampled(tenwings)
    data = bytearray(video.read_bytes())
    data[-700] ^= 255
    video.write_bytes(data)
    result = tenwings("verify", str(video))
    assert result.exit_code == 8
    assert "does not match its manifest (assertion.bmffHash.mismatch)" in result.output


def test_a_copy_without_its_manifest_says_so_and_keeps_the_mark(tenwings: Tenwings) -> None:
    with av.open(str(sampled(tenwings))) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    write_mp4(Path("copy.mp4"), frames)
    code, told = verdict(tenwings, Path("copy.mp4"))
    assert (code, told["signed"], told["matches"]) == (8, False, False)
    assert told["watermark"] == f"{payload_of(cid.of(Path('small.safetensors').read_bytes())):08x}"
    assert "carries no signed manifest" in tenwings("verify", "copy.mp4").output


def test_a_mark_can_be_left_out(tenwings: Tenwings) -> None:
    code, told = verdict(tenwings, sampled(tenwings, "--no-watermark"))
    assert (code, told["matches"], told["watermark"]) == (0, True, None)


def test_what_is_no_video_is_refused_in_one_line(tenwings: Tenwings) -> None:
    assert "expected a video file, there is none at lost.mp4" in tenwings("verify", "lost.mp4").output
    result = tenwings("verify", "small.safetensors")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)


def test_a_person_may_bring_a_certificate_of_their_own(tmp_path: Path) -> None:
    theirs = own_signer(tmp_path / "theirs")
    names = {
        "TENWINGS_SIGNING_CHAIN": str(tmp_path / "theirs" / "chain.pem"),
        "TENWINGS_SIGNING_KEY": str(tmp_path / "theirs" / "key.pem"),
    }
    home = Home(tmp_path / "home")
    assert signer_of(home, names) == theirs
    assert not home.signing_chain.exists()
    with pytest.raises(ConfigError, match="expected both TENWINGS_SIGNING_CHAIN and TENWINGS_SIGNING_KEY"):
        signer_of(home, {"TENWINGS_SIGNING_KEY": "key.pem"})
