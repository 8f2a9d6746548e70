from __future__ import annotations

from dataclasses import replace

import pytest

from model.config import CodecConfig, TextConfig
from model.presets import PRESETS, preset
from model.shapes import num_parameters

EXACT = {
    "nano": 1_832_000,
    "tiny": 9_174_464,
    "S": 29_903_424,
    "B": 118_785_984,
    "L": 412_298_432,
    "XL": 606_633_280,
    "2B": 1_915_224_256,
    "5B": 4_911_422_656,
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_exactly_these_parameters(name: str) -> None:
    config = preset(name)
    width, head = config.width, config.width // config.num_heads
    # Attention 4, cross-attention 4 and MLP 8 squares; table 6, biases 1 + 1 + 4 + 1 widths; four norms of a head.
    block = 16 * width**2 + 13 * width + 4 * head
    # text_in 1, time_in 1 and modulation 6 squares; patch 192 (twice), text 256 and time 256 features; 11 biases and
    # the last table's 2; the 192 biases of a patch.
    around = 8 * width**2 + (2 * 192 + 256 + 256 + 11 + 2) * width + 192
    assert num_parameters(config) == config.num_layers * block + around == EXACT[name]


@pytest.mark.parametrize(("name", "millions"), [("L", 416.0), ("XL", 610.8), ("2B", 1922.6), ("5B", 4922.4)])
def test_the_large_presets_reach_their_advertised_size_with_a_large_text_encoder(name: str, millions: float) -> None:
    """T5-XXL is 4096 wide; a video VAE has 16 channels. The embedded encoder is 256 wide."""
    digest = "0" * 64
    codec = CodecConfig(kind="vae", factor=8, time_factor=4, latent_channels=16, digest=digest)
    config = replace(preset(name), text=TextConfig(kind="t5", width=4096, digest=digest), codec=codec)
    assert round(num_parameters(config) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("name", "percent"), [("nano", 26.8), ("tiny", 30.0), ("B", 32.8), ("L", 35.1), ("2B", 35.5), ("5B", 35.7)]
)
def test_adaln_zero_makes_the_payload_of_a_large_model_36_percent_larger(name: str, percent: float) -> None:
    """A projection to 6 widths a block (6 squares on 16) in place of one for all and a table a block."""
    single = preset(name)
    more = num_parameters(replace(single, modulation="zero")) - num_parameters(single)
    assert more == (single.num_layers - 1) * 6 * single.width**2 - 6 * single.width
    assert round(100 * more / EXACT[name], 1) == percent


@pytest.mark.parametrize("name", PRESETS)
def test_time_attention_adds_its_own_tensors_and_window_attention_none(name: str) -> None:
    joint = preset(name)
    width, head = joint.width, joint.head_width
    assert num_parameters(replace(joint, attention="window")) == EXACT[name]
    # qkv, out and its bias, two norms, a table's three rows; three more rows of the shared projection.
    more = joint.num_layers * (4 * width**2 + width + 2 * head + 3 * width) + 3 * width**2 + 3 * width
    assert num_parameters(replace(joint, attention="factorised")) == EXACT[name] + more
