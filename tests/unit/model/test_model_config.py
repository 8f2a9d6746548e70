from __future__ import annotations

import math
from dataclasses import replace

import pytest

from model.config import CodecConfig, ModelConfig, ObjectiveConfig, TextConfig
from model.presets import PRESETS, preset
from model.shapes import num_parameters, tensor_shapes


def test_nano_has_the_parameters_that_its_layers_add_up_to() -> None:
    width, hidden, patch, text, time = 128, 512, 192, 256, 256
    block = (
        6 * width
        + (width * 3 * width + width * width + width)  # attention
        + (width * width + width * 2 * width + width * width + width)  # cross-attention
        + 4 * 64  # query and key norms
        + (width * hidden + hidden + hidden * width + width)  # MLP
    )
    around = (
        (patch * width + width)
        + (text * width + width + width * width + width)
        + (time * width + width + width * width + width)
        + (width * 6 * width + 6 * width)
        + (2 * width + width * patch + patch)
    )
    assert num_parameters(preset("nano")) == 6 * block + around == 1_832_000


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("nano", 1.84),
        ("tiny", 9.2),
        ("S", 29.9),
        ("B", 119),
        ("L", 416),
        ("XL", 611),
        ("2B", 1920),
        ("5B", 4920),
    ],
)
def test_a_preset_has_about_the_advertised_number_of_parameters(name: str, millions: float) -> None:
    assert num_parameters(preset(name)) / 1e6 == pytest.approx(millions, rel=0.01)


def test_an_unknown_preset_is_refused_with_the_known_ones_listed() -> None:
    with pytest.raises(ValueError, match=r"'huge'.*nano, tiny, S, B, L, XL, 2B, 5B"):
        preset("huge")


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_its_own_json(name: str) -> None:
    config = preset(name)
    assert ModelConfig.from_json(config.to_json()) == config


def test_any_change_of_configuration_changes_the_digest() -> None:
    config = preset("nano")
    others = [
        replace(config, num_layers=7),
        replace(config, codec=CodecConfig(factor=2)),
        replace(config, objective=ObjectiveConfig(shift=2.0)),
        replace(config, text=TextConfig(max_tokens=12)),
    ]
    assert len({config.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"preset":"nano","width":128}', '{"patch":[1,2,2],"alien":1}'])
def test_json_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a model configuration"):
        ModelConfig.from_json(text)


def test_patch_features_follow_codec_and_patch() -> None:
    config = replace(preset("nano"), codec=CodecConfig(factor=2), patch=(2, 4, 4))
    assert config.patch_features == 3 * 2 * 2 * 2 * 4 * 4
    assert tensor_shapes(config)["patch_in.weight"] == (128, config.patch_features)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 130, "multiple of num_heads"),
        ("num_layers", 0, "num_layers must be an integer from 1 to 65536, got 0"),
        ("patch", (1, 0, 2), "three positive integers"),
        ("rope_base", math.inf, "rope_base"),
    ],
)
def test_an_impossible_size_is_refused(field: str, value: object, message: str) -> None:
    config = replace(preset("nano"), num_heads=4)
    with pytest.raises(ValueError, match=message):
        replace(config, **{field: value})


@pytest.mark.parametrize(
    "options",
    [
        {"shift": 0.0},
        {"shift": math.nan},
        {"min_t": 1.0},
        {"text_drop": 1.0},
        {"prediction": "x"},
        {"noise_schedule": "x"},
        {"shift_tokens": -1},
    ],
)
def test_an_impossible_objective_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        ObjectiveConfig(**options)  # type: ignore[arg-type]
