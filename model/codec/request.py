"""A codec's training as a command asks for it: preset, data, time; the clips that are held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model.codec.learned import VaeCodec
from model.codec.plan import CodecPlan
from model.codec.training import Progress, train_codec
from model.codec.vae_config import VaeConfig, vae_preset
from model.data.worlds import make_clips
from model.job import VideoShape
from model.training.sources import ClipSource, FolderSource, FrameSource

WORLDS = "worlds"
_HELDOUT_SEED_OFFSET = 1_000_003
_HELDOUT_CLIPS = 48


@dataclass(frozen=True, kw_only=True)
class CodecRequest:
    """What a person asks for."""

    preset: str = "nano"
    """One of VAE_PRESETS."""
    factor: int = 0
    """Pixels of a latent cell's side; 0 takes the preset's."""
    data: str = WORLDS
    """`worlds`, or a dataset folder's path."""
    num_steps: int = 0
    """Steps to make; 0 trains for `minutes`."""
    minutes: float = 0.0
    """Time to train for."""
    batch_size: int = 16
    """Clips of a step."""
    crop: int = 32
    """Side of the square cut from each clip."""
    shape: tuple[int, int, int] = (17, 64, 64)
    """Frames, rows and columns of a clip."""
    num_clips: int = 768
    """Clips to render, where the data is the worlds."""
    image_share: float = 0.1
    """Share of the steps on images."""
    learning_rate: float = 2e-3
    """Highest step size."""
    threads: int = 0
    """Of torch; 0 lets torch choose."""
    seed: int = 0
    """Of everything that is drawn."""

    @property
    def config(self) -> VaeConfig:
        """The VAE asked for."""
        return vae_preset(self.preset, self.factor)

    @property
    def video_shape(self) -> VideoShape:
        """Of a clip."""
        num_frames, height, width = self.shape
        return VideoShape(num_frames=num_frames, height=height, width=width)

    @property
    def plan(self) -> CodecPlan:
        """How it is trained."""
        return CodecPlan(
            num_steps=self.num_steps,
            minutes=self.minutes,
            batch_size=self.batch_size,
            crop=self.crop,
            image_share=self.image_share,
            learning_rate=self.learning_rate,
            seed=self.seed,
        )


def run_request(
    request: CodecRequest, out: Path, *, resume: bool = False, on_progress: Callable[[Progress], None] | None = None
) -> VaeCodec:
    """Train as asked and write the codec's file; see `train_codec` for what it raises."""
    if request.threads:
        torch.set_num_threads(request.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    plan, config = request.plan, request.config
    source = source_of(request)
    return train_codec(config, source, plan, out, resume=resume, on_progress=on_progress, device=device)


def source_of(request: CodecRequest) -> FrameSource:
    """Return the training clips."""
    if request.data != WORLDS:
        return FolderSource(Path(request.data), shape=request.video_shape, seed=request.seed)
    clips = make_clips(num_clips=request.num_clips, seed=request.seed, shape=request.video_shape)
    return ClipSource(name=f"worlds, {request.num_clips} clips", clips=clips, seed=request.seed)


def heldout_of(request: CodecRequest) -> NDArray[np.uint8]:
    """Return clips of the procedural worlds that no training sees, (48, T, H, W, 3), whatever is trained on."""
    seed = request.seed + _HELDOUT_SEED_OFFSET
    return make_clips(num_clips=_HELDOUT_CLIPS, seed=seed, shape=request.video_shape).frames
