"""Verbs of codecs: codec train, codec add, codec info."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from node.console import JsonOption, Out, Panel, verb
from node.errors import ConfigError

if TYPE_CHECKING:
    from model.codec.base import VideoCodec
    from model.codec.training import Progress


def add_verbs(app: typer.Typer) -> None:
    """Add the group `codec`."""
    codec_app = typer.Typer(help="Codecs: frames to latents and back.", no_args_is_help=True)
    for name, command in (("train", codec_train), ("add", codec_add), ("info", codec_info)):
        codec_app.command(name)(command)
    app.add_typer(codec_app, name="codec", rich_help_panel=Panel.MODELS)


@verb
def codec_train(
    out: Annotated[Path, typer.Option(help="File of the codec; the state to resume from lies beside it.")],
    preset: Annotated[str, typer.Option(help="Size: nano, small or base.")] = "nano",
    factor: Annotated[int, typer.Option(help="Pixels of a latent cell's side; 0: the preset's 8.")] = 0,
    data: Annotated[str, typer.Option(help="worlds, or a dataset folder that `data add` made.")] = "worlds",
    steps: Annotated[int, typer.Option(help="Steps to make; 0 trains for --minutes.")] = 0,
    minutes: Annotated[float, typer.Option(help="Time to train for, where --steps is 0.")] = 20.0,
    batch: Annotated[int, typer.Option(help="Clips of a step.")] = 16,
    crop: Annotated[int, typer.Option(help="Side of the square cut from each clip, in pixels.")] = 32,
    frames: Annotated[int, typer.Option(help="Of a clip: 1 + 4 k.")] = 17,
    height: Annotated[int, typer.Option(help="Pixels.")] = 64,
    width: Annotated[int, typer.Option(help="Pixels.")] = 64,
    clips: Annotated[int, typer.Option(help="Clips to render where --data is worlds.")] = 768,
    images: Annotated[float, typer.Option(help="Share of the steps on images, clips of one frame.")] = 0.1,
    learning_rate: Annotated[float, typer.Option(help="Highest step size.")] = 2e-3,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the state beside --out.")] = False,
    threads: Annotated[int, typer.Option(help="Of torch; 0 lets torch choose.")] = 0,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a video VAE, put it among this machine's parts and say how well it does on held-out clips."""
    from model.codec import keep_codec
    from model.codec.quality import quality_of
    from model.codec.request import CodecRequest, heldout_of, run_request
    from model.training.step import TrainingDiverged

    request = CodecRequest(
        preset=preset,
        factor=factor,
        data=data,
        num_steps=steps,
        minutes=0.0 if steps else minutes,
        batch_size=batch,
        crop=crop,
        shape=(frames, height, width),
        num_clips=clips,
        image_share=images,
        learning_rate=learning_rate,
        threads=threads,
        seed=seed,
    )
    printer, heldout = Out(as_json=as_json), heldout_of(request)
    try:
        codec = run_request(request, out, resume=resume, on_progress=_teller(printer))
    except TrainingDiverged as error:
        raise ConfigError(str(error)) from error
    keep_codec(out)
    score = quality_of(codec, heldout)
    printer.result(
        {"codec": str(out), "psnr": round(score.psnr, 2), "ssim": round(score.ssim, 4), **_described(codec)},
        escape(
            f"{out}: {score.psnr:.2f} dB, SSIM {score.ssim:.4f} on {len(heldout)} held-out clips\n"
            f"digest {codec.digest}, kept among the parts\n{codec.config}"
        ),
    )


@verb
def codec_add(
    path: Annotated[Path, typer.Argument(help="A codec's file, or a folder of a diffusers VAE.")],
    as_json: JsonOption = False,
) -> None:
    """Put a codec among this machine's parts, where models find it by its digest."""
    from model.codec import keep_codec, open_codec

    keep_codec(path)
    codec = open_codec(path)
    Out(as_json=as_json).result(_described(codec), escape(f"digest {codec.digest}\n{codec.config}"))


@verb
def codec_info(
    path: Annotated[Path, typer.Argument(help="A codec's file, or a folder of a diffusers VAE.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a codec is: digest, factors, latent channels."""
    from model.codec import open_codec

    Out(as_json=as_json).result(_described(open_codec(path)))


def _described(codec: VideoCodec) -> dict[str, Any]:
    config = codec.config
    return {
        "digest": codec.digest,
        "kind": config.kind,
        "factor": config.factor,
        "time_factor": config.time_factor,
        "latent_channels": config.latent_channels,
    }


def _teller(out: Out) -> Callable[[Progress], None]:
    """About every two seconds, a line for people."""
    told = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told < 2 and progress.codec is None:
            return
        told = time.monotonic()
        saved = "  saved" if progress.codec else ""
        out.say(f"step {progress.step.index}  loss {progress.step.loss:.4f}  {progress.done:.0%}{saved}")

    return tell
