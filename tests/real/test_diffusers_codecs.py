"""Video VAEs of diffusers, tiny and with random weights, from a folder."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model import parts
from model.codec import DiffusersCodec, build_codec, keep_codec
from model.job import VideoShape

pytestmark = pytest.mark.real

FRAMES = np.random.Generator(np.random.Philox(0)).integers(0, 256, (2, 9, 16, 16, 3), dtype=np.uint8)
SIZES: dict[str, dict[str, Any]] = {
    "AutoencoderKLWan": {
        "base_dim": 4,
        "z_dim": 4,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "latents_mean": [0.5, 0.0, 0.0, 0.0],
        "latents_std": [2.0, 1.0, 1.0, 1.0],
    },
    "AutoencoderKLHunyuanVideo": {
        "latent_channels": 4,
        "block_out_channels": (4, 4, 4, 4),
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
    "AutoencoderKLCogVideoX": {
        "latent_channels": 4,
        "block_out_channels": (4, 4, 4, 4),
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
}


@pytest.fixture(scope="module", params=SIZES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        import diffusers

        torch.manual_seed(0)
        path = tmp_path_factory.mktemp(request.param)
        getattr(diffusers, request.param)(**SIZES[request.param]).save_pretrained(path)
    yield path
    shutil.rmtree(path)


def test_clips_and_images_go_in_and_come_out_in_shape(folder: Path) -> None:
    codec = DiffusersCodec(folder)
    latents = codec.encode(FRAMES)
    shape = VideoShape(num_frames=9, height=16, width=16)
    assert tuple(latents.shape[1:]) == codec.latent_shape(shape) == (4, 3, 2, 2)
    assert codec.decode(latents).shape == FRAMES.shape
    assert torch.equal(codec.encode(FRAMES), latents)
    image = codec.encode(FRAMES[:, :1])
    assert tuple(image.shape) == (2, 4, 1, 2, 2)
    assert codec.decode(image).shape == (2, 1, 16, 16, 3)
    with pytest.raises(ValueError, match=r"expected 1 \+ 4 k frames, got 4"):
        codec.encode(FRAMES[:, :4])


def test_a_folder_is_found_by_its_digest_and_a_changed_one_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    config = keep_codec(folder)
    assert build_codec(config).digest == config.digest == parts.folder_digest(folder)
    wrong = replace(config, digest="0" * 64)
    with pytest.raises(ValueError, match=f"{wrong.digest}; got .*{config.digest}"):
        build_codec(wrong, source=folder)
    (tmp_path / config.digest / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="to have the digest in its name"):
        build_codec(config)


def test_the_statistics_are_those_of_the_folder(folder: Path) -> None:
    codec = DiffusersCodec(folder)
    raw = codec._vae.encode(torch.tensor(FRAMES[:1]).movedim(-1, 1).float() / 127.5 - 1).latent_dist.mode()
    expected = {
        "AutoencoderKLWan": (raw[:, 0] - 0.5) / 2.0,
        "AutoencoderKLHunyuanVideo": raw[:, 0] * 0.476986,
        "AutoencoderKLCogVideoX": raw[:, 0] * 1.15258426,
    }[type(codec._vae).__name__]
    torch.testing.assert_close(codec.encode(FRAMES[:1])[:, 0], expected)


def test_cogvideox_refuses_an_even_number_of_latent_frames(folder: Path) -> None:
    codec = DiffusersCodec(folder)
    if type(codec._vae).__name__ != "AutoencoderKLCogVideoX":
        assert codec.encode(FRAMES[:, :5]).shape[2] == 2
        return
    with pytest.raises(ValueError, match=r"odd number of latent frames, got 2; .* have 1 or 9 frames"):
        codec.encode(FRAMES[:, :5])


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a folder of a diffusers VAE with config.json"):
        DiffusersCodec(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    with pytest.raises(ValueError, match=r"of class AutoencoderKLWan, .* got 'AutoencoderKL'"):
        DiffusersCodec(tmp_path)
