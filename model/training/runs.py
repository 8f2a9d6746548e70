"""A run from names alone: a preset with frozen parts by digest, clips to be fed with, a plan, a folder.

last = train(TrainRequest(preset="nano", minutes=10), Path("run"))
checkpoint = (last / "ema.safetensors").read_bytes()
video = sample(checkpoint, "a red ball moves right on a white background", seed=1)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from model import parts
from model.checkpoint import initial, read
from model.codec import find_codec
from model.config import ModelConfig
from model.data.clips import Clips
from model.job import VideoShape, parse_tasks
from model.presets import preset
from model.text.learned import text_config
from model.training.feed import Feed
from model.training.fit import Habits, Progress, fit, steps_within
from model.training.parallel import Group, join_group
from model.training.plan import FitPlan
from model.training.rotation import STATE, Rotation
from model.training.run_state import RunState
from model.training.sources import FolderSource, PreparedSource, Source, WorldSource

WORLDS = "worlds"
"""The name of the procedural worlds where a dataset folder may stand."""
_HELDOUT_CLIPS = 16
_HELDOUT_SEED_OFFSET = 1_000_003
"""Held-out worlds come from another seed."""
_WARMUP = 20
"""Steps."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train, on what, for how long."""

    preset: str = "nano"
    """One of PRESETS."""
    data: str = WORLDS
    """`worlds`, or a dataset folder's path."""
    start: Path | None = None
    """Checkpoint to start from; None makes a new model."""
    codec: str = ""
    """Digest of a codec's file; empty takes the preset's."""
    text: str = ""
    """Digest of a text encoder's file; empty takes the preset's."""
    num_steps: int = 0
    """Steps to make; 0 makes as many as `minutes` allows."""
    minutes: float = 10.0
    """Time to train for; what is left then can be resumed."""
    batch_size: int = 16
    """Clips of a step, over all processes."""
    parts: int = 0
    """Pieces of a batch; 0 makes one a process."""
    prepared: bool = False
    """Train on the folder's latents and embeddings (data/latents.py): no codec, and masks that give a prefix only."""
    shape: tuple[int, int, int] = (12, 32, 32)
    """Frames, rows and columns of a clip."""
    images: float = 0.0
    """Share of the steps on images."""
    tasks: str = "unconditional:2,predict:1"
    """Masks (masks.py) with their weights."""
    learning_rate: float = 2e-3
    """The highest."""
    ema_decay: float = 0.99
    """Of the weights' moving average."""
    lora_rank: int = 0
    """Of adapters; 0 trains the weights."""
    bf16: bool = False
    """Compute in bfloat16."""
    recompute: bool = False
    """Recompute activations."""
    save_every: int = 200
    """Steps between checkpoints."""
    threads: int = 0
    """Of torch; 0 lets torch choose."""
    seed: int = 0
    """Of everything that is drawn."""


def train(
    request: TrainRequest,
    folder: Path,
    *,
    resume: bool = False,
    group: Group | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train and return the folder of the last checkpoint; see `fit` for what it holds and raises."""
    group = group or join_group()
    if request.threads:
        torch.set_num_threads(request.threads)
    deadline = time.monotonic() + 60 * request.minutes
    shape = VideoShape(num_frames=request.shape[0], height=request.shape[1], width=request.shape[2])
    checkpoint = _checkpoint(request)
    config = read(checkpoint).config if request.prepared else None
    feed = feed_of(request.data, shape, seed=request.seed, images=request.images, prepared_for=config)
    plan = _plan(request, group)
    if not request.num_steps:
        plan = replace(plan, num_steps=_num_steps(request, checkpoint, plan, feed, folder, resume, group))
    habits = Habits(save_every=request.save_every, heldout_every=request.save_every, heldout=_heldout(request, shape))
    return fit(
        checkpoint,
        plan,
        feed,
        folder,
        resume=resume,
        habits=habits,
        on_progress=on_progress,
        out_of_time=lambda: not request.num_steps and time.monotonic() > deadline,
        group=group,
    )


def configure(name: str, *, codec: str = "", text: str = "") -> ModelConfig:
    """Return a preset's configuration with the codec and the text encoder of these digests; empty keeps the preset's.

    Raises PartMissing where this machine does not hold a part (parts.py).
    """
    config = preset(name)
    if codec:
        config = replace(config, codec=find_codec(codec).config)
    if text:
        config = replace(config, text=text_config(parts.find(text), max_tokens=config.text.max_tokens))
    return config


def feed_of(
    data: str, shape: VideoShape, *, seed: int, images: float = 0.0, prepared_for: ModelConfig | None = None
) -> Feed:
    """Return the feed of a dataset folder, or of the worlds; `images` is the share of steps on one-frame clips.

    With `prepared_for`, a folder gives what is prepared for that configuration's codec and text encoder.
    """
    if not 0 <= images < 1:
        raise ValueError(f"the share of images must be inside [0, 1), got {images}")
    sources = [_source(data, shape, seed, prepared_for)]
    if not images:
        return Feed(sources=sources)
    still = _source(data, replace(shape, num_frames=1), seed, prepared_for)
    return Feed(sources=[*sources, still], weights=[1 - images, images])


def _checkpoint(request: TrainRequest) -> bytes:
    if request.start:
        return request.start.read_bytes()
    return initial(configure(request.preset, codec=request.codec, text=request.text), request.seed)


def _plan(request: TrainRequest, group: Group) -> FitPlan:
    steps = request.num_steps or 100
    return FitPlan(
        num_steps=steps,
        seed=request.seed,
        batch_size=request.batch_size,
        parts=request.parts or group.size,
        learning_rate=request.learning_rate,
        warmup_steps=_WARMUP,
        ema_decay=request.ema_decay,
        tasks=parse_tasks(request.tasks),
        lora_rank=request.lora_rank,
        bf16=request.bf16,
        recompute=request.recompute,
    )


def _num_steps(
    request: TrainRequest, checkpoint: bytes, plan: FitPlan, feed: Feed, folder: Path, resume: bool, group: Group
) -> int:
    """The steps of the run that is resumed, else as many as the time allows."""
    latest = Rotation(folder=folder).latest()
    if resume and latest:
        return RunState.from_bytes((latest / STATE).read_bytes()).plan.num_steps
    return steps_within(checkpoint, plan, feed, 60 * request.minutes, group=group)


def _heldout(request: TrainRequest, shape: VideoShape) -> Clips | None:
    """Worlds that training never meets; a folder has its held-out clips in a folder of their own."""
    if request.data != WORLDS:
        return None
    return _worlds(shape, request.seed + _HELDOUT_SEED_OFFSET).take(0, _HELDOUT_CLIPS)


def _source(data: str, shape: VideoShape, seed: int, prepared_for: ModelConfig | None) -> Source:
    if data == WORLDS:
        if prepared_for:
            raise ValueError("only a dataset folder holds prepared latents; name one, or train on the worlds' clips")
        return _worlds(shape, seed)
    if prepared_for:
        return PreparedSource(Path(data), prepared_for, shape=shape, seed=seed)
    return FolderSource(Path(data), shape=shape, seed=seed)


def _worlds(shape: VideoShape, seed: int) -> WorldSource:
    kind = "images" if shape.num_frames == 1 else "video"
    return WorldSource(name=f"worlds, {kind}", shape=shape, seed=seed)
