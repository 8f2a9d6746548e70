from __future__ import annotations

import numpy as np
import pytest
import torch

from model.codec import PixelCodec, build_codec, frames_of, latent_frame, num_latent_frames
from model.codec.quality import compare
from model.config import CodecConfig
from model.data.worlds import make_clips
from model.job import VideoShape


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_every_clip_comes_back_exactly(factor: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 12, 3), dtype=np.uint8)
    codec = PixelCodec(factor=factor)
    assert np.array_equal(codec.decode(codec.encode(frames)), frames)


def test_every_byte_level_comes_back_exactly() -> None:
    frames = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 1, 16, 16, 3)
    codec = PixelCodec(factor=4)
    assert np.array_equal(codec.decode(codec.encode(frames)), frames)


def test_a_cell_holds_a_square_of_pixels() -> None:
    frames = np.zeros((1, 1, 4, 4, 3), np.uint8)
    frames[0, 0, 2:, :2] = 255
    latent = PixelCodec(factor=2).encode(frames)
    assert latent.shape == (1, 12, 1, 2, 2)
    assert (latent[0, :, 0, 1, 0] == 127.5 / 64).all()
    assert (latent[0, :, 0, 0] == -127.5 / 64).all()


def test_latents_have_about_unit_variance() -> None:
    latent = PixelCodec().encode(make_clips(num_clips=24, seed=0).frames)
    assert 0.6 < float(latent.std()) < 1.6


def test_levels_outside_a_byte_are_clipped() -> None:
    latent = torch.full((1, 3, 1, 1, 1), 99.0)
    assert PixelCodec(factor=1).decode(latent).tolist() == [[[[[255, 255, 255]]]]]


def test_the_latent_shape_is_known_beforehand() -> None:
    shape = VideoShape(num_frames=8, height=32, width=64)
    assert PixelCodec(factor=4).latent_shape(shape) == (48, 8, 8, 16)
    with pytest.raises(ValueError, match="multiples of 4, got 30x64"):
        PixelCodec(factor=4).latent_shape(VideoShape(num_frames=8, height=30, width=64))


def test_frames_that_do_not_fit_are_refused() -> None:
    for frames in (np.zeros((1, 2, 6, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8), np.zeros((1, 2, 8, 8, 3))):
        with pytest.raises(ValueError, match="multiples of 4"):
            PixelCodec(factor=4).encode(frames)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"latent must be \(clips, 48, T, H, W\)"):
        PixelCodec(factor=4).decode(torch.zeros(1, 12, 1, 2, 2))


def test_the_digest_names_the_factor() -> None:
    assert PixelCodec(factor=4).digest == build_codec(CodecConfig(factor=4)).digest
    assert PixelCodec(factor=4).digest != PixelCodec(factor=2).digest


def test_a_frame_lies_in_the_latent_frame_that_holds_it() -> None:
    assert [latent_frame(frame, 4) for frame in range(10)] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3]
    assert [list(frames_of(latent, 4)) for latent in range(3)] == [[0], [1, 2, 3, 4], [5, 6, 7, 8]]
    assert [list(frames_of(latent, 1)) for latent in range(3)] == [[0], [1], [2]]
    assert [num_latent_frames(frames, 4) for frames in (1, 5, 17)] == [1, 2, 5]
    assert PixelCodec().time_factor == 1


def test_a_number_of_frames_that_does_not_fit_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"expected 1 \+ 4 k frames, got 16; .* 13 or 17"):
        num_latent_frames(16, 4)
    with pytest.raises(ValueError, match="got 0; the nearest that the codec takes: 1"):
        num_latent_frames(0, 4)


def test_quality_by_hand() -> None:
    frames = np.full((2, 1, 16, 16, 3), 100, np.uint8)
    made = frames.copy()
    made[0] += 16
    made[1] += 1
    score = compare(frames, made)
    assert score.psnr == pytest.approx(27.0423, abs=1e-3)
    assert score.mean_psnr == pytest.approx((24.0484 + 48.1308) / 2, abs=1e-3)
    assert compare(frames, frames).ssim == pytest.approx(1.0, abs=1e-5)
    assert compare(frames, frames).psnr == float("inf")
