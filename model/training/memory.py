"""What a training step takes in memory, counted before it starts, and what would fit where it does not.

The count is of float32 values, with the constants of the blocks in block.py (a test holds the sum against a measured
step, within TOLERANCE): a token keeps `_KEPT + 2 mlp_ratio` widths per block for the backward pass, one alone where
blocks are recomputed (arXiv 1604.06174).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from model.config import ModelConfig
from model.job import VideoShape
from model.presets import PRESETS, preset
from model.shapes import num_parameters

TOLERANCE = 0.15
"""The estimate of a step's peak is this close to the measured one, as a share of it."""
_KEPT, _KEPT_HALF = 26.0, 18.5
"""Widths that a block keeps of a token beside its MLP's: attention, norms, modulations; in float32 and bfloat16."""
_TEXT_KEPT = 5.3
"""Widths that a block keeps of a text token."""
_ENDS = 8.0
"""Widths that the layers before and after the blocks keep of a token."""
_TROUBLE = re.compile(r"out of memory|not enough memory|can't allocate memory", re.IGNORECASE)


class DoesNotFit(ValueError):
    """Training would take, or took, more memory than there is; the message says what fits."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a training step holds at once, in one process."""

    config: ModelConfig
    """Of the model."""
    num_clips: int
    """Clips of one part of a batch."""
    num_tokens: int
    """Space-time tokens of a clip."""
    bf16: bool = False
    """Blocks compute in bfloat16."""
    recompute: bool = False
    """Blocks are computed again in the backward pass."""
    averaged: bool = True
    """A moving average of the weights is kept."""
    num_processes: int = 1
    """Processes that share weights, gradients, moments and the average."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes by purpose."""

    weights: int
    """Float32."""
    gradients: int
    """Float32."""
    moments: int
    """Two of AdamW's a weight."""
    average: int
    """The moving average."""
    activations: int
    """Kept for the backward pass."""

    @property
    def kept(self) -> int:
        """Bytes held between steps."""
        return self.weights + self.moments + self.average

    @property
    def total(self) -> int:
        """Peak: activations go as gradients come, and AdamW needs room for one more value a weight."""
        return self.kept + max(self.activations, 2 * self.gradients)

    def __str__(self) -> str:
        parts = ("weights", "gradients", "moments", "average", "activations")
        return ", ".join(f"{name} {gigabytes(getattr(self, name))}" for name in parts)


def estimate(load: Load) -> Estimate:
    """Count the bytes of a training step."""
    config = load.config
    weights = 4 * math.ceil(num_parameters(config) / load.num_processes)
    return Estimate(
        weights=weights,
        gradients=weights,
        moments=2 * weights,
        average=weights if load.averaged else 0,
        activations=_activations(load),
    )


def num_tokens(config: ModelConfig, shape: VideoShape) -> int:
    """Return the tokens of a clip."""
    codec = config.codec
    cells = 1 + (shape.num_frames - 1) // codec.time_factor, shape.height // codec.factor, shape.width // codec.factor
    return math.prod(max(1, n // p) for n, p in zip(cells, config.patch, strict=True))


def free_bytes(device: str = "cpu") -> int:
    """Return the memory that a process may still take on a device."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
    machine = int(found[1]) * 1024 if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    return min(machine, int(limit) - int(used)) if limit.isdecimal() and used.isdecimal() else machine


def check_fits(load: Load, device: str, *, free: int | None = None) -> Estimate:
    """Return the estimate; raise DoesNotFit where less memory is free."""
    free = free_bytes(device) if free is None else free
    needed = estimate(load)
    if needed.total > free:
        raise DoesNotFit(
            f"preset {load.config.preset} needs {gigabytes(needed.total)} to train on {load.num_clips} clips of "
            f"{load.num_tokens} tokens at once ({needed}), {gigabytes(free)} are free on {device}; {advice(load, free)}"
        )
    return needed


@contextmanager
def advising(load: Load, device: str) -> Iterator[None]:
    """Turn an allocation that fails within the context into DoesNotFit, with what would fit."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _TROUBLE.search(str(error)):
            raise
        free = free_bytes(device)
        raise DoesNotFit(
            f"out of memory on {device}: preset {load.config.preset} was training on {load.num_clips} clips of "
            f"{load.num_tokens} tokens at once, estimated at {gigabytes(estimate(load).total)}; {advice(load, free)}"
        ) from error


def advice(load: Load, free: int) -> str:
    """Say which batch fits this preset, and which preset fits this batch."""
    words = []
    for again in (load.recompute, True):
        if clips := _most_clips(replace(load, recompute=again), free):
            words.append(f"preset {load.config.preset} fits with {clips} clips" + (" and recompute" if again else ""))
            break
    else:
        words.append(f"preset {load.config.preset} fits with no batch")
    smaller = [name for name in PRESETS if _total(replace(load, config=_resized(load.config, name))) <= free]
    words.append(f"with {load.num_clips} clips preset {smaller[-1]} fits" if smaller else "no preset fits this batch")
    return "; ".join(words)


def gigabytes(num_bytes: int) -> str:
    """Bytes in words."""
    return f"{num_bytes / 1e9:.2f} GB"


def _activations(load: Load) -> int:
    config, clips = load.config, load.num_clips
    block = (_KEPT_HALF if load.bf16 else _KEPT) + 2 * config.mlp_ratio
    text = _TEXT_KEPT * config.text.max_tokens / load.num_tokens
    per_token = config.num_layers + block if load.recompute else config.num_layers * (block + text)
    half_weights = 2 * num_parameters(config) if load.bf16 else 0
    return int(4 * clips * load.num_tokens * config.width * (per_token + _ENDS)) + half_weights


def _total(load: Load) -> int:
    return estimate(load).total


def _most_clips(load: Load, free: int) -> int:
    """The largest batch that fits, among those that halving leads to; 0 where none does."""
    clips = load.num_clips
    while clips and _total(replace(load, num_clips=clips)) > free:
        clips //= 2
    return clips


def _resized(config: ModelConfig, name: str) -> ModelConfig:
    size = preset(name)
    return replace(config, preset=name, width=size.width, num_layers=size.num_layers, num_heads=size.num_heads)


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).is_file() else ""
