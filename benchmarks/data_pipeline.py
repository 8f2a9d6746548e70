"""How fast footage becomes clips and clips become batches: every stage alone, on the packaged films, on one core.

python benchmarks/data_pipeline.py            tables
python benchmarks/data_pipeline.py --short    one film, fewer repeats
python benchmarks/data_pipeline.py --json     for machines
python benchmarks/data_pipeline.py --check    exits 1 and names each missed target
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.codec import PixelCodec
from model.data.footage import footage_path
from model.data.ingest import IngestSettings, ingest
from model.data.ingest.films import read_film
from model.data.ingest.hashes import key_hashes
from model.data.ingest.measure import scores
from model.data.ingest.picture import Picture, cover, thumb_size
from model.data.ingest.scenes import mark_scenes
from model.data.ingest.windows import Window, windows
from model.data.latents import PreparedStream, prepare_folder
from model.data.samples import frames_to_bytes
from model.data.stream import ShardStream
from model.text import ByteWordEncoder
from model.text.captioner_measured import measured_caption

SETTINGS = IngestSettings(max_hash_distance=-1, min_motion=0.0)
"""All windows are kept, so that every stage has the same work: 17x64x64 at 8 frames a second."""
FILMS = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4")
BATCH = 8
MIN_REAL_TIME = 3.0
"""Seconds of 720p that one core ingests a second: a core a camera, with room for two more."""
MIN_LOADED = 400.0
"""Clips a second: a training step of 8 clips then waits 20 ms, and on a CPU the step itself takes a second."""
MIN_OVER_DECODE = 20.0
"""Loading over decoding the same clips out of their film: below it, shards would not be worth their disk."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage on one film, alone."""

    stage: str
    seconds_per_film_second: float
    """Of one core; the film's own length is the unit, so that stages add up."""
    clips_per_second: float
    """Clips that this stage alone could do."""
    megabytes_per_second: float
    """Of what goes in: encoded film, decoded RGB at the stage's own size, or serialised clips."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="one film, fewer repeats")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    found = measure(FILMS[:1] if options.short else FILMS, repeats=1 if options.short else 3)
    print(json.dumps(found, indent=2) if options.json else as_table(found))
    missed = misses(found)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def measure(films: Sequence[str], repeats: int) -> dict[str, Any]:
    """Stages of the first film, whole ingestion of each, and loading."""
    folder = footage_path().parent
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        return {
            "machine": _machine(),
            "stages": [asdict(stage) for stage in _stages(folder / films[0], repeats)],
            "films": [_whole(folder / name, work / name, repeats) for name in films],
            "loading": _loading(folder / films[0], work, repeats),
        }


def misses(found: dict[str, Any]) -> list[str]:
    """Targets that are not met, in words."""
    loading = {row["from"]: row["clips_per_second"] for row in found["loading"]}
    ratio = loading["npy shards"] / loading["the film itself"]
    real_time = found["films"][0]["real_time"]
    checks = (
        (real_time, MIN_REAL_TIME, "seconds of 720p ingested a second"),
        (loading["npy shards"], MIN_LOADED, "clips a second loaded from npy shards"),
        (ratio, MIN_OVER_DECODE, "times decoding, loading from npy shards"),
    )
    return [f"{got:.1f} {what}, wanted at least {want:g}" for got, want, what in checks if got < want]


def _stages(path: Path, repeats: int) -> list[Stage]:
    pictures = list(read_film(path))
    length = pictures[-1].time
    height, width = pictures[0].size
    cut = list(windows(mark_scenes(iter(pictures), SETTINGS.cuts), SETTINGS))
    thumbs = thumb_size(height, width)
    data = [frames_to_bytes(w.frames, "npy", SETTINGS.fps) for w in cut]
    sampled = [pictures[round(i * (len(pictures) - 1) / (8 * length))] for i in range(int(8 * length))]

    def stage(name: str, work: Callable[[], object], num_bytes: float, alone: float = 0.0) -> Stage:
        taken = max(_fastest(work, repeats) - alone, 1e-9)
        return Stage(
            stage=name,
            seconds_per_film_second=taken / length,
            clips_per_second=len(cut) / taken,
            megabytes_per_second=num_bytes / taken / 1e6,
        )

    small = _rgb(thumbs) * len(pictures)
    thumbing = _fastest(lambda: [p.scaled(*thumbs) for p in pictures], repeats)
    clips = sum(w.frames.nbytes for w in cut)
    return [
        stage("decode", lambda: list(read_film(path)), path.stat().st_size),
        stage("thumbnails", lambda: [p.scaled(*thumbs) for p in pictures], _rgb((height, width)) * len(pictures)),
        stage("scene cuts", lambda: list(mark_scenes(iter(pictures), SETTINGS.cuts)), small, thumbing),
        stage("scale and crop", lambda: [cover(p, 64, 64) for p in sampled], _rgb((height, width)) * len(sampled)),
        stage("filters", lambda: [scores(w, SETTINGS.fps) for w in cut], clips),
        stage("hashes", lambda: [key_hashes(w.thumbs) for w in cut], sum(w.thumbs.nbytes for w in cut)),
        stage("captions", lambda: [measured_caption(w.frames, SETTINGS.fps) for w in cut], clips),
        stage("encode npy", lambda: [frames_to_bytes(w.frames, "npy", 8) for w in cut], sum(map(len, data))),
        stage("encode mp4", lambda: [frames_to_bytes(w.frames, "mp4", 8) for w in cut], clips),
    ]


def _whole(path: Path, work: Path, repeats: int) -> dict[str, Any]:
    """The whole of `data add` on one film, files written."""
    films = work / "films"
    films.mkdir(parents=True)
    (films / path.name).symlink_to(path)
    times = []
    for repeat in range(repeats):
        start = time.perf_counter()
        dataset = ingest(films, work / str(repeat), licence="CC-BY-3.0", settings=SETTINGS)
        times.append(time.perf_counter() - start)
    totals = dataset.manifest["totals"]
    first: Picture = next(iter(read_film(path)))
    return {
        "film": path.name,
        "size": f"{first.size[1]}x{first.size[0]}",
        "clips": totals["num_clips"],
        "clips_per_second": totals["num_clips"] / min(times),
        "real_time": totals["source_seconds"] / min(times),
    }


def _loading(path: Path, work: Path, repeats: int) -> list[dict[str, Any]]:
    """Batches out of shards, against decoding the film for its clips again."""
    films = work / "load"
    films.mkdir()
    (films / path.name).symlink_to(path)
    rows = []
    decode = _fastest(lambda: list(windows(mark_scenes(read_film(path), "none"), SETTINGS)), repeats)
    cut: list[Window] = list(windows(mark_scenes(read_film(path), "none"), SETTINGS))
    rows.append(_row("the film itself", decode / len(cut), cut[0].frames.nbytes))
    for encoding in ("npy", "mp4"):
        settings = IngestSettings(max_hash_distance=-1, min_motion=0.0, encoding=encoding)
        dataset = ingest(films, work / encoding, licence="CC-BY-3.0", settings=settings)
        stream = ShardStream(dataset.path, batch_size=BATCH, seed=0)
        rows.append(_row(f"{encoding} shards", _per_clip(stream, repeats), cut[0].frames.nbytes))
    codec, text = PixelCodec(factor=4), ByteWordEncoder()
    prepare_folder(work / "npy", codec, text)
    prepared = PreparedStream(
        work / "npy", codec_digest=codec.digest, text_digest=text.digest, batch_size=BATCH, seed=0
    )
    latent_bytes = int(np.prod(next(prepared).latents.shape[1:])) * 4
    rows.append(_row("latents (fp32)", _per_clip(prepared, repeats), latent_bytes))
    return [{**row, "over_film": row["clips_per_second"] / rows[0]["clips_per_second"]} for row in rows]


def _per_clip(stream: ShardStream | PreparedStream, repeats: int, batches: int = 25) -> float:
    taken = _fastest(lambda: [next(stream) for _ in range(batches)], repeats)  # type: ignore[call-overload]
    return taken / (batches * BATCH)


def _row(name: str, seconds: float, num_bytes: int) -> dict[str, Any]:
    return {"from": name, "clips_per_second": 1 / seconds, "megabytes_per_second": num_bytes / seconds / 1e6}


def _fastest(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some runs after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _rgb(size: tuple[int, int]) -> int:
    return 3 * size[0] * size[1]


def _machine() -> dict[str, Any]:
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(), "used": 1}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def as_table(found: dict[str, Any]) -> str:
    """Three tables of one run."""
    machine = found["machine"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {machine['used']} used; clips of 17x64x64 at 8 fps", ""]
    lines.append(f"{'stage (720p film)':<20}{'s per film s':>14}{'clips/s':>10}{'MB/s in':>10}")
    lines += [
        f"{s['stage']:<20}{s['seconds_per_film_second']:>14.4f}{s['clips_per_second']:>10.1f}"
        f"{s['megabytes_per_second']:>10.1f}"
        for s in found["stages"]
    ]
    lines += ["", f"{'whole ingestion':<24}{'size':>12}{'clips':>7}{'clips/s':>10}{'x real time':>13}"]
    lines += [
        f"{f['film']:<24}{f['size']:>12}{f['clips']:>7}{f['clips_per_second']:>10.1f}{f['real_time']:>13.1f}"
        for f in found["films"]
    ]
    lines += ["", f"{'batches of 8 from':<20}{'clips/s':>10}{'MB/s out':>10}{'x film':>10}"]
    lines += [
        f"{r['from']:<20}{r['clips_per_second']:>10.1f}{r['megabytes_per_second']:>10.1f}{r['over_film']:>10.1f}"
        for r in found["loading"]
    ]
    lines.append(
        f"\ntargets: 720p at {MIN_REAL_TIME:g} x real time, {MIN_LOADED:g} clips/s from npy shards, "
        f"{MIN_OVER_DECODE:g} x the film"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
