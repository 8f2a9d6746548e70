from __future__ import annotations

import numpy as np
import pytest
import torch

from model.codec import PixelCodec, build_codec
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
