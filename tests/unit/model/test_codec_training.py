from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model import parts, tensorfile
from model.codec import VaeCodec, build_codec, check_codec
from model.codec.augment import batch_of
from model.codec.learned import to_tensor
from model.codec.losses import LossWeights, divergence, gradient_error
from model.codec.plan import CodecPlan
from model.codec.start import start_at_principal_components
from model.codec.training import Progress, TrainingDiverged, state_path, train_codec
from model.codec.vae import VideoVae
from model.codec.vae_config import vae_preset
from model.codec.vae_file import Statistics, pack
from model.data.worlds import make_clips
from model.job import VideoShape
from model.training.sources import ClipSource

MINI = replace(vae_preset("nano"), preset="custom", widths=(16,), latent_channels=8)
PLAN = CodecPlan(num_steps=6, batch_size=2, crop=16, warmup_steps=2, statistics_clips=8, num_saves=2, image_share=0.4)
SHAPE = VideoShape(num_frames=5, height=32, width=32)


@pytest.fixture(scope="module")
def source() -> ClipSource:
    return ClipSource(name="clips", clips=make_clips(num_clips=24, seed=1, shape=SHAPE))


@pytest.fixture(scope="module")
def codec(source: ClipSource, tmp_path_factory: pytest.TempPathFactory) -> VaeCodec:
    return train_codec(MINI, source, PLAN, tmp_path_factory.mktemp("codec") / "codec.safetensors")


def test_a_run_that_was_stopped_goes_on_bit_for_bit(source: ClipSource, codec: VaeCodec, tmp_path: Path) -> None:
    out = tmp_path / "codec.safetensors"

    def stop(progress: Progress) -> None:
        if progress.codec:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_codec(MINI, source, PLAN, out, on_progress=stop)
    heard: list[int] = []
    again = train_codec(MINI, source, PLAN, out, resume=True, on_progress=lambda p: heard.append(p.step.index))
    assert heard == [4, 5, 6]
    assert again.digest == codec.digest


def test_a_state_of_another_run_is_refused(source: ClipSource, tmp_path: Path) -> None:
    out = tmp_path / "codec.safetensors"
    with pytest.raises(ValueError, match="found none; start without resuming"):
        train_codec(MINI, source, PLAN, out, resume=True)
    train_codec(MINI, source, replace(PLAN, num_steps=1), out)
    with pytest.raises(ValueError, match="is of a run with plan"):
        train_codec(MINI, source, PLAN, out, resume=True)


def test_a_loss_that_is_not_finite_stops_and_leaves_the_last_good_files(source: ClipSource, tmp_path: Path) -> None:
    out = tmp_path / "codec.safetensors"
    train_codec(MINI, source, replace(PLAN, num_steps=1), out)
    good, state = out.read_bytes(), state_path(out).read_bytes()
    wild = replace(PLAN, weights=LossWeights(pixels=1e38, squares=1e38))
    with pytest.raises(TrainingDiverged, match=r"codec step 1: .* last good step stand at"):
        train_codec(MINI, source, wild, out)
    assert out.read_bytes() == good
    assert state_path(out).read_bytes() == state


def test_latents_of_the_training_clips_have_unit_variance(source: ClipSource, codec: VaeCodec) -> None:
    latents = codec.encode(source.take(0, 8).frames).movedim(1, 0).flatten(1)
    torch.testing.assert_close(latents.mean(1), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std(1), torch.ones(8), atol=1e-3, rtol=0)


def test_a_codec_is_found_by_its_digest_and_another_is_refused_with_both(
    codec: VaeCodec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    with pytest.raises(parts.PartMissing, match=codec.digest):
        build_codec(codec.config)
    other = VaeCodec(VideoVae(MINI), Statistics(mean=np.zeros(8, np.float32), std=np.ones(8, np.float32)))
    assert parts.keep(pack(codec.vae, codec.statistics)) == codec.digest
    assert build_codec(codec.config).digest == codec.digest
    with pytest.raises(ValueError, match=f"{codec.digest}; got .*{other.digest}"):
        check_codec(codec.config, other)
    with pytest.raises(ValueError, match=rf"x4, time x4, .*{codec.digest}; got .* x8"):
        build_codec(replace(codec.config, factor=4))


def test_a_cut_or_alien_codec_file_is_refused(codec: VaeCodec) -> None:
    data = pack(codec.vae, codec.statistics)
    with pytest.raises(ValueError, match=r"not a codec file \(tenwings-vae/1\)"):
        VaeCodec.from_bytes(data[:-4])
    with pytest.raises(ValueError, match=r"not a codec file .* digest"):
        VaeCodec.from_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ValueError, match="expected a tenwings-vae/1 file, got format 'other'"):
        VaeCodec.from_bytes(tensorfile.encode({}, {"format": "other"}))


@pytest.mark.parametrize("max_pixels", [1, 3000, 2**20])
def test_bounded_passes_give_the_latents_and_frames_of_a_whole_one(codec: VaeCodec, max_pixels: int) -> None:
    frames = make_clips(num_clips=3, seed=5, shape=VideoShape(num_frames=9, height=16, width=24)).frames
    bounded = VaeCodec(codec.vae, codec.statistics, max_pixels=max_pixels)
    latents = codec.encode(frames)
    assert tuple(latents.shape[1:]) == codec.latent_shape(VideoShape(num_frames=9, height=16, width=24)) == (8, 3, 2, 3)
    torch.testing.assert_close(bounded.encode(frames), latents, rtol=1e-5, atol=1e-5)
    difference = np.abs(bounded.decode(latents).astype(int) - codec.decode(latents).astype(int))
    assert difference.max() <= 1
    assert bounded.decode(latents).shape == frames.shape


def test_frames_and_latents_of_another_shape_are_refused(codec: VaeCodec) -> None:
    with pytest.raises(ValueError, match=r"expected 1 \+ 4 k frames, got 4; the nearest that the codec takes: 1 or 5"):
        codec.encode(np.zeros((1, 4, 16, 16, 3), np.uint8))
    with pytest.raises(ValueError, match="multiples of 8, got 20x16"):
        codec.latent_shape(VideoShape(num_frames=5, height=20, width=16))
    with pytest.raises(ValueError, match=r"latent must be \(clips, 8, T, H, W\), got \(1, 4, 1, 2, 2\)"):
        codec.decode(torch.zeros(1, 4, 1, 2, 2))


def test_a_batch_follows_from_its_step_alone(source: ClipSource) -> None:
    batches = [batch_of(source, PLAN, step) for step in range(1, 30)]
    assert all(np.array_equal(batch_of(source, PLAN, step), batches[step - 1]) for step in (1, 17))
    assert {batch.shape for batch in batches} == {(2, 5, 16, 16, 3), (2, 1, 16, 16, 3)}


def test_the_linear_path_alone_holds_clips_of_few_components() -> None:
    rng = np.random.Generator(np.random.Philox(0))
    colours = rng.integers(0, 256, (40, 1, 4, 4, 3), dtype=np.uint8)
    frames = np.broadcast_to(colours.repeat(8, 2).repeat(8, 3), (40, 5, 32, 32, 3)).copy()
    vae = VideoVae(MINI)
    vae.requires_grad_(False)
    start_at_principal_components(vae, to_tensor(frames))
    mean, _ = vae.encode(to_tensor(frames))
    assert float((vae.decode(mean) - to_tensor(frames)).abs().max()) < 1e-4
    assert mean.movedim(1, 0).flatten(1).std(1)[:3].tolist() == pytest.approx([1, 1, 1], abs=0.01)


def test_terms_of_the_loss_by_hand() -> None:
    error = torch.zeros(1, 3, 1, 2, 2)
    error[..., 0] = 1.0
    assert float(gradient_error(error, scales=1)) == 0.5
    assert float(divergence(torch.tensor([2.0]), torch.tensor([0.0]))) == 2.0
    assert float(divergence(torch.tensor([0.0]), torch.tensor([2.0]))) == pytest.approx((np.e**2 - 3) / 2)


def test_clips_that_do_not_fit_the_codec_are_refused_before_training(source: ClipSource, tmp_path: Path) -> None:
    clips = make_clips(num_clips=2, seed=0, shape=VideoShape(num_frames=8, height=32, width=32))
    with pytest.raises(ValueError, match=r"expected 1 \+ 4 k frames, got 8; the nearest that the codec takes: 5 or 9"):
        train_codec(MINI, ClipSource(name="clips", clips=clips), PLAN, tmp_path / "codec.safetensors")
    with pytest.raises(ValueError, match="crop must be a multiple of the codec's factor 8, got 12"):
        train_codec(MINI, source, replace(PLAN, crop=12), tmp_path / "codec.safetensors")


def test_a_plan_names_either_steps_or_minutes() -> None:
    with pytest.raises(ValueError, match="name either a number of steps or minutes, got 0 and 0"):
        CodecPlan()
    with pytest.raises(ValueError, match="either a number of steps or minutes, got 5 and 1"):
        CodecPlan(num_steps=5, minutes=1)
