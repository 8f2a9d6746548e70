from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.data import footage
from model.data.worlds import make_clips
from model.job import VideoShape
from model.provenance import Detection, add_watermark, detect, detect_in, payload_of
from model.provenance.watermark import _coefficients, _plan, _scores

PAYLOAD = payload_of("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")


def enlarged(frames: NDArray[np.uint8], height: int = 256) -> NDArray[np.uint8]:
    width = round(height * frames.shape[2] / frames.shape[1])
    return np.stack([np.asarray(Image.fromarray(f).resize((width, height), Image.Resampling.BICUBIC)) for f in frames])


def natural(seed: int, num_frames: int = 6) -> NDArray[np.uint8]:
    shape = VideoShape(num_frames=num_frames, height=256, width=256)
    return footage.make_clips(num_clips=1, seed=seed, shape=shape).frames[0]


def world(seed: int) -> NDArray[np.uint8]:
    return enlarged(make_clips(num_clips=1, seed=seed, laws=["occluder"]).frames[0])


def lumas(frames: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for frame in frames:
        yield np.asarray(Image.fromarray(frame).convert("L").resize((256, 256)))


def encoded(path: Path, frames: NDArray[np.uint8], crf: int) -> Path:
    with av.open(str(path), mode="w") as container:
        stream = container.add_stream("libx264", rate=Fraction(8))
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.options = {"crf": str(crf)}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("frames", [world(0), natural(1)], ids=["world", "footage"])
def test_a_mark_is_read_back_after_h264_and_nearly_so_after_a_second_harsher_pass(
    frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    marked = add_watermark(frames, PAYLOAD)
    once = detect_in(encoded(tmp_path / "once.mp4", marked, crf=18))
    assert (once.found, once.payload) == (True, PAYLOAD)
    assert once.chance < 1e-40
    with av.open(str(tmp_path / "once.mp4")) as container:
        again = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    twice = detect_in(encoded(tmp_path / "twice.mp4", enlarged(again, 360), crf=23))
    assert twice.found
    assert twice.agreeing(PAYLOAD) >= 30


def test_a_mark_is_not_seen() -> None:
    frames = natural(2)
    error = add_watermark(frames, PAYLOAD).astype(float) - frames
    assert 10 * np.log10(255**2 / (error**2).mean()) > 42
    assert np.abs(error).max() <= 12


def test_videos_without_a_mark_show_none() -> None:
    clean = [natural(seed, 2) for seed in range(30)] + [world(seed) for seed in range(10)]
    pilots = np.array([detect(lumas(frames)).pilot for frames in clean])
    assert pilots.max() < 4
    assert not any(detect(lumas(frames)).found for frames in clean[::8])


def test_without_a_mark_scores_have_the_spread_that_the_chance_assumes() -> None:
    values = _coefficients(np.mean(list(lumas(natural(3, 2))), axis=0))
    scores = np.concatenate([_scores(values, *_plan.__wrapped__(key)) for key in range(100)])
    assert scores.std() == pytest.approx(1.0, abs=0.05)
    assert scores.mean() == pytest.approx(0.0, abs=0.05)
    assert (scores > 2).mean() < np.exp(-2)


def test_the_chance_of_a_pilot_is_hoeffdings_bound() -> None:
    found = Detection(pilot=6.5, bits=(1.0,) * 31 + (-1.0,))
    assert found.chance == pytest.approx(6.69e-10, rel=1e-3)
    assert found.found
    assert found.payload == 2**32 - 2
    assert found.agreeing(2**32 - 1) == 31
    assert not Detection(pilot=6.4, bits=(1.0,) * 32).found
    assert Detection(pilot=-9.0, bits=(1.0,) * 32).chance == 1.0


def test_a_wide_video_carries_the_mark_too() -> None:
    frames = enlarged(natural(4, 2)[:, 56:200], 256)
    assert frames.shape[2] > 400
    assert detect(lumas(add_watermark(frames, PAYLOAD))).payload == PAYLOAD


def test_the_payload_stands_for_the_checkpoint() -> None:
    # printf bafy | sha256sum
    assert payload_of("bafy") == 0xDEBAA257


@pytest.mark.parametrize(
    ("frames", "payload", "says"),
    [
        (np.zeros((2, 128, 256, 3), np.uint8), 1, "expected frames of 256 pixels or more a side, got 256 x 128"),
        (np.zeros((2, 256, 256), np.uint8), 1, "frames must be uint8"),
        (np.zeros((2, 256, 256, 3), np.uint8), 2**32, "expected a payload of 32 bits"),
    ],
)
def test_frames_that_cannot_hold_a_mark_are_refused(frames: NDArray[np.uint8], payload: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        add_watermark(frames, payload)


def test_no_frames_and_no_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected frames to look for a watermark in, got none"):
        detect([])
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"cannot decode .* as a video"):
        detect_in(tmp_path / "text.mp4")
