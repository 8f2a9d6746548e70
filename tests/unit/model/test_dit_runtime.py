"""Switches that change memory and speed, not the answer: checkpointing, bfloat16, compilation."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.config import CodecConfig, ModelConfig
from model.network.compiled import compile_blocks
from model.network.dit import VideoDiT
from model.presets import preset

MINI = replace(
    preset("nano"), preset="custom", width=24, num_layers=2, num_heads=2, codec=CodecConfig(factor=2), window=(2, 2)
)
KINDS = ["joint", "window", "factorised"]


def _lively(config: ModelConfig) -> VideoDiT:
    model = VideoDiT(config)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


def _inputs(clips: int = 2, time: int = 3, height: int = 6, width: int = 10) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(clips, 12, time, height, width, generator=generator)
    text = torch.randn(clips, 4, MINI.text.width, generator=generator)
    return x, torch.linspace(0.2, 0.8, clips), text, torch.ones(clips, 4, dtype=torch.bool)


def _step(model: VideoDiT, inputs: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    """The answer and the gradient of its energy."""
    model.zero_grad()
    answer = model(*inputs)
    answer.square().mean().backward()
    return answer.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _kept_bytes(model: VideoDiT, inputs: tuple[Tensor, ...]) -> int:
    """What the forward pass keeps for the backward pass, storages counted once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(*inputs)
    return sum(kept.values())


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointed_activations_change_no_bit_of_the_gradient(kind: str) -> None:
    model, inputs = _lively(replace(MINI, attention=kind)), _inputs()
    answer, gradients = _step(model, inputs)
    model.checkpoint_activations = True
    again, recomputed = _step(model, inputs)
    assert torch.equal(again, answer)
    assert gradients.keys() == recomputed.keys()
    assert all(torch.equal(gradient, recomputed[name]) for name, gradient in gradients.items())


def test_checkpointed_activations_keep_less_memory() -> None:
    model, inputs = _lively(replace(MINI, num_layers=6)), _inputs()
    whole = _kept_bytes(model, inputs)
    model.checkpoint_activations = True
    assert _kept_bytes(model, inputs) < whole / 4


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_blocks_stay_near_float32_and_leave_weights_and_gradients_in_float32(kind: str) -> None:
    model, inputs = _lively(replace(MINI, attention=kind)), _inputs()
    answer, gradients = _step(model, inputs)
    model.compute_dtype = torch.bfloat16
    rough, rough_gradients = _step(model, inputs)
    assert {tensor.dtype for tensor in (rough, *rough_gradients.values(), *model.parameters())} == {torch.float32}
    assert 0 < float((rough - answer).norm() / answer.norm()) < 0.01
    for name, gradient in gradients.items():
        assert float((rough_gradients[name] - gradient).norm() / gradient.norm()) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_a_callers_own_autocast_reaches_the_blocks(kind: str) -> None:
    model, inputs = _lively(replace(MINI, attention=kind)), _inputs()
    answer = model(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(*inputs)
    assert 0 < float((rough - answer).detach().norm() / answer.detach().norm()) < 0.02


def test_queries_and_keys_a_million_times_larger_change_no_bfloat16_answer_by_a_percent() -> None:
    model, inputs = _lively(MINI), _inputs()
    model.compute_dtype = torch.bfloat16
    answer = model(*inputs)
    for block in model.blocks:
        block.attention.qkv.weight.data[: 2 * MINI.width] *= 1e6
        block.cross.query.weight.data *= 1e6
    large = model(*inputs)
    assert float((large - answer).detach().norm() / answer.detach().norm()) < 0.01


@pytest.mark.real
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_compiled_blocks_give_equal_answers_and_one_graph_serves_every_shape() -> None:
    from torch._dynamo.utils import counters

    model = _lively(replace(MINI, num_layers=4))
    batches = [_inputs(2), _inputs(3, 1, 4, 12), _inputs(2, 4, 6, 6), _inputs(2, 3, 10, 6)]
    wanted = [_step(model, inputs) for inputs in batches]
    names = set(model.state_dict())
    compile_blocks(model)
    before = counters["stats"]["unique_graphs"]
    for inputs, (answer, gradients) in zip(batches, wanted, strict=True):
        compiled, compiled_gradients = _step(model, inputs)
        torch.testing.assert_close(compiled, answer, rtol=1e-4, atol=1e-5)
        for name, gradient in gradients.items():
            torch.testing.assert_close(compiled_gradients[name], gradient, rtol=1e-3, atol=1e-5)
    assert counters["stats"]["unique_graphs"] - before == 1
    assert set(model.state_dict()) == names
