from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.checkpoint import initial, load_model
from model.config import CodecConfig, ModelConfig
from model.network.attention import CrossAttention, SelfAttention
from model.network.block import Context
from model.network.dit import VideoDiT, patchify, unpatchify
from model.network.groups import layout_of
from model.presets import PRESETS, preset
from model.shapes import tensor_shapes

MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))


def _inputs(config: ModelConfig, clips: int = 2) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(clips, config.codec.channels, 3, 4, 6, generator=generator)
    text = torch.randn(clips, 5, config.text.width, generator=generator)
    mask = torch.tensor([[True, True, True, False, False]] * clips)
    return x, torch.linspace(0.2, 0.8, clips), text, mask


def _lively(config: ModelConfig) -> VideoDiT:
    """A model whose gates are open."""
    model = VideoDiT(config)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


@pytest.mark.parametrize("name", PRESETS)
def test_the_model_holds_exactly_the_tensors_that_checkpoints_name(name: str) -> None:
    with torch.device("meta"):
        model = VideoDiT(preset(name))
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    assert shapes == tensor_shapes(preset(name))


def test_nothing_in_the_state_is_a_running_statistic() -> None:
    model = VideoDiT(MINI)
    assert model.state_dict().keys() == dict(model.named_parameters()).keys()


def test_a_new_model_answers_zero() -> None:
    model = load_model(initial(MINI, seed=0))
    assert not model(*_inputs(MINI)).any()


def test_a_new_block_is_the_identity() -> None:
    model = load_model(initial(MINI, seed=0))
    x = torch.randn(1, 8, 48, generator=torch.Generator().manual_seed(0))
    layout = layout_of(MINI, ((2, 2, 2),), "cpu")
    text, mask = torch.ones(1, 3, 48), torch.ones(1, 3, dtype=torch.bool)
    signal = model.modulation(torch.ones(1, 48))
    context = Context(signal_RX=signal, row_BN=None, text_SLD=text, mask_SL=mask, clips=layout.clips)
    out = model.blocks[0](x, context, layout.cycle[0])
    torch.testing.assert_close(out, x, rtol=0, atol=0)


def test_an_answer_is_shaped_like_the_latent() -> None:
    assert _lively(MINI)(*_inputs(MINI)).shape == (2, 12, 3, 4, 6)


def test_clips_of_a_batch_do_not_meet() -> None:
    model, inputs = _lively(MINI), _inputs(MINI)
    alone = model(*(tensor[1:] for tensor in inputs))
    torch.testing.assert_close(model(*inputs)[1:], alone, rtol=1e-4, atol=1e-5)


def test_masked_text_tokens_change_nothing() -> None:
    model, (x, t, text, mask) = _lively(MINI), _inputs(MINI)
    other = torch.where(mask[..., None], text, text + 100)
    torch.testing.assert_close(model(x, t, text, mask), model(x, t, other, mask))


def test_every_input_reaches_the_answer() -> None:
    model, (x, t, text, mask) = _lively(MINI), _inputs(MINI)
    base = model(x, t, text, mask)
    for changed in [(x + 1, t, text, mask), (x, t + 0.1, text, mask), (x, t, text + 1, mask)]:
        assert (model(*changed) - base).abs().max() > 1e-4


def test_a_late_frame_reaches_the_first_one() -> None:
    model, (x, t, text, mask) = _lively(MINI), _inputs(MINI)
    changed = x.clone()
    changed[:, :, 2] += 1
    difference = model(changed, t, text, mask) - model(x, t, text, mask)
    assert difference[:, :, 0].abs().max() > 1e-4


def test_nothing_given_equals_no_mask() -> None:
    model, inputs = _lively(MINI), _inputs(MINI)
    none = torch.zeros(2, 3, 4, 6, dtype=torch.bool)
    torch.testing.assert_close(model(*inputs, none), model(*inputs), rtol=1e-5, atol=1e-6)


def test_everything_given_equals_time_zero() -> None:
    model, (x, t, text, mask) = _lively(MINI), _inputs(MINI)
    whole = torch.ones(2, 3, 4, 6, dtype=torch.bool)
    clean = model(x, torch.zeros(2), text, mask)
    torch.testing.assert_close(model(x, t, text, mask, whole), clean, rtol=1e-5, atol=1e-6)
    assert (clean - model(x, t, text, mask)).abs().max() > 1e-3


def test_a_given_token_is_modulated_as_time_zero_and_its_neighbour_as_t() -> None:
    model, (x, t, text, mask) = _lively(MINI), _inputs(MINI)
    for block in model.blocks:  # no token hears of another: only its own modulation is left
        block.attention.out.weight.data.zero_()
    given = torch.zeros(2, 3, 4, 6, dtype=torch.bool)
    given[:, 0] = True
    given[0, 1, 0, 0] = True  # one cell of four: its patch is not given
    out = model(x, t, text, mask, given)
    torch.testing.assert_close(out[:, :, 0], model(x, torch.zeros(2), text, mask)[:, :, 0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(out[:, :, 1:], model(x, t, text, mask)[:, :, 1:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("given", [torch.zeros(2, 3, 4, 6), torch.zeros(2, 1, 4, 6, dtype=torch.bool)])
def test_a_mask_that_does_not_fit_is_refused(given: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"given must be bool \(2, 3, 4, 6\)"):
        VideoDiT(MINI)(*_inputs(MINI), given)


def test_patches_hold_neighbours_and_come_back_exactly() -> None:
    x = torch.arange(2 * 3 * 2 * 4 * 6, dtype=torch.float32).reshape(2, 3, 2, 4, 6)
    tokens = patchify(x, (1, 2, 2))
    assert tokens.shape == (2, 2 * 2 * 3, 12)
    assert tokens[0, 1].tolist() == x[0, :, 0, 0:2, 2:4].flatten().tolist()
    assert torch.equal(unpatchify(tokens, (2, 2, 3), (1, 2, 2)), x)


@pytest.mark.parametrize("shape", [(2, 11, 3, 4, 6), (2, 12, 3, 5, 6), (2, 12, 3, 4), (12, 3, 4, 6)])
def test_a_latent_that_does_not_fit_is_refused(shape: tuple[int, ...]) -> None:
    _, t, text, mask = _inputs(MINI)
    with pytest.raises(ValueError, match=r"latent must be \(clips, 12, T, H, W\)"):
        VideoDiT(MINI)(torch.zeros(shape), t, text, mask)


def test_a_missing_timestep_is_refused() -> None:
    x, t, text, mask = _inputs(MINI)
    with pytest.raises(ValueError, match="one timestep and one prompt for each of 2 clips"):
        VideoDiT(MINI)(x, t[:1], text, mask)


def test_joint_attention_equals_attention_written_out() -> None:
    attention = SelfAttention(12, 2)
    x = torch.randn(1, 4, 12, generator=torch.Generator().manual_seed(0))
    groups = layout_of(replace(MINI, width=12, num_heads=2), ((1, 2, 2),), "cpu").cycle[0][0]
    unturned = replace(groups, cos=torch.ones(4, 1, 3), sin=torch.zeros(4, 1, 3))
    query, key, value = (part.reshape(4, 2, 6).transpose(0, 1) for part in attention.qkv(x)[0].split(12, 1))
    query, key = (part / (part**2).mean(2, keepdim=True).sqrt() for part in (query, key))
    weights = (query @ key.transpose(1, 2) / 6**0.5).softmax(2)
    expected = attention.out((weights @ value).transpose(0, 1).reshape(4, 12))
    torch.testing.assert_close(attention(x, unturned)[0], expected, rtol=1e-4, atol=1e-5)


def test_the_order_of_text_tokens_does_not_matter_to_cross_attention() -> None:
    attention = CrossAttention(12, 2)
    generator = torch.Generator().manual_seed(0)
    x, text = torch.randn(1, 4, 12, generator=generator), torch.randn(1, 3, 12, generator=generator)
    mask = torch.tensor([[True, False, True]])
    order = [2, 1, 0]
    turned = attention(x, text[:, order], mask[:, order], ((1, 4),))
    torch.testing.assert_close(attention(x, text, mask, ((1, 4),)), turned, rtol=1e-4, atol=1e-6)
