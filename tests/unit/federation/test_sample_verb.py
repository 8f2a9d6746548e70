"""`tenwings sample` on a checkpoint file: no network, every task, one clear line for whatever is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import typer
from click.testing import CliRunner, Result
from PIL import Image

from federation.given_files import GivenFiles
from federation.verbs import sampling
from model.checkpoint import initial
from model.data.video import write_mp4
from model.job import VideoShape
from node.errors import ConfigError
from tests.support.tiny import SMALL

Sample = Callable[..., Result]
SHAPE = VideoShape(num_frames=5, height=16, width=16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint, two pictures, a film and what is no picture; the command runs in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TENWINGS_HOME", str(tmp_path / "home"))
    (tmp_path / "small.safetensors").write_bytes(initial(SMALL, 0))
    rng = np.random.Generator(np.random.Philox(0))
    for name, size in (("one.png", (40, 20)), ("two.png", (20, 20))):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
    write_mp4(tmp_path / "film.mp4", rng.integers(0, 256, (7, 16, 24, 3), dtype=np.uint8), height=32)
    (tmp_path / "broken.mp4").write_bytes(b"no film" * 40)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture
def sample(folder: Path) -> Sample:
    app = typer.Typer(pretty_exceptions_enable=False)
    sampling.add_verbs(app)
    app.command("other")(lambda: None)
    command = typer.main.get_command(app)
    small = ("--checkpoint", str(folder / "small.safetensors"), "--steps", "1", "--frames", "5")
    size = ("--height", "16", "--width", "16", "--json")
    return lambda *options: CliRunner().invoke(command, ["sample", "a red ball", *small, *size, *options])


def num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--image", "one.png"),
        ("--image", "one.png", "--image", "two.png"),
        ("--video", "film.mp4"),
        ("--video", "film.mp4", "--task", "backward", "--given", "3"),
        ("--video", "film.mp4", "--task", "interpolate", "--given", "3"),
        ("--video", "film.mp4", "--task", "tube", "--box", "0,4,8,8"),
        ("--image", "one.png", "--image", "two.png", "--task", "random_frames", "--at", "3,1"),
        ("--sampler", "dpm++", "--guidance-interval", "0.2,0.9", "--negative", "a blue box"),
    ],
    ids=" ".join,
)
def test_a_checkpoint_file_and_given_files_make_a_video(sample: Sample, folder: Path, options: tuple[str, ...]) -> None:
    result = sample(*options)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["checkpoint"] == str(folder / "small.safetensors")
    assert num_frames(folder / "sample.mp4") == 5
    with Image.open(folder / "sample.png") as sheet:
        assert sheet.size == (3 * 5 * 20, 3 * 20)


@pytest.mark.parametrize("options", [(), ("--video", "film.mp4"), ("--image", "one.png")], ids=" ".join)
def test_a_long_video_has_its_seconds_at_eight_frames_each(
    sample: Sample, folder: Path, options: tuple[str, ...]
) -> None:
    result = sample("--seconds", "3", *options)

    assert result.exit_code == 0, result.output
    assert num_frames(folder / "sample.mp4") == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--image", "broken.png"), "cannot read broken.png as an image"),
        (("--image", "none.png"), "expected an image at none.png, there is none"),
        (("--video", "broken.mp4"), "cannot decode broken.mp4 as a video"),
        (("--video", "none.mp4"), "expected a video at none.mp4, there is none"),
        (("--image", "one.png", "--video", "film.mp4"), "expected images or a video, got both"),
        (("--task", "predict"), "task 'predict' needs given frames, got none"),
        (("--task", "paint", "--image", "one.png"), "unknown task 'paint'"),
        (("--task", "predict", "--video", "film.mp4", "--given", "5"), "expected 1 to 4 given frames"),
        (
            ("--task", "predict", "--video", "film.mp4", "--given", "9"),
            "expected 9 given frames for task predict, got 7",
        ),
        (("--task", "first_last", "--image", "one.png"), "expected two images or a video"),
        (("--sampler", "ddim"), "unknown sampler 'ddim'"),
        (("--guidance-interval", "1"), "--guidance-interval: expected 2 numbers"),
        (("--guidance-interval", "a,b"), "--guidance-interval: expected numbers between commas"),
        (("--seconds", "900"), "expected 0 to 600 seconds"),
        (("--seconds", "2", "--task", "tube", "--video", "film.mp4"), "expected task unconditional, predict"),
        (("--seconds", "2", "--task", "predict"), "task predict needs given frames"),
        (("--seconds", "0.5", "--video", "film.mp4"), "num_frames must be more than the 7 given, got 4"),
        (("--height", "18"), "height and width must be multiples of 4"),
        (("--checkpoint", "broken.png"), "not a checkpoint"),
        (("--checkpoint", "none.safetensors"), "expected a checkpoint's file or CID, got 'none.safetensors'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_one_clear_line(sample: Sample, options: tuple[str, ...], message: str) -> None:
    result = sample(*options)

    assert result.exit_code == 2, result.output
    assert message in json.loads(result.stdout)["error"]


def test_files_are_scaled_to_cover_the_frame_and_cut_to_the_middle(folder: Path) -> None:
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 20:40] = 250
    Image.fromarray(picture).save(folder / "wide.png")
    frames = GivenFiles(images=[folder / "wide.png"]).read(SHAPE)
    assert frames is not None
    assert frames.shape == (1, 16, 16, 3)
    assert frames[0, :, 2:14].min() > 230


def test_a_video_narrower_than_the_clip_is_scaled_up_to_cover_it(folder: Path) -> None:
    frames = GivenFiles(video=folder / "film.mp4").read(VideoShape(num_frames=5, height=16, width=64))
    assert frames is not None
    assert frames.shape == (7, 16, 64, 3)


def test_a_still_at_the_end_is_held_as_long_as_a_latent_frame(folder: Path) -> None:
    files = GivenFiles(images=[folder / "one.png", folder / "two.png"])
    frames = files.for_task("first_last", SHAPE, 4)
    assert frames is not None
    assert len(frames) == 5
    assert all(np.array_equal(frame, frames[1]) for frame in frames[2:])


def test_the_end_of_a_video_is_what_is_continued(folder: Path) -> None:
    files = GivenFiles(video=folder / "film.mp4")
    whole, tail = files.read(SHAPE), files.for_task("predict", SHAPE, 1)
    assert whole is not None
    assert tail is not None
    assert np.array_equal(tail, whole[-2:])


def test_a_number_of_given_frames_below_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected a number of given frames of at least 0, got -1"):
        GivenFiles(num_frames=-1)
