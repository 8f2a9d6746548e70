"""Batches of clips out of a dataset folder: shuffled by seed, shared among ranks, resumed exactly.

    stream = ShardStream(Path("data"), batch_size=8, seed=0)      # rank=r, world_size=n on each of n processes
    clips = next(stream)                                          # Clips: frames (8, T, H, W, 3), captions, ...
    saved = json.dumps(stream.state())                            # into the checkpoint
    stream.restore(json.loads(saved))                             # the next batch is the one that would have come

Every epoch is a new permutation of all clips; epochs follow one another without a gap, so that no clip is ever left
out and the whole position is one number. Memory: the batch, and 8 bytes a clip for the epoch's permutation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.data.clips import Clips
from model.data.folder import ClipReader, DatasetFolder, shape_name
from model.job import VideoShape

State = dict[str, int | str]
"""JSON values."""


class ClipOrder:
    """Which clips come next on one rank: an endless sequence of permutations, a pure function of seed and position."""

    def __init__(self, *, num_clips: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        for name, value, low in (("num_clips", num_clips, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
            if value < low:
                raise ValueError(f"{name} must be at least {low}, got {value}")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be inside [0, {world_size}), got {rank}")
        self.num_clips, self.seed = num_clips, seed
        self._batch_size, self._rank, self._world_size = batch_size, rank, world_size
        self.clips_seen = 0
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def take(self) -> NDArray[np.int64]:
        """Return this rank's next clip numbers, (batch,), and move on for all ranks."""
        first = self.clips_seen + self._rank * self._batch_size
        self.clips_seen += self._batch_size * self._world_size
        return np.array([self._at(place) for place in range(first, first + self._batch_size)], np.int64)

    def _at(self, place: int) -> int:
        epoch, row = divmod(place, self.num_clips)
        if epoch != self._epoch:
            rng = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
            self._epoch, self._permutation = epoch, rng.permutation(self.num_clips)
        return int(self._permutation[row])


class ShardStream:
    """An endless iterator of `Clips` of one shape; see the head of this file."""

    def __init__(
        self,
        folder: Path,
        *,
        batch_size: int,
        seed: int,
        shape: VideoShape | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`shape` may be left out where the folder holds one alone; raises ValueError that lists the shapes."""
        self.dataset = DatasetFolder(folder)
        shards = self.dataset.shards_of(shape)
        self.shape = shards[0].shape
        self._reader = ClipReader(self.dataset, shards)
        self._order = ClipOrder(
            num_clips=len(self._reader), batch_size=batch_size, seed=seed, rank=rank, world_size=world_size
        )

    @property
    def num_clips(self) -> int:
        """Clips of an epoch, over all ranks."""
        return len(self._reader)

    def __iter__(self) -> Iterator[Clips]:
        return self

    def __next__(self) -> Clips:
        return self._reader.clips([int(index) for index in self._order.take()])

    def state(self) -> State:
        """Where the stream stands, as JSON values; equal on all ranks after equally many batches."""
        return position(self.dataset, self.shape, self._order)

    def restore(self, state: Mapping[str, int | str]) -> None:
        """Go to a saved position. ValueError where it is of another dataset, shape or seed.

        World size and batch size may have changed: the position counts clips over all ranks.
        """
        go_to(state, self.dataset, self.shape, self._order)


def position(dataset: DatasetFolder, shape: VideoShape, order: ClipOrder) -> State:
    """Describe a position in a dataset."""
    return {
        "dataset": dataset.digest,
        "shape": shape_name(shape),
        "seed": order.seed,
        "clips_seen": order.clips_seen,
    }


def go_to(state: Mapping[str, int | str], dataset: DatasetFolder, shape: VideoShape, order: ClipOrder) -> None:
    """Move an order to a position that `position` described."""
    here = position(dataset, shape, order)
    for name in ("dataset", "shape", "seed"):
        if state.get(name) != here[name]:
            raise ValueError(f"the saved position is of {name} {state.get(name)!r}, this stream's is {here[name]!r}")
    seen = state.get("clips_seen")
    if not isinstance(seen, int) or isinstance(seen, bool) or seen < 0:
        raise ValueError(f"clips_seen must be a number of at least 0, got {seen!r}")
    order.clips_seen = seen
