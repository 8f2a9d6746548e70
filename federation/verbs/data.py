"""Verbs of datasets: data add, data info, data prepare; those of restricted data are in restricted.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from federation.verbs import restricted as restricted_verbs
from node.config import Home
from node.console import HomeOption, JsonOption, Out, Panel, find_home, verb
from node.data_access import register_dataset
from node.errors import ConfigError
from node.sealed import Sealer, new_content_key
from node.wiring import open_desk

if TYPE_CHECKING:
    from model.data.folder import DatasetFolder
    from model.data.ingest import IngestSettings
    from model.data.ingest import Progress as Reading

BUILT_IN_CLIPS, FOLDER_CLIPS = 96, 256
FolderArgument = Annotated[Path, typer.Argument(help="Dataset folder.")]


def add_verbs(app: typer.Typer) -> None:
    """Add the group `data`."""
    data_app = typer.Typer(help="Datasets.", no_args_is_help=True)
    data_app.command("add")(data_add)
    data_app.command("info")(data_info)
    data_app.command("prepare")(data_prepare)
    restricted_verbs.add_verbs(data_app)
    app.add_typer(data_app, name="data", rich_help_panel=Panel.TRAIN)


@verb
def data_add(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Folder of films and images.")] = None,
    licence: Annotated[str, typer.Option(help="SPDX identifier, such as CC-BY-4.0.")] = "",
    attribution: Annotated[str, typer.Option(help="Whom to name (default: each file's name).")] = "",
    out: Annotated[Path | None, typer.Option(help="Dataset folder to write (default: ./DIR-dataset).")] = None,
    name: Annotated[str, typer.Option("--as", help="Member whose key signs; registers the dataset.")] = "",
    frames: Annotated[int, typer.Option(help="Frames of a clip.")] = 17,
    size: Annotated[list[str], typer.Option(help="HEIGHTxWIDTH of the clips; may be given again.")] = ["64x64"],  # noqa: B006
    aspects: Annotated[bool, typer.Option("--aspects", help="Sizes of equal area in the usual aspects.")] = False,
    fps: Annotated[float, typer.Option(help="Frames a second of the clips.")] = 8.0,
    cuts: Annotated[str, typer.Option(help="What ends a scene: adaptive, content or none.")] = "adaptive",
    encoding: Annotated[str, typer.Option(help="npy keeps every pixel, mp4 is smaller.")] = "npy",
    min_motion: Annotated[float, typer.Option(help="Slower clips are static (heights/s).")] = 0.03,
    max_motion: Annotated[float, typer.Option(help="Faster clips are turned away (heights/s).")] = 2.0,
    min_sharpness: Annotated[float, typer.Option(help="Blurrier clips are turned away.")] = 30.0,
    min_contrast: Annotated[float, typer.Option(help="Flatter clips are turned away.")] = 6.0,
    duplicates: Annotated[
        int, typer.Option(help="Bits of 64 in which one clip's hashes may differ; -1: keep all.")
    ] = 4,
    workers: Annotated[int, typer.Option(help="Files that are read at once.")] = 1,
    clips_per_shard: Annotated[int, typer.Option(help="Clips of a shard (default: 256, built in: 96).")] = 0,
    shards: Annotated[int, typer.Option(help="Train shards on IPFS, with --as.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the split, or of the built-in dataset.")] = 0,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Seal the clips: only members whom you grant access can train on them.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a dataset of the films and images in DIR, or register the built-in one; --as registers it on chain."""
    told = Out(as_json=as_json)
    if directory is None:
        if not name:
            raise ConfigError("expected a folder of films and images, or --as MEMBER to register the built-in dataset")
        if licence or out:
            raise ConfigError("--licence and --out go with a folder; the built-in dataset has its own licence")
        _add_built_in(told, find_home(home), name, clips_per_shard or BUILT_IN_CLIPS, shards, seed, restricted)
        return
    if restricted and not name:
        raise ConfigError("expected --as MEMBER with --restricted: who owns the data grants access to it")
    if not licence:
        raise ConfigError(f"expected --licence with the SPDX identifier of what {directory} holds, such as CC-BY-4.0")
    settings = _settings(
        num_frames=frames,
        sizes=_sizes(size, aspects),
        fps=fps,
        cuts=cuts,
        encoding=encoding,
        min_motion=min_motion,
        max_motion=max_motion,
        min_sharpness=min_sharpness,
        min_contrast=min_contrast,
        max_hash_distance=duplicates,
        clips_per_shard=clips_per_shard or FOLDER_CLIPS,
    )
    target = out or Path(f"{directory.resolve().name}-dataset")
    dataset = _ingest(told, directory, target, licence, attribution, settings, workers)
    registered = (
        _register(told, find_home(home), name, dataset, settings.clips_per_shard, shards, seed, restricted)
        if name
        else {}
    )
    told.result({**_summary(dataset), **registered}, _words(dataset, registered))


@verb
def data_info(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """What a dataset folder holds: clips, sources, refused files, licence, and what the filters measured."""
    from model.data.folder import DatasetFolder

    out, dataset = Out(as_json=as_json), DatasetFolder(folder)
    out.result(_summary(dataset), _words(dataset, {}))
    if as_json:
        return
    out.table("sources", [_source_row(source) for source in dataset.manifest["sources"]])
    for score, counts in dataset.manifest["histograms"].items():
        out.table(score, _bars(counts))


@verb
def data_prepare(
    folder: FolderArgument,
    preset: Annotated[str, typer.Option(help="Model whose codec and text encoder are used.")] = "nano",
    codec: Annotated[str, typer.Option(help="Digest of a codec's file among the parts (default: the preset's).")] = "",
    text: Annotated[str, typer.Option(help="Digest of a text encoder's file (default: the preset's).")] = "",
    batch: Annotated[int, typer.Option(help="Clips that are encoded at once.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Compute latents and text embeddings of a dataset folder once, so that training needs no codec."""
    from model.codec import build_codec
    from model.data.latents import prepare_folder
    from model.text import build_text_encoder
    from model.training.runs import configure

    if batch < 1:
        raise ConfigError(f"--batch: expected at least 1, got {batch}")
    out, config = Out(as_json=as_json), configure(preset, codec=codec, text=text)
    with _progress(out) as progress:
        tasks = {kind: progress.add_task(kind, total=None) for kind in ("latents", "text")}
        latents, embeddings = prepare_folder(
            folder,
            build_codec(config.codec),
            build_text_encoder(config.text),
            batch_size=batch,
            tell=lambda kind, done, total: progress.update(tasks[kind], total=total, completed=done),
        )
    out.result({"latents": str(latents), "text": str(embeddings)}, escape(f"{latents}\n{embeddings}"))


def _add_built_in(
    out: Out, home: Home, name: str, clips_per_shard: int, shards: int, seed: int, restricted: bool
) -> None:
    from federation.datasets import LICENCE, DatasetPlan, build

    desk, sealer = open_desk(home, name), _sealer(restricted)
    plan = DatasetPlan(num_train_shards=shards, clips_per_shard=clips_per_shard, seed=seed)
    cid, manifest = build(desk.store, plan, out.say, sealer)
    register_dataset(desk, home.member(name).root, cid, manifest, sealer)
    num_clips = sum(s.num_clips for s in manifest.shards)
    out.result(
        {"dataset": cid, "licence": LICENCE, "clips": num_clips, "shards": len(manifest.shards)},
        f"dataset {cid}\n{num_clips} clips in {len(manifest.shards)} shards, licence {LICENCE}",
    )


def _settings(**values: object) -> IngestSettings:
    from model.data.ingest import IngestSettings

    return IngestSettings(**values)  # type: ignore[arg-type]


def _sizes(texts: list[str], aspects: bool) -> tuple[tuple[int, int], ...]:
    from model.data.ingest import buckets

    sizes = []
    for text in texts:
        parts = text.split("x")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
            raise ConfigError(f"--size: expected HEIGHTxWIDTH in pixels, as in 64x64, got {text!r}")
        sizes.append((int(parts[0]), int(parts[1])))
    return tuple(size for pair in sizes for size in buckets(*pair)) if aspects else tuple(sizes)


def _ingest(
    out: Out,
    directory: Path,
    target: Path,
    licence: str,
    attribution: str,
    settings: IngestSettings,
    workers: int,
) -> DatasetFolder:
    from model.data.ingest import ingest

    with _bar(out) as tell:
        return ingest(
            directory,
            target,
            licence=licence,
            attribution=attribution,
            settings=settings,
            workers=workers,
            tell=tell,
        )


def _progress(out: Out) -> Progress:
    """Bars on a terminal alone."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=out.console, transient=True, disable=out.as_json)


@contextmanager
def _bar(out: Out) -> Iterator[Callable[[Reading], None]]:
    """A bar over the files' bytes."""
    with _progress(out) as progress:
        task = progress.add_task("reading", total=None)

        def tell(reading: Reading) -> None:
            shown = f"{escape(reading.file)} {reading.seconds:.0f} s" if reading.seconds else escape(reading.file)
            progress.update(task, total=reading.total_bytes, completed=reading.done_bytes, description=shown)

        yield tell


def _register(
    out: Out,
    home: Home,
    name: str,
    dataset: DatasetFolder,
    clips_per_shard: int,
    shards: int,
    seed: int,
    restricted: bool,
) -> dict[str, str | int]:
    from federation.ingested import FolderPlan, publish

    desk, sealer = open_desk(home, name), _sealer(restricted)
    plan = FolderPlan(num_train_shards=shards, clips_per_shard=clips_per_shard, seed=seed)
    cid, manifest = publish(desk.store, dataset, plan, out.say, sealer)
    register_dataset(desk, home.member(name).root, cid, manifest, sealer)
    return {"dataset": cid, "shards": len(manifest.shards)}


def _sealer(restricted: bool) -> Sealer:
    return Sealer(key=new_content_key() if restricted else None)


def _summary(dataset: DatasetFolder) -> dict[str, object]:
    from model.data.folder import shape_name

    manifest = dataset.manifest
    return {
        "folder": str(dataset.path),
        "licence": manifest["licence"],
        "attribution": manifest["attribution"],
        "clips": {shape_name(shape): count for shape, count in dataset.shapes.items()},
        "clip_hours": round(manifest["totals"]["clip_seconds"] / 3600, 4),
        "source_hours": round(manifest["totals"]["source_seconds"] / 3600, 4),
        "captions_from": manifest["totals"]["captions_from"],
        "turned_away": manifest["totals"]["rejected"],
        "refused": manifest["refused"],
        "ignored": manifest["num_ignored"],
    }


def _words(dataset: DatasetFolder, registered: dict[str, str | int]) -> str:
    found, totals = _summary(dataset), dataset.manifest["totals"]
    clips = ", ".join(f"{count} of {shape}" for shape, count in found["clips"].items())  # type: ignore[attr-defined]
    sources = [source for source in dataset.manifest["sources"] if source["num_clips"]]
    captions = ", ".join(f"{count} {kind}" for kind, count in totals["captions_from"].items())
    lines = [
        f"{totals['num_clips']} clips in {dataset.path}: {clips}",
        f"{totals['clip_seconds']:.1f} s of clips from {len(sources)} files, {totals['source_seconds']:.1f} s read",
        f"licence {dataset.manifest['licence']}; captions: {captions}",
    ]
    if totals["rejected"]:
        lines.append("turned away: " + ", ".join(f"{count} {why}" for why, count in totals["rejected"].items()))
    lines += [f"refused {name}: {reason}" for name, reason in dataset.manifest["refused"].items()]
    if registered:
        lines.append(f"dataset {registered['dataset']} in {registered['shards']} shards")
    return escape("\n".join(lines))


def _source_row(source: dict[str, object]) -> dict[str, object]:
    rejected: dict[str, int] = source["rejected"]  # type: ignore[assignment]
    turned = ", ".join(f"{count} {why}" for why, count in rejected.items())
    return {"file": source["name"], "seconds": source["seconds"], "clips": source["num_clips"], "turned away": turned}


def _bars(counts: dict[str, list[float]]) -> list[dict[str, object]]:
    edges = [f"{edge:g}" for edge in counts["edges"]]
    names = [f"{low} to {high}" for low, high in zip(edges, [*edges[1:], "more"], strict=True)]
    rows = zip(names, counts["kept"], counts["rejected"], strict=True)
    return [{"from": name, "kept": kept, "turned away": gone} for name, kept, gone in rows if kept or gone]
