"""Streaming clips out of a dataset folder: every clip once an epoch, exact resume, ranks that share no clip."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from webdataset.tariterators import group_by_keys, tar_file_expander

from model.data.folder import FORMAT, MANIFEST, ClipReader, DatasetFolder, parse_shape, shape_name
from model.data.samples import facts_to_bytes, frames_from_bytes, frames_to_bytes
from model.data.shard_writer import ShardWriter
from model.data.stream import ClipOrder, ShardStream
from model.job import VideoShape

SHAPE = VideoShape(num_frames=3, height=4, width=6)
STILL = VideoShape(num_frames=1, height=4, width=6)


def frames_of(level: int, shape: VideoShape = SHAPE) -> Any:
    return np.full((shape.num_frames, shape.height, shape.width, 3), level, np.uint8)


def write_folder(folder: Path, counts: dict[VideoShape, int], clips_per_shard: int = 4) -> Path:
    """Clip i of a shape is of level i and says so."""
    writer = ShardWriter(folder, encoding="npy", clips_per_shard=clips_per_shard)
    for shape, count in counts.items():
        for i in range(count):
            key = f"{shape_name(shape)}-{i}"
            facts = facts_to_bytes(
                {"key": key, "caption": f"level {i}", "attribution": "us", "licence": "CC0-1.0", "fps": 8.0}
            )
            writer.add(key, shape, facts, frames_to_bytes(frames_of(i, shape), "npy", 8.0))
    shards = [{**vars(shard), "shape": shape_name(shard.shape)} for shard in writer.close()]
    manifest = {"format": FORMAT, "settings": {"encoding": "npy"}, "shards": shards}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("ten"), {SHAPE: 10})


def levels(stream: ShardStream, num_batches: int) -> list[int]:
    return [int(frames[0, 0, 0, 0]) for _ in range(num_batches) for frames in next(stream).frames]


def test_every_epoch_shows_every_clip_once_in_another_order(ten: Path) -> None:
    seen = levels(ShardStream(ten, batch_size=4, seed=1), 5)

    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_a_clip_comes_with_its_caption_and_attribution(ten: Path) -> None:
    clips = next(ShardStream(ten, batch_size=3, seed=0))

    assert clips.shape == SHAPE
    assert [f"level {frames[0, 0, 0, 0]}" for frames in clips.frames] == list(clips.captions)
    assert clips.attributions == ("us, CC0-1.0", "us, CC0-1.0", "us, CC0-1.0")


def test_a_restored_position_gives_the_batches_that_would_have_come(ten: Path) -> None:
    stream = ShardStream(ten, batch_size=4, seed=7)
    levels(stream, 2)
    saved = json.loads(json.dumps(stream.state()))
    expected = levels(stream, 4)
    other = ShardStream(ten, batch_size=4, seed=7)
    other.restore(saved)

    assert saved["clips_seen"] == 8
    assert levels(other, 4) == expected


def test_ranks_share_out_what_one_process_would_see(ten: Path) -> None:
    ranks = [ShardStream(ten, batch_size=2, seed=3, rank=rank, world_size=2) for rank in range(2)]
    shared = [levels(stream, 1) for _ in range(5) for stream in ranks]

    assert [level for part in shared for level in part] == levels(ShardStream(ten, batch_size=4, seed=3), 5)
    assert ranks[0].state() == ranks[1].state()


def test_more_ranks_may_go_on_from_a_saved_position(ten: Path) -> None:
    alone = ShardStream(ten, batch_size=4, seed=3)
    levels(alone, 1)
    pair = [ShardStream(ten, batch_size=2, seed=3, rank=rank, world_size=2) for rank in range(2)]
    for stream in pair:
        stream.restore(alone.state())

    assert levels(pair[0], 1) + levels(pair[1], 1) == levels(alone, 1)


def test_a_position_of_another_seed_or_dataset_is_refused(ten: Path, tmp_path: Path) -> None:
    state = ShardStream(ten, batch_size=4, seed=1).state()
    with pytest.raises(ValueError, match="the saved position is of seed 1, this stream's is 2"):
        ShardStream(ten, batch_size=4, seed=2).restore(state)
    other = ShardStream(write_folder(tmp_path, {SHAPE: 3}), batch_size=4, seed=1)
    with pytest.raises(ValueError, match="the saved position is of dataset"):
        other.restore(state)
    with pytest.raises(ValueError, match="clips_seen must be a number of at least 0, got -1"):
        ShardStream(ten, batch_size=4, seed=1).restore({**state, "clips_seen": -1})


def test_a_folder_of_several_shapes_asks_which_one(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {STILL: 2, SHAPE: 5})

    with pytest.raises(ValueError, match=r"name one of them: 3x4x6 \(5 clips\), 1x4x6 \(2 clips\)"):
        ShardStream(folder, batch_size=1, seed=0)
    with pytest.raises(ValueError, match="holds no clips of 9x4x6"):
        ShardStream(folder, batch_size=1, seed=0, shape=parse_shape("9x4x6"))
    assert next(ShardStream(folder, batch_size=2, seed=0, shape=STILL)).shape == STILL


def test_a_folder_without_a_manifest_or_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a dataset folder with dataset\.json, found none"):
        DatasetFolder(tmp_path)
    (tmp_path / MANIFEST).write_text('{"format": "tenwings-dataset/9"}')
    with pytest.raises(ValueError, match="has format 'tenwings-dataset/9', expected tenwings-dataset/1"):
        DatasetFolder(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        DatasetFolder(tmp_path)


def test_a_shard_that_was_cut_short_is_named(tmp_path: Path) -> None:
    folder = DatasetFolder(write_folder(tmp_path, {SHAPE: 2}))
    (tmp_path / folder.shards[0].file).write_bytes(b"")

    with pytest.raises(ValueError, match=r"clips-3x4x6-00000\.tar is cut short"):
        ClipReader(folder, folder.shards).clips([1])


def test_shards_are_what_the_webdataset_library_reads(ten: Path) -> None:
    samples = []
    for shard in DatasetFolder(ten).shards:
        with (ten / shard.file).open("rb") as file:
            samples += list(group_by_keys(tar_file_expander([{"url": shard.file, "stream": file}])))

    assert [sample["__key__"] for sample in samples] == [f"3x4x6-{i}" for i in range(10)]
    assert [json.loads(sample["json"])["caption"] for sample in samples] == [f"level {i}" for i in range(10)]
    assert all((frames_from_bytes(s["npy"], "npy") == frames_of(i)).all() for i, s in enumerate(samples))


def test_a_shards_headers_name_no_time_and_no_owner(ten: Path) -> None:
    with tarfile.open(ten / DatasetFolder(ten).shards[0].file) as tar:
        members = tar.getmembers()

    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


def test_mp4_frames_come_back_near_and_their_bytes_are_repeatable() -> None:
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (5, 16, 32, 3)).copy()
    data = frames_to_bytes(frames, "mp4", 8.0)
    back = frames_from_bytes(data, "mp4")

    assert data == frames_to_bytes(frames, "mp4", 8.0)
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames).mean() < 2


def test_frames_that_cannot_be_stored_are_refused() -> None:
    with pytest.raises(ValueError, match="mp4 needs an even height and width, got 3x4"):
        frames_to_bytes(np.zeros((1, 3, 4, 3), np.uint8), "mp4", 8.0)
    with pytest.raises(ValueError, match="encoding must be one of npy, mp4, got 'gif'"):
        frames_to_bytes(np.zeros((1, 4, 4, 3), np.uint8), "gif", 8.0)
    with pytest.raises(ValueError, match="cannot be decoded"):
        frames_from_bytes(b"no video", "mp4")


@pytest.mark.parametrize("text", ["17x64", "17x64x", "ax1x1", "-1x2x2", "0x2x2"])
def test_a_shape_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"FRAMESxHEIGHTxWIDTH|must be at least 1"):
        parse_shape(text)


def test_an_order_refuses_a_rank_outside_the_world() -> None:
    with pytest.raises(ValueError, match=r"rank must be inside \[0, 2\), got 2"):
        ClipOrder(num_clips=4, batch_size=1, seed=0, rank=2, world_size=2)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        ClipOrder(num_clips=4, batch_size=0, seed=0)
