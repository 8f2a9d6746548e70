"""The verb `sample`: from a checkpoint to a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from node.cli import RunOption
from node.console import HomeOption, JsonOption, Out, find_home, short, verb


def add_verbs(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(sample)


@verb
def sample(
    prompt: Annotated[str, typer.Argument(help="What the video shows.")],
    run: RunOption = 1,
    checkpoint: Annotated[str, typer.Option(help="CID of a checkpoint (default: the run's head).")] = "",
    out: Annotated[Path, typer.Option(help="MP4 file; a PNG contact sheet is put beside it.")] = Path("sample.mp4"),
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    steps: Annotated[int, typer.Option(help="Solver steps.")] = 24,
    guidance: Annotated[float, typer.Option(help="Classifier-free guidance scale.")] = 1.5,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sample a video from a checkpoint."""
    from federation.sampling import SampleRequest, sample_videos
    from node.cid import parse

    request = SampleRequest(prompts=[prompt], seed=seed, num_steps=steps, guidance=guidance)
    sheet, cid = sample_videos(find_home(home), run, parse(checkpoint) if checkpoint else None, request, out)
    Out(as_json=as_json).result(
        {"video": str(out), "contact_sheet": str(sheet), "checkpoint": cid},
        escape(f"{out} and {sheet} from {short(cid)}"),
    )
