"""The verb `sample`: from a checkpoint to a video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from node.config import Home
from node.console import HomeOption, JsonOption, Out, Panel, RunOption, find_home, short, verb
from node.errors import ConfigError
from node.records.content import Cid
from node.registering import register_video
from node.wiring import open_desk

N = TypeVar("N", int, float)


def add_verbs(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=Panel.MODELS)(sample)


@verb
def sample(
    prompt: Annotated[str, typer.Argument(help="What the video shows.")],
    run: RunOption = 1,
    checkpoint: Annotated[str, typer.Option(help="File or CID of a checkpoint (default: the run's head).")] = "",
    out: Annotated[Path, typer.Option(help="MP4 file; a PNG contact sheet is put beside it.")] = Path("sample.mp4"),
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    steps: Annotated[int, typer.Option(help="Solver steps.")] = 24,
    sampler: Annotated[str, typer.Option(help="euler, heun or dpm++.")] = "euler",
    guidance: Annotated[float, typer.Option(help="Classifier-free guidance scale; 1 is none.")] = 1.5,
    guidance_interval: Annotated[str, typer.Option(help="LOW,HIGH: times that are guided; 1 is noise.")] = "0,1",
    negative: Annotated[str, typer.Option(help="What guidance leads away from.")] = "",
    task: Annotated[str, typer.Option(help="What is given of the clip (default: what the files suggest).")] = "",
    image: Annotated[list[Path] | None, typer.Option(help="A given frame; repeat for several.")] = None,
    video: Annotated[Path | None, typer.Option(help="Given frames.")] = None,
    given: Annotated[int, typer.Option(help="Given frames to take of the files (default: what the task needs).")] = 0,
    at: Annotated[str, typer.Option(help="Places of the images, such as 0,5 (random_frames).")] = "",
    box: Annotated[str, typer.Option(help="TOP,LEFT,HEIGHT,WIDTH of what is made anew, in pixels (tube).")] = "",
    frames: Annotated[int, typer.Option(help="Frames of a clip (default: the run's).")] = 0,
    height: Annotated[int, typer.Option(help="Pixels (default: the run's).")] = 0,
    width: Annotated[int, typer.Option(help="Pixels (default: the run's).")] = 0,
    seconds: Annotated[float, typer.Option(help="Make a long video, window by window, 8 frames a second.")] = 0,
    watermark: Annotated[bool, typer.Option(help="Mark the video invisibly with its checkpoint.")] = True,
    register: Annotated[bool, typer.Option("--register", help="Register the video, made from its checkpoint.")] = False,
    name: Annotated[str, typer.Option("--as", help="Member whose key signs, with --register.")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sample a video from a checkpoint: of nothing, or of frames that are given."""
    from federation.given_files import GivenFiles
    from federation.sampling import SampleRequest, sample_videos

    if register and not name:
        raise ConfigError("expected --as MEMBER with --register: a member signs the registration")
    low, high = _parts("guidance-interval", guidance_interval, float, 2)
    corner = _parts("box", box, int, 4) if box else None
    request = SampleRequest(
        prompts=[prompt],
        seed=seed,
        num_steps=steps,
        sampler=sampler,
        guidance=guidance,
        interval=(low, high),
        negative=negative,
        task=task,
        given=GivenFiles(images=tuple(image or ()), video=video, num_frames=given) if image or video else None,
        at=tuple(_parts("at", at, int)) if at else (),
        box=(corner[0], corner[1], corner[2], corner[3]) if corner else None,
        size=(frames, height, width),
        num_seconds=seconds,
        watermark=watermark,
    )
    sheet, origin = sample_videos(find_home(home), run, checkpoint, request, out)
    registered = _register(find_home(home), name, run, origin, out) if register else ""
    Out(as_json=as_json).result(
        {"video": str(out), "contact_sheet": str(sheet), "checkpoint": origin, "registered": registered or None},
        escape(
            f"{out} and {sheet} from {origin if Path(origin).is_file() else short(origin)}"
            + (f"; registered as {registered}" if registered else "")
        ),
    )


def _register(home: Home, name: str, run: int, checkpoint: str, video: Path) -> str:
    """The video on IPFS and in the registry, its checkpoint first."""
    if Path(checkpoint).is_file():
        raise ConfigError("expected a run's checkpoint with --register, got a file: only what a run made can be traced")
    return register_video(open_desk(home, name), run, Cid(checkpoint), video.read_bytes())


def _parts(option: str, text: str, kind: Callable[[str], N], count: int = 0) -> list[N]:
    """What stands between commas, `count` of it unless that is 0."""
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--{option}: expected numbers between commas, got {text!r}") from error
    if count and len(found) != count:
        raise ConfigError(f"--{option}: expected {count} numbers between commas, got {text!r}")
    return found
