from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from model.checkpoint import initial
from model.data.clips import Clips, concatenate, shuffled
from model.data.shards import pack, unpack
from model.data.worlds import make_clips
from model.tensorfile import decode, encode

CLIPS = make_clips(num_clips=3, seed=0)
SHARD = pack(CLIPS)


def test_clips_come_back_exactly() -> None:
    clips = unpack(SHARD)
    assert np.array_equal(clips.frames, CLIPS.frames)
    assert (clips.captions, clips.attributions) == (CLIPS.captions, CLIPS.attributions)


def test_equal_clips_give_equal_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from model.data.shards import pack; from model.data.worlds import make_clips;"
        "print(pack(make_clips(num_clips=3, seed=0)).__len__(),"
        "hashlib.sha256(pack(make_clips(num_clips=3, seed=0))).hexdigest())"
    )
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(2)]
    expected = f"{len(SHARD)} {hashlib.sha256(SHARD).hexdigest()}\n"
    assert [run.stdout.decode() for run in runs] == [expected] * 2


def test_captions_of_every_script_survive() -> None:
    clips = Clips(frames=CLIPS.frames[:1], captions=('红 "球" é\n',), attributions=("",))
    assert unpack(pack(clips)).captions == ('红 "球" é\n',)


@pytest.mark.parametrize("length", [0, 8, 200, len(SHARD) - 1])
def test_a_cut_shard_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"not a shard \(tenwings-shard/1\)"):
        unpack(SHARD[:length])


@pytest.mark.parametrize("place", [-1, -4000, 30])
def test_a_flipped_bit_is_refused(place: int) -> None:
    damaged = bytearray(SHARD)
    damaged[place] ^= 4
    with pytest.raises(ValueError, match=r"shard|frames"):
        unpack(bytes(damaged))


def test_alien_files_are_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match="not a shard"):
        unpack(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(ValueError, match="expected a tenwings-shard/1 file, got format 'tenwings-checkpoint/1'"):
        unpack(initial("nano", seed=0))


def test_a_shard_whose_texts_do_not_match_its_clips_is_refused() -> None:
    tensors, metadata = decode(SHARD)
    with pytest.raises(ValueError, match="captions must be 3 texts, got 1"):
        unpack(encode(tensors, metadata | {"captions": '["one"]'}))
    with pytest.raises(ValueError, match="needs 'captions' as a JSON list"):
        unpack(encode(tensors, metadata | {"captions": "{}"}))
    with pytest.raises(ValueError, match="holds one tensor 'frames'"):
        unpack(encode({**tensors, "more": tensors["frames"]}, metadata))


@pytest.mark.parametrize("frames", [np.zeros((1, 2, 4, 4)), np.zeros((0, 2, 4, 4, 3), np.uint8)])
def test_frames_that_are_no_clips_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"frames must be uint8 \(clips, T, H, W, 3\)"):
        Clips(frames=frames, captions=(), attributions=())


def test_sets_of_clips_join_and_shuffle_without_loss() -> None:
    both = concatenate([CLIPS, make_clips(num_clips=2, seed=1)])
    mixed = shuffled(both, seed=3)
    assert len(mixed) == 5
    assert sorted(mixed.captions) == sorted(both.captions)
    for i, caption in enumerate(mixed.captions):
        assert np.array_equal(mixed.frames[i], both.frames[both.captions.index(caption)])


def test_data_needs_no_torch() -> None:
    code = (
        "import sys, model, model.checkpoint, model.data.shards, model.data.mixture; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
