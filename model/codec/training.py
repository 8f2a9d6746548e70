"""Training of a video VAE: seeded, resumable, on clips and on images (clips of one frame).

    clips = ClipSource(name="clips", clips=make_clips(num_clips=512, seed=1))
    codec = train_codec(vae_preset("nano"), clips, CodecPlan(num_steps=2000), Path("codec.safetensors"))
    config = codec.config                              # goes into ModelConfig(codec=...)

A step's batch, crop, flips and noise follow from the seed and the step's number alone, so a resumed run goes on
bit for bit where it was saved. With `minutes` the schedule follows the clock and no two runs are alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.codec.augment import batch_of, noise_of
from model.codec.base import num_latent_frames
from model.codec.learned import VaeCodec, to_tensor
from model.codec.losses import loss_of
from model.codec.plan import CodecPlan
from model.codec.run_state import Clock, read_state, write_state
from model.codec.start import freeze_linear_path, start_at_principal_components
from model.codec.vae import VideoVae
from model.codec.vae_config import VaeConfig
from model.codec.vae_file import Statistics, pack
from model.training.sources import FrameSource
from model.training.step import Step, TrainingDiverged

__all__ = ["CodecPlan", "Progress", "TrainingDiverged", "state_path", "train_codec"]

_START_CLIPS = 128
"""Clips whose principal components the linear path starts at."""
_TAKEN = 16
"""Clips read at a time, so that no more frames are held."""
_FEW_CLIPS = 16
"""Clips for the statistics of what is saved on the way."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What `on_progress` hears after each step."""

    step: Step
    """Number, loss and gradient norm."""
    done: float
    """Share of the plan that is done, from 0 to 1."""
    seconds: float
    """Time spent on training, earlier parts of a resumed run included."""
    codec: VaeCodec | None = None
    """The codec as it was just saved, on the steps that save."""


def train_codec(
    config: VaeConfig,
    source: FrameSource,
    plan: CodecPlan,
    out: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    device: str = "cpu",
) -> VaeCodec:
    """Train, write the codec's file to `out` and return the codec.

    `out` and, beside it, the state to resume from (`state_path`) are written about `plan.num_saves` times, whole or
    not at all. Raises TrainingDiverged where loss or gradient is not finite: both files are then the last good ones.
    """
    trainer = _Trainer(config, source, plan, out, device)
    if resume:
        trainer.resume()
    else:
        trainer.start()
    while not trainer.clock.done(plan):
        began = time.monotonic() - trainer.clock.seconds
        step = trainer.step()
        trainer.clock = Clock(steps=step.index, seconds=time.monotonic() - began)
        saved = trainer.save(_FEW_CLIPS) if trainer.is_due() else None
        trainer.clock = Clock(steps=step.index, seconds=time.monotonic() - began)
        if on_progress:
            done, seconds = trainer.clock.share(plan), trainer.clock.seconds
            on_progress(Progress(step=step, done=done, seconds=seconds, codec=saved))
    return trainer.save(plan.statistics_clips)


def state_path(out: Path) -> Path:
    """Return where the state of the run that makes `out` lies."""
    return out.with_name(out.name + ".state")


def statistics_of(vae: VideoVae, source: FrameSource, num_clips: int, device: str = "cpu") -> Statistics:
    """Return each channel's mean and standard deviation over the latents of the first clips of a source."""
    channels = vae.config.latent_channels
    neutral = Statistics(mean=np.zeros(channels, np.float32), std=np.ones(channels, np.float32))
    codec = VaeCodec(vae, neutral, device=device)
    starts = range(0, num_clips, _TAKEN)
    parts = [codec.encode(source.take(start, min(_TAKEN, num_clips - start)).frames) for start in starts]
    latents = torch.cat(parts).movedim(1, 0).flatten(1).double()
    std = latents.std(1).clamp_min(1e-6)
    return Statistics(mean=_float32(latents.mean(1)), std=_float32(std))


class _Trainer:
    """The VAE, its optimizer and how far they are."""

    def __init__(self, config: VaeConfig, source: FrameSource, plan: CodecPlan, out: Path, device: str) -> None:
        num_latent_frames(source.shape.num_frames, config.time_factor)
        for name, size in (("height", source.shape.height), ("width", source.shape.width), ("crop", plan.crop)):
            if size % config.factor:
                raise ValueError(f"{name} must be a multiple of the codec's factor {config.factor}, got {size}")
        self._source, self._plan, self._out, self._device = source, plan, out, device
        self.vae = VideoVae(config, plan.seed).to(device)
        trained = freeze_linear_path(self.vae)
        self.optimizer = torch.optim.AdamW(trained, lr=plan.learning_rate, betas=plan.betas, weight_decay=0.0)
        self.clock = Clock(steps=0, seconds=0.0)
        self._saves = 0

    def start(self) -> None:
        """Set the linear path."""
        clips = self._source.take(0, _START_CLIPS).frames
        start_at_principal_components(self.vae, to_tensor(clips, self._device))

    def resume(self) -> None:
        """Go on from the state beside the file."""
        self.clock = read_state(state_path(self._out), self.vae, self.optimizer, self._plan, self._source.name)
        self._saves = int(self.clock.share(self._plan) * self._plan.num_saves)

    def step(self) -> Step:
        """Make one step. Raises TrainingDiverged before any weight changes."""
        plan, index = self._plan, self.clock.steps + 1
        frames = batch_of(self._source, plan, index)
        loss, norm = self._gradient(to_tensor(frames, self._device), index)
        if not np.isfinite([loss, norm]).all():
            raise TrainingDiverged(
                f"codec step {index}: loss {loss}, gradient norm {norm}; the files of the last good step stand at "
                f"{self._out}. Lower the learning rate or check the clips"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = plan.rate_at(index, self.clock.share(plan))
        self.optimizer.step()
        return Step(index=index, loss=loss, grad_norm=norm)

    def is_due(self) -> bool:
        """Whether the files are to be written; the end writes them by itself."""
        due = int(self.clock.share(self._plan) * self._plan.num_saves)
        return self._saves < due < self._plan.num_saves

    def save(self, num_clips: int) -> VaeCodec:
        """Write the codec's file, its statistics over some clips, and the state."""
        self._saves = int(self.clock.share(self._plan) * self._plan.num_saves)
        copy = VideoVae(self.vae.config)
        copy.load_state_dict(self.vae.state_dict())
        data = pack(copy, statistics_of(copy, self._source, num_clips, self._device))
        _write(self._out, data)
        state = write_state(self.vae, self.optimizer, self._plan, self._source.name, self.clock)
        _write(state_path(self._out), state)
        return VaeCodec.from_bytes(data, device=self._device)

    def _gradient(self, x_BCTHW: Tensor, index: int) -> tuple[float, float]:  # noqa: N803
        self.optimizer.zero_grad(set_to_none=True)
        mean, log_variance = self.vae.encode(x_BCTHW)
        noise = noise_of(mean, self._plan.seed, index)
        frames = self.vae.decode(mean + noise * (0.5 * log_variance).exp())
        loss = loss_of(frames, x_BCTHW, mean, log_variance, self._plan.weights)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.vae.parameters(), self._plan.max_grad_norm)
        return float(loss.detach()), float(norm)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(data)
    draft.replace(path)


def _float32(x: Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = x.float().cpu().numpy()
    return values
