from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.codec.layers import Past, fold, unfold
from model.codec.vae import VideoVae, num_parameters
from model.codec.vae_config import VaeConfig, vae_preset

NANO = vae_preset("nano")
STAGED = replace(vae_preset("small"), preset="custom", widths=(6, 8, 12))
STEPPED = VaeConfig(
    preset="custom", widths=(6, 8), encoder_blocks=(1, 1), decoder_blocks=(1, 0), patch=(2, 4), latent_channels=16
)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def shaken(config: VaeConfig) -> VideoVae:
    """A VAE in which no weight is zero, so that every path shows."""
    vae = VideoVae(config, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in vae.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return vae.requires_grad_(False)


def clip(num_frames: int) -> Tensor:
    return torch.randn(2, 3, num_frames, 16, 24, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("name", "want"), [("nano", 570_672), ("small", 12_081_244), ("base", 95_594_812)])
def test_each_preset_has_its_number_of_parameters(name: str, want: int) -> None:
    with torch.device("meta"):
        assert num_parameters(VideoVae(vae_preset(name))) == want


@pytest.mark.parametrize("config", [NANO, STAGED, vae_preset("nano", factor=4), STEPPED])
def test_a_clip_of_1_plus_4k_frames_has_1_plus_k_latents(config: VaeConfig) -> None:
    vae, x = shaken(config), clip(9)
    mean, log_variance = vae.encode(x)
    assert mean.shape == log_variance.shape == (2, 16, 3, 16 // config.factor, 24 // config.factor)
    assert vae.decode(mean).shape == x.shape


@pytest.mark.parametrize("config", [NANO, STAGED])
def test_a_chunked_pass_equals_a_whole_one(config: VaeConfig) -> None:
    vae, x = shaken(config), clip(17)
    whole = vae.encode(x)[0]
    frames, past, latents = vae.decode(whole), Past(), []
    for start, stop in ((0, 1), (1, 9), (9, 13), (13, 17)):
        latents.append(vae.encode(x[:, :, start:stop], past)[0])
        past.first = False
    torch.testing.assert_close(torch.cat(latents, 2), whole, **CLOSE)
    past, parts = Past(), []
    for start, stop in ((0, 1), (1, 3), (3, 4), (4, 5)):
        parts.append(vae.decode(whole[:, :, start:stop], past))
        past.first = False
    torch.testing.assert_close(torch.cat(parts, 2), frames, **CLOSE)


@pytest.mark.parametrize("config", [NANO, STAGED])
def test_later_frames_change_no_earlier_latent_and_no_earlier_frame(config: VaeConfig) -> None:
    vae, x = shaken(config), clip(17)
    mean = vae.encode(x)[0]
    torch.testing.assert_close(vae.encode(x[:, :, :1])[0], mean[:, :, :1], **CLOSE)
    torch.testing.assert_close(vae.encode(x[:, :, :9])[0], mean[:, :, :3], **CLOSE)
    torch.testing.assert_close(vae.decode(mean[:, :, :3]), vae.decode(mean)[:, :, :9], **CLOSE)
    changed = x.clone()
    changed[:, :, 9:] = 0
    torch.testing.assert_close(vae.encode(changed)[0][:, :, :3], mean[:, :, :3], **CLOSE)
    assert (vae.encode(changed)[0][:, :, 3] - mean[:, :, 3]).abs().max() > 1e-3


def test_folding_gives_the_first_frame_a_block_of_its_own() -> None:
    x = torch.arange(5.0).reshape(1, 1, 5, 1, 1)
    folded = fold(x, (4, 1), first=True)
    assert folded[0, :, :, 0, 0].T.tolist() == [[0, 0, 0, 0], [1, 2, 3, 4]]
    assert torch.equal(unfold(folded, (4, 1), first=True), x)
    assert unfold(folded[:, :, 1:], (4, 1), first=False).flatten().tolist() == [1, 2, 3, 4]


def test_equal_seeds_give_equal_weights_and_leave_the_global_generator_alone() -> None:
    state = torch.random.get_rng_state()
    first, second, other = (VideoVae(STAGED, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["decoder.stem.weight"], other["decoder.stem.weight"])


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"factor must be 4 .* times a power of two up to 2 .*, got 12"):
        replace(STEPPED, factor=12)
    with pytest.raises(ValueError, match=r"time_factor must be 2 .*, got 1"):
        replace(STEPPED, time_factor=1)
    with pytest.raises(ValueError, match="latent_channels must be an integer from 1 to 8192, got 0"):
        replace(NANO, latent_channels=0)
    with pytest.raises(ValueError, match="unknown codec preset 'huge'; choose one of nano, small, base"):
        vae_preset("huge")


def test_a_configuration_comes_back_from_its_json() -> None:
    assert VaeConfig.from_json(STAGED.to_json()) == STAGED
    for text in ("", "[]", "{}", STAGED.to_json().replace('"factor"', '"faktor"')):
        with pytest.raises(ValueError, match="not a VAE configuration"):
            VaeConfig.from_json(text)
