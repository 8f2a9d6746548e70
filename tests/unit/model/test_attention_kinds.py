from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.checkpoint import initial, load_model
from model.config import CodecConfig, ModelConfig
from model.network.attention import SelfAttention
from model.network.dit import VideoDiT
from model.network.groups import Groups, layout_of
from model.network.rope import rotations
from model.presets import preset
from model.shapes import tensor_shapes
from tests.support.rotary import rotate

MINI = replace(
    preset("nano"), preset="custom", width=24, num_layers=2, num_heads=2, codec=CodecConfig(factor=2), window=(2, 2)
)
GRID = (3, 3, 5)
"""Tokens (time, height, width); 2 x 2 windows do not divide it."""
TOKENS = [(t, h, w) for t in range(3) for h in range(3) for w in range(5)]
MEET = {
    "clip": lambda a, b: True,
    "frame": lambda a, b: a[0] == b[0],
    "column": lambda a, b: a[1:] == b[1:],
    "window": lambda a, b: (a[1] // 2, a[2] // 2) == (b[1] // 2, b[2] // 2),
}
"""Whether two tokens attend to each other."""


def _groups(kind: str, grid: tuple[int, int, int] = GRID, clips: int = 1, window: tuple[int, int] = (2, 2)) -> Groups:
    attention, layer, branch = {
        "clip": ("joint", 0, 0),
        "frame": ("factorised", 0, 0),
        "column": ("factorised", 0, 1),
        "window": ("window", 1, 0),
    }[kind]
    config = replace(MINI, attention=attention, window=window)
    return layout_of(config, (grid,) * clips, "cpu").cycle[layer][branch]


def _attention() -> SelfAttention:
    attention = SelfAttention(24, 2)
    generator = torch.Generator().manual_seed(2)
    for parameter in attention.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return attention


def _tokens(clips: int, num: int) -> Tensor:
    return torch.randn(clips, num, 24, generator=torch.Generator().manual_seed(3))


def _inputs(clips: int = 2) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(clips, 12, 3, 6, 10, generator=generator)
    text = torch.randn(clips, 4, MINI.text.width, generator=generator)
    return x, torch.linspace(0.2, 0.8, clips), text, torch.ones(clips, 4, dtype=torch.bool)


def _lively(config: ModelConfig) -> VideoDiT:
    model = VideoDiT(config)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


@pytest.mark.parametrize("kind", MEET)
def test_attention_equals_the_formula_head_by_head_and_token_by_token(kind: str) -> None:
    """Heads and tokens keep their axes (Latte's fast branch exchanged them)."""
    attention, x = _attention(), _tokens(2, 45)
    cos, sin = rotations(GRID, 12, 100.0, "cpu")
    expected = torch.zeros(2, 45, 24)
    for clip in range(2):
        query, key, value = attention.qkv(x[clip]).split(24, 1)
        for head in (slice(0, 12), slice(12, 24)):
            q, k = (
                rotate(part[:, head] / (part[:, head] ** 2).mean(1, keepdim=True).sqrt() * norm, cos, sin)
                for part, norm in ((query, attention.query_norm), (key, attention.key_norm))
            )
            for i, token in enumerate(TOKENS):
                seen = torch.tensor([MEET[kind](token, other) for other in TOKENS])
                weights = (k[seen] @ q[i] / 12**0.5).softmax(0)
                expected[clip, i, head] = weights @ value[seen][:, head]
    got = attention(x, _groups(kind, clips=2))
    torch.testing.assert_close(got, attention.out(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [(3, 5), (4, 8), (100, 100)])
def test_a_window_that_covers_the_clip_equals_joint_to_the_bit(window: tuple[int, int]) -> None:
    attention, x = _attention(), _tokens(2, 45)
    whole = attention(x, _groups("clip", clips=2))
    assert torch.equal(attention(x, _groups("window", clips=2, window=window)), whole)
    assert not torch.equal(attention(x, _groups("window", clips=2)), whole)


def test_a_still_image_under_a_window_that_covers_it_gets_joint_attention_in_every_layer() -> None:
    joint = _lively(MINI)
    window = _lively(replace(MINI, attention="window", window=(3, 5)))
    x, *rest = _inputs()
    assert torch.equal(window(x[:, :, :1], *rest), joint(x[:, :, :1], *rest))


def test_a_joint_checkpoint_goes_on_with_window_attention() -> None:
    joint, window = MINI, replace(MINI, attention="window")
    assert tensor_shapes(joint) == tensor_shapes(window)
    model = VideoDiT(window)
    model.load_arrays(_lively(joint).arrays())
    assert torch.isfinite(model(*_inputs())).all()


def test_windows_alternate_with_frames_so_that_two_layers_see_the_clip() -> None:
    model = _lively(replace(MINI, attention="window"))
    x, *rest = _inputs()
    changed = x.clone()
    changed[:, :, 2, 5, 9] += 1  # the last frame's far corner
    difference = model(changed, *rest) - model(x, *rest)
    assert difference[:, :, 0, 0, 0].abs().max() > 1e-6


def test_one_factorised_block_sees_the_clip() -> None:
    model = _lively(replace(MINI, attention="factorised", num_layers=1))
    x, *rest = _inputs()
    changed = x.clone()
    changed[:, :, 2, 5, 9] += 1
    assert (model(changed, *rest) - model(x, *rest))[:, :, 0, 0, 0].abs().max() > 1e-6


@pytest.mark.parametrize("modulation", ["single", "zero"])
@pytest.mark.parametrize("attention", ["joint", "window", "factorised"])
class TestEveryKind:
    """What holds for the default holds for every kind of attention and modulation."""

    def test_the_model_holds_exactly_the_tensors_that_checkpoints_name(self, attention: str, modulation: str) -> None:
        config = replace(MINI, attention=attention, modulation=modulation)
        shapes = {name: tuple(tensor.shape) for name, tensor in VideoDiT(config).state_dict().items()}
        assert shapes == tensor_shapes(config)

    def test_a_new_model_answers_zero_and_its_blocks_change_nothing(self, attention: str, modulation: str) -> None:
        model = load_model(initial(replace(MINI, attention=attention, modulation=modulation), seed=0))
        assert not model(*_inputs()).any()
        model.final.patch_out.weight.data.fill_(1.0)
        whole = model(*_inputs())
        model.blocks = torch.nn.ModuleList()
        assert torch.equal(model(*_inputs()), whole)

    def test_every_tensor_learns(self, attention: str, modulation: str) -> None:
        model = _lively(replace(MINI, attention=attention, modulation=modulation))
        model(*_inputs()).square().sum().backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())

    def test_clips_of_a_batch_do_not_meet(self, attention: str, modulation: str) -> None:
        model = _lively(replace(MINI, attention=attention, modulation=modulation))
        alone = model(*(tensor[1:] for tensor in _inputs()))
        torch.testing.assert_close(model(*_inputs())[1:], alone, rtol=1e-4, atol=1e-5)

    def test_everything_given_equals_time_zero(self, attention: str, modulation: str) -> None:
        model = _lively(replace(MINI, attention=attention, modulation=modulation))
        x, t, text, mask = _inputs()
        given = torch.ones(2, 3, 6, 10, dtype=torch.bool)
        clean = model(x, torch.zeros(2), text, mask)
        torch.testing.assert_close(model(x, t, text, mask, given), clean, rtol=1e-4, atol=1e-5)


def test_tables_made_while_sampling_serve_training_too() -> None:
    model, (x, *rest) = _lively(MINI), _inputs()
    with torch.inference_mode():
        model(x[:, :, :2], *rest)
    model(x[:, :, :2], *rest).sum().backward()
