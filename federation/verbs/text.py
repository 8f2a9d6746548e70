"""Verbs of words: text train, captioner train, caption, expand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from node.console import JsonOption, Out, Panel, verb
from node.errors import ConfigError

if TYPE_CHECKING:
    from model.text.fit import Fit, FitPlan


OutOption = Annotated[Path, typer.Option(help="File to write.")]
PresetOption = Annotated[str, typer.Option(help="Size: nano, small or base.")]
StepsOption = Annotated[int, typer.Option(help="Steps to make; 0 trains for --minutes.")]
MinutesOption = Annotated[float, typer.Option(help="Time to train for, where --steps is 0.")]
RateOption = Annotated[float, typer.Option(help="Highest step size.")]
DeviceOption = Annotated[str, typer.Option(help="cpu or cuda.")]
ThreadsOption = Annotated[int, typer.Option(help="Of torch; 0 lets torch choose.")]
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the groups `text` and `captioner` and the verbs `caption` and `expand`."""
    text_app = typer.Typer(help="Text encoders and caption writers.", no_args_is_help=True)
    captioner_app = typer.Typer(help="Captioners.", no_args_is_help=True)
    text_app.command("train")(text_train)
    captioner_app.command("train")(captioner_train)
    # A group of one command needs a callback, or typer makes the command the group.
    for group in (text_app, captioner_app):
        group.callback()(lambda: None)
    app.add_typer(text_app, name="text", rich_help_panel=Panel.MODELS)
    app.add_typer(captioner_app, name="captioner", rich_help_panel=Panel.MODELS)
    for command in (caption, expand):
        app.command(rich_help_panel=Panel.MODELS)(command)


@verb
def text_train(
    out: OutOption,
    kind: Annotated[str, typer.Option(help="encoder, or writer: the language model of `expand`.")] = "encoder",
    preset: PresetOption = "small",
    texts: Annotated[Path | None, typer.Option(help="More sentences for the encoder, one a line.")] = None,
    steps: StepsOption = 0,
    minutes: MinutesOption = 10.0,
    learning_rate: RateOption = 3e-3,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 0,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a text encoder, put it among this machine's parts and say how well slots are read off it; or a writer."""
    from model import parts
    from model.text.encoder_probe import probe_slots
    from model.text.encoder_training import train_encoder
    from model.text.expander_lm import WRITER_PRESETS, save_writer, train_writer
    from model.text.learned import ENCODER_PRESETS, LearnedTextEncoder, save_encoder

    printer, plan = Out(as_json=as_json), _plan(steps, minutes, learning_rate, seed, threads)
    if kind == "writer":
        writer, done = train_writer(_chosen(WRITER_PRESETS, preset), plan, device=device, report=_say(printer))
        return _finish(printer, out, save_writer(writer), done, {})
    if kind != "encoder":
        raise ValueError(f"--kind must be encoder or writer, got {kind!r}")
    config = _chosen(ENCODER_PRESETS, preset)
    lines = [line for line in texts.read_text(encoding="utf-8").splitlines() if line.strip()] if texts else []
    encoder, done = train_encoder(config, plan, texts=lines, device=device, report=_say(printer))
    data = save_encoder(encoder)
    scores = probe_slots(LearnedTextEncoder(encoder, max_tokens=32), seed=seed + 1)
    means = {split: round(sum(found.values()) / len(found), 4) for split, found in scores.items()}
    return _finish(printer, out, data, done, {"width": config.width, "probe": means, "digest": parts.keep(data)})


@verb
def captioner_train(
    out: OutOption,
    preset: PresetOption = "small",
    steps: StepsOption = 0,
    minutes: MinutesOption = 10.0,
    learning_rate: RateOption = 3e-3,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 0,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a captioner on the procedural worlds and say how many of their slots it gets right."""
    from model.text.captioner_learned import CAPTIONER_PRESETS, LearnedCaptioner, save_captioner
    from model.text.captioner_training import score_captioner, train_captioner

    printer, plan = Out(as_json=as_json), _plan(steps, minutes, learning_rate, seed, threads)
    module, done = train_captioner(_chosen(CAPTIONER_PRESETS, preset), plan, device=device, report=_say(printer))
    score = score_captioner(LearnedCaptioner(module), split="train", seed=seed + 1, num_clips=180)
    right = {slot: round(share, 4) for slot, share in score.accuracy.items()}
    _finish(printer, out, save_captioner(module), done, {"accuracy": round(score.mean, 4), "slots": right})


@verb
def caption(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    kind: Annotated[str, typer.Option(help="measured, learned (worlds) or vlm.")] = "measured",
    path: Annotated[Path | None, typer.Option(help="File of a learned captioner, or folder of a model.")] = None,
    seconds: Annotated[float, typer.Option(help="How much of the video to look at, from its start.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Say in one sentence what a video shows."""
    from model.text.captioners import build_captioner, read_frames

    frames, fps = read_frames(video, seconds=seconds)
    found = build_captioner(kind, path, fps=fps).caption(frames)
    Out(as_json=as_json).result({"caption": found.text, "slots": dict(found.slots)}, escape(found.text))


@verb
def expand(
    prompt: Annotated[str, typer.Argument(help="A short prompt.")],
    kind: Annotated[str, typer.Option(help="grammar, lm or llm.")] = "grammar",
    path: Annotated[Path | None, typer.Option(help="File of a trained writer, or folder of a model.")] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Write a longer prompt that keeps every word of a short one."""
    from model.text.expander import build_writer
    from model.text.expander import expand as lengthen

    found = lengthen(prompt, build_writer(kind, path), seed=seed)
    note = {"prompt": found.text, "writer": found.writer, "rejected": found.rejected}
    Out(as_json=as_json).result(note, escape(found.text))


def _plan(steps: int, minutes: float, learning_rate: float, seed: int, threads: int) -> FitPlan:
    import torch

    from model.text.fit import FitPlan

    if threads:
        torch.set_num_threads(threads)
    if steps:
        return FitPlan(num_steps=steps, learning_rate=learning_rate, seed=seed)
    if not (math.isfinite(minutes) and minutes > 0):
        raise ValueError(f"--minutes must be a positive number, got {minutes}")
    return FitPlan(num_steps=10**9, seconds=60 * minutes, learning_rate=learning_rate, seed=seed)


def _chosen(presets: dict[str, Any], name: str) -> Any:
    if name not in presets:
        raise ValueError(f"unknown preset {name!r}; choose from {', '.join(presets)}")
    return presets[name]


def _say(printer: Out) -> Callable[[str], None]:
    return lambda line: printer.say(escape(line))


def _finish(printer: Out, out: Path, data: bytes, done: Fit, note: dict[str, Any]) -> None:
    """Write the file, then say what it is; a training that diverged ends with its last good weights and an error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    draft.write_bytes(data)
    draft.replace(out)
    if done.diverged:
        raise ConfigError(
            f"the loss was not finite after {len(done.losses)} steps; {out} holds the last good weights; "
            "lower --learning-rate"
        )
    loss = round(sum(done.losses[-50:]) / max(len(done.losses[-50:]), 1), 4)
    shown = {"file": str(out), "bytes": len(data), "steps": len(done.losses), "loss": loss, **note}
    printer.result(shown)
