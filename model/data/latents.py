"""Latents and text embeddings of a dataset folder, computed once: training then needs no codec and no text encoder.

    FOLDER/latents-DIGEST/index.json                       whose codec it is, and the shards that are done
    FOLDER/latents-DIGEST/clips-17x64x64-00000.npy         float32 (clips, C, T, H, W)
    FOLDER/text-DIGEST/index.json
    FOLDER/text-DIGEST/clips-17x64x64-00000.npy            float32 (clips, tokens, width)
    FOLDER/text-DIGEST/clips-17x64x64-00000.mask.npy       bool (clips, tokens)

DIGEST is the first twelve digits of the codec's or the encoder's own. The index names each shard by the SHA-256 of
its clips, so latents of clips that have changed are never read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from model.codec.base import VideoCodec
from model.data.clips import Clips
from model.data.folder import ClipReader, DatasetFolder, ShardFile
from model.data.stream import ClipOrder, State, go_to, position
from model.denoiser import Prepared
from model.job import VideoShape
from model.text.base import TextEncoder

_INDEX = "index.json"
Tell = Callable[[str, int, int], None]
"""Hears (what, clips done, clips in all)."""


def prepare_folder(
    folder: Path,
    codec: VideoCodec,
    text: TextEncoder,
    *,
    batch_size: int = 8,
    tell: Tell = lambda what, done, total: None,
) -> tuple[Path, Path]:
    """Compute latents and embeddings of every clip; shards that are done are passed by. Returns both folders.

    Raises ValueError where a clip's shape does not fit the codec; clips of other shapes are then untouched.
    """
    dataset = DatasetFolder(folder)
    for shape in dataset.shapes:
        codec.latent_shape(shape)

    def latents(clips: Clips) -> dict[str, NDArray[Any]]:
        return {"": codec.encode(clips.frames).detach().float().cpu().numpy()}

    def embeddings(clips: Clips) -> dict[str, NDArray[Any]]:
        encoded = text.encode(clips.captions)
        return {"": encoded.tokens, ".mask": encoded.mask}

    kinds = (("latents", codec.digest, latents), ("text", text.digest, embeddings))
    for kind, digest, compute in kinds:
        _Sidecar(dataset, kind, digest).fill(compute, batch_size, tell)
    return _place(dataset, "latents", codec.digest), _place(dataset, "text", text.digest)


class PreparedStream:
    """An endless iterator of `Prepared` batches on the CPU, in the order of a `ShardStream` of equal arguments."""

    def __init__(
        self,
        folder: Path,
        *,
        codec_digest: str,
        text_digest: str,
        batch_size: int,
        seed: int,
        shape: VideoShape | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Raises ValueError that names the command where latents or embeddings are missing or out of date."""
        self.dataset = DatasetFolder(folder)
        shards = self.dataset.shards_of(shape)
        self.shape = shards[0].shape
        self._places = ClipReader(self.dataset, shards)
        self._latents = _Sidecar(self.dataset, "latents", codec_digest).open(shards, "")
        self._text = _Sidecar(self.dataset, "text", text_digest).open(shards, "")
        self._masks = _Sidecar(self.dataset, "text", text_digest).open(shards, ".mask")
        self._order = ClipOrder(
            num_clips=len(self._places), batch_size=batch_size, seed=seed, rank=rank, world_size=world_size
        )

    @property
    def num_clips(self) -> int:
        """Clips of an epoch, over all ranks."""
        return len(self._places)

    def __iter__(self) -> Iterator[Prepared]:
        return self

    def __next__(self) -> Prepared:
        return self.batch(self._order.take())

    def batch(self, indices: NDArray[np.int64]) -> Prepared:
        """The clips of these numbers."""
        rows = [self._places.place(int(index)) for index in indices]
        return Prepared(
            latents=_stacked(self._latents, rows), text=_stacked(self._text, rows), mask=_stacked(self._masks, rows)
        )

    def state(self) -> State:
        """Where the stream stands, as JSON values; a `ShardStream` of the same folder takes it too."""
        return position(self.dataset, self.shape, self._order)

    def restore(self, state: Mapping[str, int | str]) -> None:
        """Go to a saved position. ValueError where it is of another dataset, shape or seed."""
        go_to(state, self.dataset, self.shape, self._order)


class _Sidecar:
    """One folder of arrays beside the shards."""

    def __init__(self, dataset: DatasetFolder, kind: str, digest: str) -> None:
        self._dataset, self._kind, self._digest = dataset, kind, digest
        self._folder = _place(dataset, kind, digest)

    def fill(self, compute: Callable[[Clips], dict[str, NDArray[Any]]], batch_size: int, tell: Tell) -> None:
        """Compute what is missing, shard by shard."""
        self._folder.mkdir(exist_ok=True)
        done = self._done()
        total, count = sum(shard.num_clips for shard in self._dataset.shards), 0
        for shard in self._dataset.shards:
            if done.get(shard.name) != shard.sha256:
                for first in self._write(shard, compute, batch_size):
                    tell(self._kind, count + first, total)
                done[shard.name] = shard.sha256
                self._record(done)
            count += shard.num_clips
            tell(self._kind, count, total)

    def open(self, shards: tuple[ShardFile, ...], suffix: str) -> list[NDArray[Any]]:
        """Map the arrays of some shards; nothing is read yet."""
        done = self._done()
        for shard in shards:
            if done.get(shard.name) != shard.sha256:
                raise ValueError(
                    f"{self._folder} has no {self._kind} of {shard.file} as it is now; "
                    f"`tenwings data prepare {self._dataset.path}` computes them"
                )
        return [np.load(self._folder / f"{shard.name}{suffix}.npy", mmap_mode="r") for shard in shards]

    def _write(
        self, shard: ShardFile, compute: Callable[[Clips], dict[str, NDArray[Any]]], batch_size: int
    ) -> Iterator[int]:
        """Write a shard's arrays batch by batch, then put them in place; yields how many clips are done."""
        reader = ClipReader(self._dataset, [shard])
        drafts: dict[Path, np.memmap[Any, Any]] = {}
        for first in range(0, len(reader), batch_size):
            rows = range(first, min(first + batch_size, len(reader)))
            for suffix, values in compute(reader.clips(rows)).items():
                path = self._folder / f"{shard.name}{suffix}.npy"
                if path not in drafts:
                    shape = (len(reader), *values.shape[1:])
                    drafts[path] = open_memmap(path.with_suffix(".draft"), "w+", dtype=values.dtype, shape=shape)
                drafts[path][rows.start : rows.stop] = values
            yield rows.stop
        for path, array in drafts.items():
            array.flush()
            path.with_suffix(".draft").replace(path)

    def _done(self) -> dict[str, str]:
        path = self._folder / _INDEX
        if not path.is_file():
            return {}
        index = json.loads(path.read_bytes())
        return dict(index["shards"]) if index["digest"] == self._digest else {}

    def _record(self, done: dict[str, str]) -> None:
        draft = self._folder / f".{_INDEX}"
        draft.write_text(json.dumps({"digest": self._digest, "shards": done}, indent=1, sort_keys=True) + "\n")
        draft.replace(self._folder / _INDEX)


def _place(dataset: DatasetFolder, kind: str, digest: str) -> Path:
    return dataset.path / f"{kind}-{digest[:12]}"


def _stacked(arrays: list[NDArray[Any]], rows: list[tuple[int, int]]) -> torch.Tensor:
    return torch.from_numpy(np.stack([arrays[shard][row] for shard, row in rows]))
