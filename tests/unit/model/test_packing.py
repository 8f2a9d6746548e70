from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from model.config import CodecConfig, ModelConfig
from model.network import attention
from model.network.dit import VideoDiT
from model.network.packing import answer_packed
from model.presets import preset

MINI = replace(
    preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2), window=(2, 2)
)
SHAPES = [(3, 4, 6), (1, 8, 8), (3, 6, 4), (2, 4, 6), (1, 8, 8)]
"""Latent (T, H, W): two durations, an image twice, a portrait and a landscape of equally many tokens."""
KINDS = ["joint", "window", "factorised"]


def _lively(config: ModelConfig) -> VideoDiT:
    model = VideoDiT(config)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return model


def _inputs() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    latents = [torch.randn(12, *shape, generator=generator) for shape in SHAPES]
    text = torch.randn(5, 4, MINI.text.width, generator=generator)
    mask = torch.arange(4) < torch.tensor([[1], [2], [3], [4], [2]])
    return latents, torch.linspace(0.1, 0.9, 5), text, mask


def _alone(model: VideoDiT, given: list[Tensor | None]) -> list[Tensor]:
    latents, t, text, mask = _inputs()
    return [
        model(x[None], t[i : i + 1], text[i : i + 1], mask[i : i + 1], None if known is None else known[None])[0]
        for i, (x, known) in enumerate(zip(latents, given, strict=True))
    ]


def _close(got: list[Tensor], wanted: list[Tensor]) -> None:
    for mine, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("modulation", ["single", "zero"])
@pytest.mark.parametrize("kind", KINDS)
def test_packed_clips_of_five_shapes_get_the_answers_that_they_get_alone(kind: str, modulation: str) -> None:
    model = _lively(replace(MINI, attention=kind, modulation=modulation))
    _close(answer_packed(model, *_inputs()), _alone(model, [None] * 5))


@pytest.mark.parametrize("kind", KINDS)
def test_packed_clips_may_have_given_frames(kind: str) -> None:
    model = _lively(replace(MINI, attention=kind))
    given: list[Tensor | None] = [None, None, torch.zeros(3, 6, 4, dtype=torch.bool), None, None]
    given[2][0] = True  # type: ignore[index]
    packed = answer_packed(model, *_inputs(), given=given)
    _close(packed, _alone(model, given))
    assert (packed[2] - answer_packed(model, *_inputs())[2]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_a_packed_batch_are_those_of_the_clips_alone(kind: str) -> None:
    model = _lively(replace(MINI, attention=kind))

    def gradients(answers: list[Tensor]) -> dict[str, Tensor]:
        model.zero_grad()
        sum((answer**2).sum() for answer in answers).backward()  # type: ignore[union-attr]
        return {
            name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
        }

    packed, alone = gradients(answer_packed(model, *_inputs())), gradients(_alone(model, [None] * 5))
    assert packed.keys() == alone.keys() == dict(model.named_parameters()).keys()
    for name, gradient in packed.items():
        torch.testing.assert_close(gradient, alone[name], rtol=1e-3, atol=1e-3 * float(alone[name].abs().max()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_variable_length_kernel_gets_the_bounds_of_every_group(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel needs CUDA, so one written out stands in for it."""
    calls = []

    def written_out(query: Tensor, key: Tensor, value: Tensor, **bounds: Any) -> Tensor:
        assert query.is_contiguous()
        assert key.is_contiguous()
        assert value.is_contiguous()
        assert torch.equal(bounds["cu_seq_q"], bounds["cu_seq_k"])
        assert bounds["cu_seq_q"].dtype == torch.int32
        ends = bounds["cu_seq_q"].tolist()
        assert bounds["max_q"] == bounds["max_k"] == max(b - a for a, b in pairwise(ends))
        calls.append(len(ends) - 1)
        parts = []
        for a, b in pairwise(ends):
            scores = torch.einsum("qaf,kaf->aqk", query[a:b], key[a:b]) / query.shape[2] ** 0.5
            parts.append(torch.einsum("aqk,kaf->qaf", scores.softmax(2), value[a:b]))
        return torch.cat(parts)

    model = _lively(replace(MINI, attention=kind))
    bucketed = answer_packed(model, *_inputs())
    monkeypatch.setattr(attention, "varlen_attn", written_out)
    monkeypatch.setattr(attention, "has_varlen", lambda x: True)
    _close(answer_packed(model, *_inputs()), bucketed)
    # Frames: 3 + 1 + 3 + 2 + 1. Columns: 6 + 16 + 6 + 6 + 16. Windows of 2 x 2 tokens: 2 + 4 + 2 + 2 + 4.
    assert calls == {"joint": [5, 5], "window": [10, 14], "factorised": [10, 50, 10, 50]}[kind]


def test_clips_of_equal_shape_need_no_stream() -> None:
    model = _lively(MINI)
    latents, t, text, mask = _inputs()
    same = [latents[1], latents[4]]
    rows = [1, 4]
    whole = model(torch.stack(same), t[rows], text[rows], mask[rows])
    assert all(map(torch.equal, answer_packed(model, same, t[rows], text[rows], mask[rows]), whole))


def test_an_empty_pack_is_refused() -> None:
    _, t, text, mask = _inputs()
    with pytest.raises(ValueError, match="expected at least one latent to pack, got none"):
        answer_packed(VideoDiT(MINI), [], t, text, mask)


def test_a_pack_without_a_row_for_each_clip_is_refused() -> None:
    latents, t, text, mask = _inputs()
    with pytest.raises(ValueError, match="expected one prompt for each of 5 latents, got 4"):
        answer_packed(VideoDiT(MINI), latents, t, text[:4], mask)
    with pytest.raises(ValueError, match="expected one given mask for each of 5 latents, got 1"):
        answer_packed(VideoDiT(MINI), latents, t, text, mask, given=[None])


def test_a_packed_latent_that_does_not_fit_the_patch_is_refused() -> None:
    latents, t, text, mask = _inputs()
    latents[3] = torch.zeros(12, 2, 5, 6)
    with pytest.raises(ValueError, match=r"multiples of \(1, 2, 2\), got \(1, 12, 2, 5, 6\)"):
        answer_packed(VideoDiT(MINI), latents, t, text, mask)
