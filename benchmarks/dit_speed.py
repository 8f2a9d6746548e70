"""Step time of the DiT against diffusers' blocks: equal tokens, width, layers, dtype, settings; in turns, in one run.

python benchmarks/dit_speed.py              both pairs, forward and forward+backward, float32 and bfloat16
python benchmarks/dit_speed.py --short      smaller, float32 alone
python benchmarks/dit_speed.py --threads 1  CPU threads (default: all cores)
python benchmarks/dit_speed.py --compiled   each row once more with compiled blocks (always so on CUDA)
python benchmarks/dit_speed.py --device cpu where to measure (default: cuda where there is one)
python benchmarks/dit_speed.py --json       for machines
python benchmarks/dit_speed.py --check      exits 1 and names each missed target

Joint attention stands against WanTransformer3DModel: the same branches and matrix products. Factorised attention stands
against LatteTransformer3DModel, whose space and time blocks have an MLP each: ours gets one MLP of twice the ratio.
What differs is in the FLOP column (Latte projects the text anew for every frame) or costs no product: Wan norms queries
and keys over all heads where we norm each head; Latte has neither that nor rotary positions. `work ratio` compares
FLOP/s, so it is 1 when both do their own products equally fast; `time ratio` compares milliseconds. A FLOP is counted
as 1 multiplication or addition of a matrix product; a backward pass counts twice its forward pass. bfloat16 is autocast
over float32 weights on both sides. `peak` is the best product of two matrices of this run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from model.config import CodecConfig, ModelConfig, TextConfig
from model.network.compiled import compile_blocks
from model.network.dit import VideoDiT
from model.presets import preset

MIN_RATIO = 1.05
MIN_MFU = 0.45
DIGEST = "0" * 64
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Step = Callable[[], None]
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What both sides compute on."""

    width: int
    num_layers: int
    num_heads: int
    time: int
    """Latent frames; a token is one of 1 x 2 x 2 cells."""
    side: int
    """Tokens along height and along width."""
    clips: int
    text_tokens: int
    repeats: int
    """Times that each side runs; medians are reported."""

    @property
    def tokens(self) -> int:
        """Of one clip."""
        return self.time * self.side**2

    def config(self, **changes: Any) -> ModelConfig:
        """Return our model's configuration."""
        codec = CodecConfig(kind="vae", factor=8, time_factor=4, latent_channels=16, digest=DIGEST)
        size = {"width": self.width, "num_layers": self.num_layers, "num_heads": self.num_heads}
        text = TextConfig(width=self.width, max_tokens=self.text_tokens)
        return replace(preset("nano"), preset="custom", codec=codec, text=text, **size, **changes)


CPU = Shape(width=384, num_layers=4, num_heads=6, time=4, side=16, clips=1, text_tokens=32, repeats=9)
SHORT = Shape(width=256, num_layers=2, num_heads=4, time=4, side=8, clips=2, text_tokens=16, repeats=9)
GPU = Shape(width=1152, num_layers=28, num_heads=18, time=8, side=32, clips=1, text_tokens=128, repeats=9)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One side in one setting."""

    setting: str
    """`joint / forward / float32 / eager` and the like."""
    name: str
    milliseconds: float
    """Median."""
    gflop: float
    """Of the matrix products of one step."""
    peak_share: float
    """FLOP/s over the best matrix product of this run in this dtype."""
    memory_gb: float | None
    """Most bytes held on CUDA during a step."""

    @property
    def gflops(self) -> float:
        """Billions of FLOP a second."""
        return self.gflop / self.milliseconds * 1e3


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Ours and the peer's, measured in turns."""

    ours: Row
    peer: Row

    @property
    def time_ratio(self) -> float:
        """The peer's time over ours."""
        return self.peer.milliseconds / self.ours.milliseconds

    @property
    def work_ratio(self) -> float:
        """Our FLOP/s over the peer's."""
        return self.ours.gflops / self.peer.gflops


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where and how to measure."""

    device: str
    dtypes: tuple[str, ...]
    compiled: tuple[bool, ...]
    shape: Shape


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when --check finds a missed target."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--short", action="store_true", help="smaller, float32 alone")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--compiled", action="store_true", help="compiled blocks too")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    bench = _bench(options)
    peaks = {name: _peak(bench.device, DTYPES[name]) for name in bench.dtypes}
    pairs = [pair for make in (_wan, _latte) for pair in _pairs(bench, peaks, make)]
    kinds = _kinds(bench, peaks)
    print(as_json(bench, peaks, pairs, kinds) if options.json else as_table(bench, peaks, pairs, kinds))
    missed = misses(bench, pairs)
    if options.check and missed:
        sys.stderr.write("missed: " + "; ".join(missed) + "\n")
        return 1
    return 0


def _bench(options: argparse.Namespace) -> Bench:
    cuda = options.device.startswith("cuda")
    return Bench(
        device=options.device,
        dtypes=("float32",) if options.short and not cuda else ("float32", "bfloat16"),
        compiled=(False, True) if options.compiled or cuda else (False,),
        shape=SHORT if options.short else GPU if cuda else CPU,
    )


def misses(bench: Bench, pairs: Sequence[Pair]) -> list[str]:
    """The targets that are not met, in words: against the peer on a CPU, of the peak on CUDA."""
    missed = []
    for pair in pairs:
        ours = pair.ours
        if bench.device == "cpu" and "float32 / eager" in ours.setting and pair.work_ratio < MIN_RATIO:
            missed.append(f"{ours.setting}: {pair.work_ratio:.2f} x {pair.peer.name}, wanted {MIN_RATIO}")
        if bench.device != "cpu" and "backward / bfloat16 / compiled" in ours.setting and ours.peak_share < MIN_MFU:
            missed.append(f"{ours.setting}: {ours.peak_share:.0%} of the peak, wanted {MIN_MFU:.0%}")
    return missed


def _wan(bench: Bench) -> tuple[str, Callable[[], VideoDiT], str, Callable[[], nn.Module]]:
    from diffusers import WanTransformer3DModel

    shape = bench.shape

    def peer() -> nn.Module:
        model: nn.Module = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=shape.num_heads,
            attention_head_dim=shape.width // shape.num_heads,
            in_channels=16,
            out_channels=16,
            text_dim=shape.width,
            freq_dim=256,
            ffn_dim=4 * shape.width,
            num_layers=shape.num_layers,
        )
        return model

    return "joint", lambda: VideoDiT(shape.config()), "Wan", peer


def _latte(bench: Bench) -> tuple[str, Callable[[], VideoDiT], str, Callable[[], nn.Module]]:
    from diffusers import LatteTransformer3DModel

    shape = bench.shape

    def peer() -> nn.Module:
        model: nn.Module = LatteTransformer3DModel(
            num_attention_heads=shape.num_heads,
            attention_head_dim=shape.width // shape.num_heads,
            in_channels=16,
            out_channels=16,
            num_layers=shape.num_layers,
            cross_attention_dim=shape.width,
            sample_size=2 * shape.side,
            patch_size=2,
            activation_fn="gelu-approximate",
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            caption_channels=shape.width,
            video_length=shape.time,
        )
        return model

    config = shape.config(attention="factorised", mlp_ratio=8)
    return "factorised", lambda: VideoDiT(config), "Latte", peer


def _pairs(
    bench: Bench,
    peaks: dict[str, float],
    make: Callable[[Bench], tuple[str, Callable[[], VideoDiT], str, Callable[[], nn.Module]]],
) -> Iterator[Pair]:
    """Both sides in every setting; the models are built once for each compile setting."""
    kind, build, name, build_peer = make(bench)
    for compiled in bench.compiled:
        ours, peer = _ours(bench, build(), compiled), _peer(bench, build_peer(), compiled)
        for dtype in bench.dtypes:
            for backward in (False, True):
                words = "forward+backward" if backward else "forward"
                setting = f"{kind} / {words} / {dtype} / {'compiled' if compiled else 'eager'}"
                calls = {"ours": ours, name: peer}
                mine, other = _rows(bench, peaks[dtype], setting, calls, DTYPES[dtype], backward)
                yield Pair(ours=mine, peer=other)


def _kinds(bench: Bench, peaks: dict[str, float]) -> list[Row]:
    """Our three kinds of attention at equal size, taking turns."""
    rows = []
    window = max(1, bench.shape.side // 4)
    for backward in (False, True):
        calls = {
            kind: _ours(bench, VideoDiT(bench.shape.config(attention=kind, window=(window, window))), False)
            for kind in ("joint", "window", "factorised")
        }
        setting = f"ours / {'forward+backward' if backward else 'forward'} / float32 / eager"
        rows += _rows(bench, peaks["float32"], setting, calls, torch.float32, backward)
    return rows


def _ours(bench: Bench, model: VideoDiT, compiled: bool) -> Callable[[], Tensor]:
    model = _filled(model.to(bench.device))
    if compiled:
        compile_blocks(model)
    latent, t, text = _inputs(bench)
    mask = torch.ones(text.shape[:2], dtype=torch.bool, device=bench.device)
    return lambda: model(latent, t, text, mask)


def _peer(bench: Bench, model: nn.Module, compiled: bool) -> Callable[[], Tensor]:
    model = _filled(model.to(bench.device))
    if compiled:
        for block in (*getattr(model, "blocks", ()), *getattr(model, "transformer_blocks", ())):
            block.compile(dynamic=True)
        for block in getattr(model, "temporal_transformer_blocks", ()):
            block.compile(dynamic=True)
    latent, t, text = _inputs(bench)
    return lambda: model(latent, timestep=1000 * t, encoder_hidden_states=text, return_dict=False)[0]


def _filled(model: Model) -> Model:
    """Random weights, so that no branch is zero."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    return model


def _inputs(bench: Bench) -> tuple[Tensor, Tensor, Tensor]:
    shape, generator = bench.shape, torch.Generator().manual_seed(1)
    latent = torch.randn(shape.clips, 16, shape.time, 2 * shape.side, 2 * shape.side, generator=generator)
    text = torch.randn(shape.clips, shape.text_tokens, shape.width, generator=generator)
    t = torch.linspace(0.2, 0.8, shape.clips)
    return latent.to(bench.device), t.to(bench.device), text.to(bench.device)


def _rows(
    bench: Bench,
    peak: float,
    setting: str,
    calls: dict[str, Callable[[], Tensor]],
    dtype: torch.dtype,
    backward: bool,
) -> list[Row]:
    """Run every side in turns, `repeats` times after warming up."""
    steps = {name: _step(bench.device, call, dtype, backward) for name, call in calls.items()}
    flops = {name: _flops(call) * (3 if backward else 1) for name, call in calls.items()}
    memory = {name: _memory(bench.device, step) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        _seconds(bench.device, step)
    for _ in range(bench.shape.repeats):
        for name, step in steps.items():
            times[name].append(_seconds(bench.device, step))
    seconds = {name: statistics.median(taken) for name, taken in times.items()}
    return [
        Row(
            setting=setting,
            name=name,
            milliseconds=round(1e3 * seconds[name], 2),
            gflop=flops[name] / 1e9,
            peak_share=flops[name] / seconds[name] / peak,
            memory_gb=memory[name],
        )
        for name in steps
    ]


def _step(device: str, call: Callable[[], Tensor], dtype: torch.dtype, backward: bool) -> Step:
    def step() -> None:
        half = torch.autocast(device, torch.bfloat16) if dtype == torch.bfloat16 else contextlib.nullcontext()
        with half, torch.set_grad_enabled(backward):
            answer = call()
        if backward:
            answer.float().square().mean().backward()

    return step


def _seconds(device: str, step: Step) -> float:
    _wait(device)
    start = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _memory(device: str, step: Step) -> float | None:
    if device == "cpu":
        return None
    step()
    torch.cuda.reset_peak_memory_stats()
    step()
    return torch.cuda.max_memory_allocated() / 1e9


def _flops(call: Callable[[], Tensor]) -> float:
    """Of the matrix products and attention of one forward pass."""
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping={attention: _attention_flops}) as counter:
        call()
    return float(counter.get_total_flops())


def _attention_flops(query: Sequence[int], key: Sequence[int], *rest: object, **options: object) -> int:
    """Two products of (queries x keys) for each clip, head and feature."""
    return 4 * query[0] * query[1] * query[2] * key[2] * query[3]


def _peak(device: str, dtype: torch.dtype) -> float:
    """FLOP/s of the fastest of some matrix products."""
    sizes = [(2048, 1024, 1024), (1024, 384, 1536), (2048, 2048, 2048)]
    sizes += [] if device == "cpu" else [(8192, 8192, 8192)]
    best = 0.0
    for rows, inner, columns in sizes:
        a, b = (
            torch.randn(rows, inner, device=device, dtype=dtype),
            torch.randn(inner, columns, device=device, dtype=dtype),
        )
        taken = min(_seconds(device, lambda a=a, b=b: torch.mm(a, b)) for _ in range(6))
        best = max(best, 2 * rows * inner * columns / taken)
    return best


def machine(bench: Bench) -> str:
    """What this was measured on."""
    if bench.device != "cpu":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads, torch {torch.__version__}"


def as_table(bench: Bench, peaks: dict[str, float], pairs: Sequence[Pair], kinds: Sequence[Row]) -> str:
    """Ours and the peer's side by side, then our kinds of attention."""
    shape = bench.shape
    lines = [
        machine(bench),
        f"{shape.clips} clips of {shape.tokens} tokens, width {shape.width}, {shape.num_layers} layers, "
        f"{shape.num_heads} heads, {shape.text_tokens} text tokens; median of {shape.repeats} in turns",
        "peak: " + ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items()),
        f"{'setting':<50}{'ours ms':>9}{'peer ms':>9}{'time ratio':>11}{'ours GF':>9}{'peer GF':>9}{'work ratio':>11}"
        f"{'ours/peak':>10}{'peer/peak':>10}{'ours GB':>9}{'peer GB':>9}",
    ]
    for pair in pairs:
        ours, peer = pair.ours, pair.peer
        lines.append(
            f"{ours.setting + ' | ' + peer.name:<50}{ours.milliseconds:>9.1f}{peer.milliseconds:>9.1f}"
            f"{pair.time_ratio:>11.2f}{ours.gflop:>9.1f}{peer.gflop:>9.1f}{pair.work_ratio:>11.2f}"
            f"{ours.peak_share:>10.0%}{peer.peak_share:>10.0%}{_gb(ours):>9}{_gb(peer):>9}"
        )
    lines.append(f"{'kind':<50}{'ms':>9}{'GF':>9}{'of peak':>9}")
    lines += [
        f"{row.setting + ' / ' + row.name:<50}{row.milliseconds:>9.1f}{row.gflop:>9.1f}{row.peak_share:>9.0%}"
        for row in kinds
    ]
    return "\n".join([*lines, f"targets: work ratio {MIN_RATIO} on a CPU in float32; {MIN_MFU:.0%} of peak on CUDA"])


def _gb(row: Row) -> str:
    return "-" if row.memory_gb is None else f"{row.memory_gb:.2f}"


def as_json(bench: Bench, peaks: dict[str, float], pairs: Sequence[Pair], kinds: Sequence[Row]) -> str:
    """Everything measured."""
    measured = [
        asdict(pair) | {"time_ratio": round(pair.time_ratio, 3), "work_ratio": round(pair.work_ratio, 3)}
        for pair in pairs
    ]
    head = {"machine": machine(bench), "shape": asdict(bench.shape), "peak_flops": peaks}
    return json.dumps(head | {"pairs": measured, "kinds": [asdict(row) for row in kinds]}, indent=2)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    raise SystemExit(main())
