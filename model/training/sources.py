"""Endless, numbered sequences of clips that a run is fed with: a set in memory, a dataset folder, the worlds.

A dataset folder may give its latents in the clips' place (data/latents.py), so that training needs no codec.

Clip number n is a pure function of the source, so a position is one number. An image is a clip of one frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from model.codec import codec_digest
from model.config import ModelConfig
from model.data import worlds
from model.data.clips import Clips
from model.data.folder import ClipReader, DatasetFolder
from model.data.latents import PreparedStream
from model.data.stream import ClipOrder
from model.denoiser import Prepared
from model.job import VideoShape
from model.text import build_text_encoder


class Source(Protocol):
    """An endless, numbered sequence of clips of one shape."""

    @property
    def name(self) -> str:
        """Names it in a run's state; unlike the others of a feed."""

    @property
    def shape(self) -> VideoShape:
        """Of every clip; one frame means images."""

    def take(self, start: int, size: int) -> Clips | Prepared:
        """Return clips number `start` to `start + size - 1`, or what is prepared of them."""


class FrameSource(Source, Protocol):
    """A source that gives the clips themselves."""

    def take(self, start: int, size: int) -> Clips:
        """Return clips number `start` to `start + size - 1`."""


@dataclass(frozen=True, kw_only=True)
class ClipSource:
    """A set of clips in a fresh order each time through."""

    name: str
    """Names it in a run's state."""
    clips: Clips
    """The set."""
    seed: int = 0
    """Of the orders."""

    @property
    def shape(self) -> VideoShape:
        """Of every clip."""
        return self.clips.shape

    def take(self, start: int, size: int) -> Clips:
        """Return clips number `start` to `start + size - 1`."""
        return self.clips.take(_order(len(self.clips), self.seed, start, size))


class FolderSource:
    """The clips of one shape of a dataset folder (data/folder.py), in a fresh order each time through."""

    def __init__(self, folder: Path, *, shape: VideoShape | None = None, seed: int = 0) -> None:
        """`shape` may be left out where the folder holds one alone; raises ValueError that lists the shapes."""
        dataset = DatasetFolder(folder)
        shards = dataset.shards_of(shape)
        self.shape, self._seed = shards[0].shape, seed
        self.name = f"folder {dataset.digest} {self.shape.num_frames}x{self.shape.height}x{self.shape.width}"
        self._reader = ClipReader(dataset, shards)

    def take(self, start: int, size: int) -> Clips:
        """Return clips number `start` to `start + size - 1`."""
        return self._reader.clips(_order(len(self._reader), self._seed, start, size))


class PreparedSource:
    """The latents and embeddings of one shape of a dataset folder, in the order of its `FolderSource`."""

    def __init__(self, folder: Path, config: ModelConfig, *, shape: VideoShape | None = None, seed: int = 0) -> None:
        """Raises ValueError that names the command where the folder lacks those of the configuration's parts."""
        codec, text = codec_digest(config.codec), build_text_encoder(config.text).digest
        self._stream = PreparedStream(
            folder, codec_digest=codec, text_digest=text, batch_size=1, seed=seed, shape=shape
        )
        self.shape, self._seed = self._stream.shape, seed
        sizes = f"{self.shape.num_frames}x{self.shape.height}x{self.shape.width}"
        self.name = f"latents {codec[:12]} of folder {self._stream.dataset.digest} {sizes}"

    def take(self, start: int, size: int) -> Prepared:
        """Return what is prepared of clips number `start` to `start + size - 1`."""
        return self._stream.batch(np.array(_order(self._stream.num_clips, self._seed, start, size)))


@dataclass(frozen=True, kw_only=True)
class WorldSource:
    """The procedural worlds without end: no scene comes twice. One frame means images."""

    name: str
    """Names it in a run's state."""
    shape: VideoShape
    """Of every clip."""
    seed: int
    """Of the scenes."""
    laws: tuple[str, ...] = worlds.LAWS
    """Drawn in turn."""

    def take(self, start: int, size: int) -> Clips:
        """Return clips number `start` to `start + size - 1`."""
        shape = replace(self.shape, num_frames=max(2, self.shape.num_frames))
        turns = [(self.laws[number % len(self.laws)], number) for number in range(start, start + size)]
        scenes = [worlds.make_scene(law, self.seed, shape, index=number) for law, number in turns]
        return Clips(
            frames=np.stack([worlds.render(scene)[: self.shape.num_frames] for scene in scenes]),
            captions=tuple(scene.caption for scene in scenes),
            attributions=(worlds.ATTRIBUTION,) * size,
        )


def _order(num_clips: int, seed: int, start: int, size: int) -> list[int]:
    """The rows of `size` clips from place `start` on, in an endless sequence of permutations."""
    order = ClipOrder(num_clips=num_clips, batch_size=size, seed=seed)
    order.clips_seen = start
    return [int(row) for row in order.take()]
