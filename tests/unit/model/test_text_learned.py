from __future__ import annotations

import numpy as np
import pytest
import torch

from model import parts
from model.config import TextConfig
from model.data.worlds.words import caption, read_caption
from model.text import ByteWordEncoder, EncodedText, build_text_encoder, encoder_training
from model.text.blocks import initialise
from model.text.byte_grid import byte_grid
from model.text.encoder_probe import probe_slots
from model.text.encoder_training import train_encoder
from model.text.fit import FitPlan, fit
from model.text.learned import ENCODER_PRESETS, ByteTransformer, LearnedTextEncoder, load_encoder, save_encoder
from model.text.slots import LAW_SLOTS, random_slots
from model.text.wordings import reworded

NANO = ENCODER_PRESETS["nano"]


@pytest.fixture(scope="module")
def module() -> ByteTransformer:
    network = ByteTransformer(NANO)
    initialise(network, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    return network


def _encode(module: ByteTransformer, *prompts: str) -> EncodedText:
    return LearnedTextEncoder(module, max_tokens=8).encode(prompts)


def test_the_base_preset_has_about_five_million_parameters() -> None:
    assert sum(p.numel() for p in ByteTransformer(ENCODER_PRESETS["base"]).parameters()) == 5_008_704


def test_a_row_a_word_and_long_words_go_on_in_the_next_row() -> None:
    grid = byte_grid(["Red, counterclockwise!"], 5)
    rows = [bytes(int(code) for code in row if code) for row in grid[0, 1:]]
    assert rows == [b"red", b"counterclock", b"wise", b""]


def test_the_empty_prompt_has_one_token_and_tokens_do_not_depend_on_the_batch(module: ByteTransformer) -> None:
    encoded = _encode(module, "a red ball moves left", "", "红 球")
    assert encoded.mask.sum(1).tolist() == [6, 1, 3]
    assert not encoded.tokens[~encoded.mask].any()
    np.testing.assert_allclose(_encode(module, "").tokens[0], encoded.tokens[1], atol=1e-5)
    np.testing.assert_allclose((encoded.tokens[encoded.mask] ** 2).mean(1), 1, atol=0.02)


def test_no_prompts_are_no_rows(module: ByteTransformer) -> None:
    assert _encode(module).tokens.shape == (0, 8, 64)


def test_spelling_and_order_change_what_is_said(module: ByteTransformer) -> None:
    tokens = _encode(module, "red ball", "red wall", "ball red").tokens
    assert not np.allclose(tokens[0, 2], tokens[1, 2], atol=1e-2)
    assert not np.allclose(tokens[0, 1], tokens[2, 2], atol=1e-2)


def test_a_configuration_finds_the_encoder_by_the_digest_of_its_file(
    module: ByteTransformer, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))
    digest = parts.keep(save_encoder(module))
    encoder = build_text_encoder(TextConfig(kind="learned", width=64, max_tokens=8, digest=digest))
    assert np.array_equal(encoder.encode(["a red ball"]).tokens, _encode(module, "a red ball").tokens)
    with pytest.raises(ValueError, match="text width is 128, this encoder's is 64"):
        build_text_encoder(TextConfig(kind="learned", width=128, max_tokens=8, digest=digest))
    with pytest.raises(parts.PartMissing):
        build_text_encoder(TextConfig(kind="learned", width=64, max_tokens=8, digest="0" * 64))


def test_another_kind_of_file_and_weights_that_are_not_finite_are_refused(module: ByteTransformer) -> None:
    from model.tensorfile import encode

    with pytest.raises(ValueError, match="expected a file of format tenwings-text-encoder/1, got other"):
        load_encoder(encode({}, {"format": "other"}), width=64, max_tokens=8)
    broken = ByteTransformer(NANO)
    broken.load_state_dict(module.state_dict() | {"byte.weight": torch.full_like(module.byte.weight, torch.nan)})
    with pytest.raises(ValueError, match=r"'byte.weight' must hold finite float32"):
        load_encoder(save_encoder(broken), width=64, max_tokens=8)


def test_training_is_the_same_twice_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_training, "BATCH", 8)
    plan = FitPlan(num_steps=6, learning_rate=3e-3, seed=4)
    (first, fitted), (second, _) = (train_encoder(NANO, plan, texts=["a grey rabbit"]) for _ in range(2))
    assert save_encoder(first) == save_encoder(second)
    assert fitted.losses[-1] < fitted.losses[0]


def test_training_that_diverges_stops_and_keeps_the_last_good_weights() -> None:
    network = torch.nn.Linear(2, 1)
    before = network.weight.detach().clone()
    losses = iter([1.0, float("nan"), 1.0])
    done = fit(network, lambda _: network.weight.sum() * next(losses), FitPlan(num_steps=3))
    assert done.diverged
    assert len(done.losses) == 1
    assert torch.equal(network.weight, before)


def test_the_probe_reads_what_a_bag_of_words_tells() -> None:
    scores = probe_slots(ByteWordEncoder(width=128), seed=0, num_train=400, num_test=120)
    assert set(scores) == {"in distribution", "new combinations", "new wordings"}
    assert scores["in distribution"]["law"] > 0.9
    assert scores["in distribution"]["count"] > 0.9


def test_random_slots_make_sentences_that_are_read_back_and_stay_in_their_part() -> None:
    rng = np.random.Generator(np.random.Philox(5))
    for combinations in ("train", "new"):
        for _ in range(40):
            slots = random_slots(rng, combinations=combinations)
            assert tuple(slots) == LAW_SLOTS[slots["law"]]
            assert read_caption(caption(slots)) == slots
            assert "{" not in reworded(slots, rng) + reworded(slots, rng, wordings="new")


def test_given_slots_stay_and_choose_a_law_that_has_them() -> None:
    rng = np.random.Generator(np.random.Philox(6))
    drawn = [random_slots(rng, given={"colour": "red", "wall": "floor"}) for _ in range(20)]
    assert {slots["colour"] for slots in drawn} == {"red"}
    assert {slots["law"] for slots in drawn} == {"bounce", "gravity"}
    with pytest.raises(ValueError, match="no sentence of counting has a place for"):
        random_slots(rng, given={"law": "counting", "wall": "floor"})
    with pytest.raises(ValueError, match="expected slot 'colour' to be one of: red"):
        random_slots(rng, given={"colour": "pink"})
