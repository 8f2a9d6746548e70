"""The verb `evaluate`: a checkpoint's world-model scores as a report folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from node.console import HomeOption, JsonOption, Out, Panel, RunOption, find_home, verb

_ALL = "train,velocity,radius,gravity,combinations,horizon"


def add_verbs(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=Panel.MODELS)(evaluate)


@verb
def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="File or CID of a checkpoint (default: the run's head).")] = "",
    run: RunOption = 1,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("evaluation"),
    splits: Annotated[str, typer.Option(help="Joined by commas; train is in distribution.")] = _ALL,
    clips: Annotated[int, typer.Option(help="Clips of each law in each split.")] = 8,
    pairs: Annotated[int, typer.Option(help="Matched sets of the plausibility score in each split.")] = 84,
    frames: Annotated[int, typer.Option(help="Of a training clip.")] = 8,
    size: Annotated[int, typer.Option(help="Height and width in pixels.")] = 32,
    given: Annotated[int, typer.Option(help="Frames that a predictor sees.")] = 4,
    steps: Annotated[int, typer.Option(help="Solver steps.")] = 24,
    guidance: Annotated[float, typer.Option(help="Classifier-free guidance scale; 1 halves the work.")] = 1.5,
    show: Annotated[int, typer.Option(help="Clips on the page, a split.")] = 9,
    seed: Annotated[int, typer.Option(help="Of scenes, edits and noise.")] = 0,
    short: Annotated[bool, typer.Option("--short", help="A first look: one split, few clips, few steps.")] = False,
    fvd: Annotated[Path | None, typer.Option(help="TorchScript file of the I3D network, for FVD.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a checkpoint as a world model; writes report.json and report.html."""
    from federation.checkpoints import find_checkpoint
    from model.evaluate.frechet import TorchScriptFeatures
    from model.evaluate.report import write_report
    from model.evaluate.world import Example, WorldPlan, evaluate_plan
    from model.job import VideoShape
    from model.sample import Recipe

    plan = WorldPlan(
        num_scenes=min(clips, 2) if short else clips,
        num_pairs=min(pairs, 14) if short else pairs,
        seed=seed,
        splits=("train",) if short else tuple(name.strip() for name in splits.split(",") if name.strip()),
        shape=VideoShape(num_frames=frames, height=size, width=size),
        num_given=given,
        recipe=Recipe(num_steps=min(steps, 8) if short else steps, guidance=1.0 if short else guidance),
    )
    printer, examples, start = Out(as_json=as_json), list[Example](), time.perf_counter()
    network = TorchScriptFeatures(fvd) if fvd else None
    data, name = find_checkpoint(find_home(home), checkpoint, run)
    report = evaluate_plan(data, plan, device=device, network=network, tell=printer.say, show=examples.append)
    files = write_report(out, report, examples, show)
    scores = {split.split: split.plausibility.error for split in report.splits}
    lines = [f"{split}: plausibility error {100 * error:.0f} %" for split, error in scores.items()]
    printer.result(
        {
            "checkpoint": name,
            "report": str(files.json),
            "page": str(files.html),
            "plausibility_error": scores,
            "seconds": round(time.perf_counter() - start, 1),
        },
        escape("\n".join([*lines, f"{files.html} and {files.json}"])),
    )
