"""Verbs of models without a network: model init, model train, model info."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from node.console import HomeOption, JsonOption, Out, Panel, RunOption, find_home, verb
from node.errors import ConfigError

if TYPE_CHECKING:
    from model.training.board import Board
    from model.training.fit import Progress
    from model.training.runs import TrainRequest


PresetOption = Annotated[str, typer.Option(help="Size: nano, tiny, S, B, L, XL, 2B or 5B.")]
CodecOption = Annotated[str, typer.Option(help="Digest of a codec's file among the parts (default: pixels).")]
TextOption = Annotated[str, typer.Option(help="Digest of a text encoder's file among the parts (default: bytes).")]
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn.")]
FramesOption = Annotated[int, typer.Option(help="Of a clip.")]
PixelsOption = Annotated[int, typer.Option(help="Pixels.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the group `model`."""
    model_app = typer.Typer(help="Models on this machine, without a network.", no_args_is_help=True)
    for name, command in (("init", model_init), ("train", model_train), ("info", model_info)):
        model_app.command(name)(command)
    app.add_typer(model_app, name="model", rich_help_panel=Panel.MODELS)


@verb
def model_init(
    out: Annotated[Path, typer.Option(help="File of the checkpoint.")] = Path("genesis.safetensors"),
    preset: PresetOption = "nano",
    codec: CodecOption = "",
    text: TextOption = "",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Write a new model's checkpoint."""
    from model.checkpoint import initial
    from model.training.runs import configure

    data = initial(configure(preset, codec=codec, text=text), seed)
    out.write_bytes(data)
    Out(as_json=as_json).result({"checkpoint": str(out), "bytes": len(data)}, escape(f"{out}, {len(data)} bytes"))


@verb
def model_train(
    out: Annotated[Path, typer.Option(help="Folder of the run's checkpoints.")],
    preset: PresetOption = "nano",
    data: Annotated[str, typer.Option(help="worlds, or a dataset folder that `data add` made.")] = "worlds",
    prepared: Annotated[
        bool, typer.Option("--prepared", help="Train on the latents that `data prepare` left in the folder.")
    ] = False,
    start: Annotated[Path | None, typer.Option(help="Checkpoint to start from (default: a new model).")] = None,
    codec: CodecOption = "",
    text: TextOption = "",
    steps: Annotated[int, typer.Option(help="Steps to make; 0 makes as many as --minutes allows.")] = 0,
    minutes: Annotated[float, typer.Option(help="Time to train for; what is left can be resumed.")] = 10.0,
    batch: Annotated[int, typer.Option(help="Clips of a step, over all processes.")] = 16,
    parts: Annotated[int, typer.Option(help="Pieces of a batch (default: one a process); more take less memory.")] = 0,
    frames: FramesOption = 12,
    height: PixelsOption = 32,
    width: PixelsOption = 32,
    images: Annotated[float, typer.Option(help="Share of the steps on images, clips of one frame.")] = 0.0,
    tasks: Annotated[str, typer.Option(help="Masks with their weights.")] = "unconditional:2,predict:1",
    learning_rate: Annotated[float, typer.Option(help="Highest step size.")] = 2e-3,
    ema: Annotated[float, typer.Option(help="Decay of the weights' moving average.")] = 0.99,
    lora_rank: Annotated[int, typer.Option(help="Train adapters of this rank; 0 trains the weights.")] = 0,
    bf16: Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16.")] = False,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Recompute activations: less memory, a third more work.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.")] = False,
    save_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 200,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard into --out.")
    ] = False,
    threads: Annotated[int, typer.Option(help="Of torch, a process; 0 lets torch choose.")] = 0,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a model on this machine; under torchrun, on several processes."""
    from model.training.runs import TrainRequest

    request = TrainRequest(
        preset=preset,
        data=data,
        prepared=prepared,
        start=start,
        codec=codec,
        text=text,
        num_steps=steps,
        minutes=minutes,
        batch_size=batch,
        parts=parts,
        shape=(frames, height, width),
        images=images,
        tasks=tasks,
        learning_rate=learning_rate,
        ema_decay=ema,
        lora_rank=lora_rank,
        bf16=bf16,
        recompute=recompute,
        save_every=save_every,
        threads=threads,
        seed=seed,
    )
    _train(request, out, resume=resume, tensorboard=tensorboard, printer=Out(as_json=as_json))


@verb
def model_info(
    checkpoint: Annotated[str, typer.Argument(help="File or CID of a checkpoint; empty: the run's head.")] = "",
    run: RunOption = 1,
    batch: Annotated[int, typer.Option(help="Clips of a step, for the memory that training takes.")] = 16,
    frames: FramesOption = 12,
    height: PixelsOption = 32,
    width: PixelsOption = 32,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a checkpoint is: preset, parameters, frozen parts, and the memory that training it takes."""
    from federation.checkpoints import find_checkpoint
    from model.checkpoint import read
    from model.job import VideoShape
    from model.shapes import num_parameters
    from model.training.memory import Load, estimate, gigabytes, num_tokens

    data, name = find_checkpoint(find_home(home), checkpoint, run)
    config = read(data).config
    tokens = num_tokens(config, VideoShape(num_frames=frames, height=height, width=width))
    needed = estimate(Load(config=config, num_clips=batch, num_tokens=tokens))
    Out(as_json=as_json).result(
        {
            "checkpoint": name,
            "preset": config.preset,
            "parameters": num_parameters(config),
            "bytes": len(data),
            "configuration": config.digest,
            "codec": f"{config.codec.kind} {config.codec.digest}".strip(),
            "text": f"{config.text.kind} {config.text.digest}".strip(),
            "tokens of a clip": tokens,
            "training takes": f"{gigabytes(needed.total)} at {batch} clips ({needed})",
        }
    )


def _train(request: TrainRequest, out: Path, *, resume: bool, tensorboard: bool, printer: Out) -> None:
    """Train in this process's group and name what came of it. Raises ConfigError when it diverges or does not fit."""
    from model.training.board import Board
    from model.training.memory import DoesNotFit
    from model.training.parallel import join_group, leave_group
    from model.training.rotation import EMA
    from model.training.runs import train
    from model.training.step import TrainingDiverged

    group = join_group()
    board = Board(out) if tensorboard and group.rank == 0 else None
    try:
        last = train(request, out, resume=resume, group=group, on_progress=_teller(printer, board))
    except (TrainingDiverged, DoesNotFit) as error:
        raise ConfigError(str(error)) from error
    finally:
        if board:
            board.close()
        leave_group()
    if group.rank == 0:
        printer.result({"checkpoint": str(last / EMA), "folder": str(last)}, escape(f"averaged weights: {last / EMA}"))


def _teller(out: Out, board: Board | None) -> Callable[[Progress], None]:
    """Writes each step to the board and, about every two seconds, a line for people."""
    told = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told
        if board:
            board.write(progress)
        if progress.heldout_loss is None and time.monotonic() - told < 2:
            return
        told = time.monotonic()
        heldout = f"  held-out {progress.heldout_loss:.4f}" if progress.heldout_loss is not None else ""
        out.say(f"step {progress.step}  loss {progress.loss:.4f}  {progress.clips_per_second:.1f} clips/s{heldout}")

    return tell
