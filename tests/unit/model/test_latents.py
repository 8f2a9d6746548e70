"""Latents and text embeddings computed once: what a stream of them gives is what the codec would have given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.codec import PixelCodec
from model.data.folder import ClipReader, DatasetFolder
from model.data.ingest import IngestSettings, ingest
from model.data.latents import PreparedStream, prepare_folder
from model.data.stream import ShardStream
from model.text import ByteWordEncoder
from tests.support.films import sliding, write_film

CODEC, TEXT = PixelCodec(factor=4), ByteWordEncoder(width=16, max_tokens=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films = tmp_path / "films"
    films.mkdir()
    for seed in range(3):
        write_film(films / f"{seed}.mp4", sliding(11, seed=seed))
    settings = IngestSettings(num_frames=5, sizes=((32, 32),), max_hash_distance=-1, clips_per_shard=4)
    ingest(films, tmp_path / "out", licence="CC0-1.0", settings=settings)
    return tmp_path / "out"


def stream(folder: Path, **changes: int) -> PreparedStream:
    settings = {"batch_size": 4, "seed": 3, **changes}
    return PreparedStream(folder, codec_digest=CODEC.digest, text_digest=TEXT.digest, **settings)  # type: ignore[arg-type]


def test_a_stream_of_latents_is_the_encoded_stream_of_clips(folder: Path) -> None:
    prepare_folder(folder, CODEC, TEXT, batch_size=3)
    prepared, clips = stream(folder), ShardStream(folder, batch_size=4, seed=3)

    assert prepared.num_clips == 6
    for _ in range(3):
        batch, expected = next(prepared), next(clips)
        encoded = TEXT.encode(expected.captions)
        assert (batch.latents == CODEC.encode(expected.frames)).all()
        assert (batch.text.numpy() == encoded.tokens).all()
        assert (batch.mask.numpy() == encoded.mask).all()
    assert prepared.state() == clips.state()


def test_a_position_of_the_clips_goes_on_among_the_latents(folder: Path) -> None:
    prepare_folder(folder, CODEC, TEXT)
    clips = ShardStream(folder, batch_size=2, seed=3)
    next(clips)
    prepared = stream(folder, batch_size=2)
    prepared.restore(clips.state())

    assert (next(prepared).latents == CODEC.encode(next(clips).frames)).all()


def test_what_is_done_is_passed_by_and_what_changed_is_computed_again(folder: Path, tmp_path: Path) -> None:
    prepare_folder(folder, CODEC, TEXT)
    told: list[tuple[str, int, int]] = []
    prepare_folder(folder, CODEC, TEXT, tell=lambda *said: told.append(said))
    assert told == [("latents", 4, 6), ("latents", 6, 6), ("text", 4, 6), ("text", 6, 6)]

    (tmp_path / "films" / "1.mp4").unlink()
    settings = IngestSettings(num_frames=5, sizes=((32, 32),), max_hash_distance=-1, clips_per_shard=4)
    ingest(tmp_path / "films", folder, licence="CC0-1.0", settings=settings)
    with pytest.raises(ValueError, match=r"has no latents of shards/clips-5x32x32-00000\.tar as it is now; `tenwings"):
        stream(folder)
    prepare_folder(folder, CODEC, TEXT)
    dataset = DatasetFolder(folder)
    every = ClipReader(dataset, dataset.shards).clips(range(4))
    assert (stream(folder).batch(np.arange(4)).latents == CODEC.encode(every.frames)).all()


def test_latents_of_another_codec_are_not_taken(folder: Path) -> None:
    prepare_folder(folder, CODEC, TEXT)

    with pytest.raises(ValueError, match=r"`tenwings data prepare .*` computes them"):
        PreparedStream(folder, codec_digest="0" * 64, text_digest=TEXT.digest, batch_size=1, seed=0)


def test_clips_that_do_not_fit_the_codec_are_refused_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(ValueError, match="multiples of 5"):
        prepare_folder(folder, PixelCodec(factor=5), TEXT)

    assert not list(folder.glob("latents-*"))
