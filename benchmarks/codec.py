"""How well the nano video VAE does on held-out clips of the worlds after some minutes of training; the pixel codec.

python benchmarks/codec.py                  trains for 20 minutes at most, then a table
python benchmarks/codec.py --minutes 5      less
python benchmarks/codec.py --short          half a minute of training: the curve and the structure, no claim of quality
python benchmarks/codec.py --json           for machines
python benchmarks/codec.py --check          exits 1 and names each missed target
python benchmarks/codec.py --sheet s.png    draws originals above what the codec makes of them
python benchmarks/codec.py --codec FILE     measures a trained codec's file instead of training one
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.codec import PixelCodec, VaeCodec, VideoCodec
from model.codec.quality import quality_of
from model.codec.request import CodecRequest, heldout_of, run_request
from model.codec.training import Progress
from model.data.video import contact_sheet

MIN_PSNR = 28.0
MAX_MINUTES = 20.0
SHORT_MINUTES = 0.4
LONG_CLIP = (129, 128, 128)
"""Frames, rows and columns of the clip whose memory is measured."""
SHEET_CLIPS = 6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One codec, measured."""

    codec: str
    """Its name."""
    psnr: float | None
    """Decibels of the mean squared error over all held-out clips; None where it is exact."""
    mean_psnr: float | None
    """Mean of the clips' PSNRs."""
    ssim: float
    """Mean over frames."""
    values: int
    """Latent values of a clip."""
    bytes_per_latent: int
    """Bytes of a latent cell in float32."""
    smaller: float
    """Values of the frames over values of the latents."""
    encode_seconds: float
    """Of a clip, in a batch of eight."""
    decode_seconds: float
    """Of a clip, in a batch of eight."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is measured."""

    machine: str
    """CPU, cores, torch threads."""
    clips: str
    """Shape and number of held-out clips."""
    minutes: float
    """Time spent on training; 0 where a file was measured."""
    num_steps: int
    """Steps made in it."""
    curve: list[tuple[float, float]]
    """(minutes, held-out PSNR) as training went."""
    rows: list[Row]
    """A codec each."""
    chunked_difference: int
    """Largest difference, in byte levels, between a clip decoded in chunks and whole."""
    chunked_megabytes: float
    """Growth of the process over encoding and decoding a long clip in chunks."""
    whole_megabytes: float
    """The same for one pass."""

    def misses(self, short: bool) -> list[str]:
        """The targets that are not met, in words; a short run claims no quality."""
        vae, missed = self.rows[-1], []
        if not short and (vae.psnr or 0.0) < MIN_PSNR:
            missed.append(f"held-out PSNR {vae.psnr:.2f} dB, wanted at least {MIN_PSNR}")
        if self.minutes > MAX_MINUTES * 1.05:
            missed.append(f"{self.minutes:.1f} minutes of training, wanted at most {MAX_MINUTES}")
        if self.chunked_difference > 1:
            missed.append(f"chunks differ from the whole by {self.chunked_difference} levels, wanted at most 1")
        if self.chunked_megabytes >= self.whole_megabytes:
            missed.append("chunks take no less memory than a whole pass")
        return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    minutes = SHORT_MINUTES if options.short else options.minutes
    request = CodecRequest(
        minutes=minutes, factor=options.factor, num_clips=192 if options.short else 768, threads=options.threads
    )
    heldout, curve = heldout_of(request), _Curve()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder) / "codec.safetensors"
        codec = (
            VaeCodec.from_file(options.codec)
            if options.codec
            else run_request(request, out, on_progress=lambda progress: curve.hear(progress, heldout[:16]))
        )
        report = measure(codec, heldout, curve, out if options.codec is None else options.codec)
    if options.sheet:
        options.sheet.write_bytes(sheet(codec, heldout[:SHEET_CLIPS]))
    print(json.dumps(asdict(report), indent=2) if options.json else as_table(report))
    missed = report.misses(options.short)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


class _Curve:
    """Held-out PSNR as training goes."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.minutes, self.num_steps = 0.0, 0

    def hear(self, progress: Progress, heldout: NDArray[np.uint8]) -> None:
        self.minutes, self.num_steps = progress.seconds / 60, progress.step.index
        if progress.codec:
            self.points.append((round(self.minutes, 2), round(quality_of(progress.codec, heldout).psnr, 2)))
            print(f"{self.minutes:.1f} min, step {self.num_steps}: {self.points[-1][1]} dB", file=sys.stderr)


def measure(codec: VaeCodec, heldout: NDArray[np.uint8], curve: _Curve, path: Path) -> Report:
    """Score both codecs and compare chunks with whole passes."""
    pixels = 2**62
    latents = codec.encode(heldout[:2])
    whole = VaeCodec(codec.vae, codec.statistics, max_pixels=pixels).decode(latents)
    chunks = VaeCodec(codec.vae, codec.statistics, max_pixels=1).decode(latents)
    return Report(
        machine=_machine(),
        clips=f"{len(heldout)} held-out clips of the worlds, {'x'.join(map(str, heldout.shape[1:4]))}",
        minutes=round(curve.minutes, 2),
        num_steps=curve.num_steps,
        curve=curve.points,
        rows=[_row("pixel x4", PixelCodec(factor=4), heldout), _row(_name(codec), codec, heldout)],
        chunked_difference=int(np.abs(whole.astype(int) - chunks.astype(int)).max()),
        chunked_megabytes=_in_a_process(path, 2**17),
        whole_megabytes=_in_a_process(path, pixels),
    )


def _row(name: str, codec: VideoCodec, heldout: NDArray[np.uint8]) -> Row:
    score, few = quality_of(codec, heldout), heldout[:8]
    encode = _best(lambda: codec.encode(few)) / len(few)
    latents = codec.encode(few)
    return Row(
        codec=name,
        psnr=round(score.psnr, 2) if np.isfinite(score.psnr) else None,
        mean_psnr=round(score.mean_psnr, 2) if np.isfinite(score.mean_psnr) else None,
        ssim=round(score.ssim, 4),
        values=latents[0].numel(),
        bytes_per_latent=4 * latents.shape[1],
        smaller=round(few[0].size / latents[0].numel(), 1),
        encode_seconds=round(encode, 4),
        decode_seconds=round(_best(lambda: codec.decode(latents)) / len(few), 4),
    )


def _best(call: object) -> float:
    assert callable(call)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _in_a_process(path: Path, max_pixels: int) -> float:
    """Megabytes, in a process of its own: a peak never falls."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_growth, path, max_pixels).result()


def _growth(path: Path, max_pixels: int) -> float:
    torch.set_num_threads(1)
    codec = VaeCodec.from_bytes(path.read_bytes(), max_pixels=max_pixels)
    frames = np.zeros((1, *LONG_CLIP, 3), np.uint8)
    before = _peak_kilobytes()
    codec.decode(codec.encode(frames))
    return round((_peak_kilobytes() - before) / 1024, 1)


def _peak_kilobytes() -> int:
    """Of this process alone: getrusage's peak is inherited from the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def sheet(codec: VideoCodec, clips: NDArray[np.uint8]) -> bytes:
    """A PNG: each original above what the codec makes of it."""
    made = codec.decode(codec.encode(clips))
    rows = np.stack([clips, made], axis=1).reshape(-1, *clips.shape[1:])
    return contact_sheet(rows[:, ::2])


def as_table(report: Report) -> str:
    """Columns of numbers, ratios beside them."""
    lines = [report.machine, report.clips]
    if report.num_steps:
        lines.append(f"{report.minutes:.1f} minutes of training, {report.num_steps} steps")
        lines.append("held-out PSNR: " + ", ".join(f"{m:.1f} min {psnr:.2f}" for m, psnr in report.curve))
    lines.append(
        f"{'codec':<12}{'PSNR':>8}{'clip mean':>11}{'SSIM':>8}{'smaller':>9}{'B/cell':>8}{'enc s':>9}{'dec s':>9}"
    )
    for row in report.rows:
        psnr, mean = (("exact" if x is None else f"{x:.2f}") for x in (row.psnr, row.mean_psnr))
        lines.append(
            f"{row.codec:<12}{psnr:>8}{mean:>11}{row.ssim:>8.4f}{row.smaller:>8.1f}x{row.bytes_per_latent:>8}"
            f"{row.encode_seconds:>9.4f}{row.decode_seconds:>9.4f}"
        )
    size = "x".join(map(str, LONG_CLIP))
    lines.append(
        f"a clip of {size}: {report.chunked_megabytes:.0f} MB in chunks, {report.whole_megabytes:.0f} MB whole "
        f"({report.whole_megabytes / max(report.chunked_megabytes, 1e-9):.1f}x); "
        f"chunks differ from the whole by at most {report.chunked_difference} levels"
    )
    return "\n".join([*lines, f"target: {MIN_PSNR} dB after at most {MAX_MINUTES:.0f} minutes"])


def _name(codec: VaeCodec) -> str:
    return f"{codec.vae.config.preset} x{codec.vae.config.factor}"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {multiprocessing.cpu_count()} cores, {torch.get_num_threads()} torch threads"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="train for half a minute; the quality is no target")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--minutes", type=float, default=MAX_MINUTES, help="time to train for")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--factor", type=int, default=0, help="pixels of a latent cell's side (default: 8)")
    parser.add_argument("--codec", type=Path, help="measure this file instead of training")
    parser.add_argument("--out", type=Path, help="keep the trained codec in this file")
    parser.add_argument("--sheet", type=Path, help="PNG: originals above what the codec makes of them")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
