from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model import parts
from model.config import TextConfig
from model.text import build_text_encoder
from model.text.captioners import build_captioner
from model.text.expander import expand
from model.text.expander_hub import HubWriter
from model.text.hub_encoders import HubTextEncoder
from model.text.prompt import lacks
from tests.support.tiny_hub import WORDS, save_blip, save_llava, save_model, save_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.mark.parametrize("name", ["t5", "umt5", "clip", "llm"])
def test_a_model_from_a_folder_gives_masked_tokens_that_do_not_depend_on_the_rest_of_the_batch(
    name: str, tmp_path: Path
) -> None:
    save_model(tmp_path, name)
    encoder = HubTextEncoder(name.removeprefix("um"), tmp_path, width=16, max_tokens=6)
    encoded = encoder.encode(["a red ball", "", "a red ball moves left on a white background"])
    ends = name != "llm"
    assert encoded.mask.sum(1).tolist() == [3 + ends, 1, 6]
    assert not encoded.tokens[~encoded.mask].any()
    assert np.abs(encoded.tokens[encoded.mask]).sum(1).min() > 0
    np.testing.assert_allclose(encoder.encode(["a red ball"]).tokens[0], encoded.tokens[0], atol=1e-5)


def test_a_configuration_finds_the_folder_by_its_digest_and_remembers_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "parts"))
    save_model(tmp_path / "model", "t5")
    digest = parts.keep_folder(tmp_path / "model")
    config = TextConfig(kind="t5", width=16, max_tokens=8, digest=digest)
    first = build_text_encoder(config).encode(["a blue square"])
    monkeypatch.setattr(HubTextEncoder, "encode", None)
    again = build_text_encoder(config).encode(["a blue square"])
    assert np.array_equal(first.tokens, again.tokens)
    assert len(list((parts.folder() / "embeddings").rglob("*/*/*"))) == 1


def test_another_width_a_short_model_and_a_folder_without_weights_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "clip")
    with pytest.raises(ValueError, match="text width is 24, the model's is 16"):
        HubTextEncoder("clip", tmp_path, width=24, max_tokens=8).encode(["a"])
    with pytest.raises(ValueError, match="reads 64 tokens at most, the run asks for 65"):
        HubTextEncoder("clip", tmp_path, width=16, max_tokens=65).encode(["a"])
    with pytest.raises(ValueError, match="expected a model of type t5"):
        HubTextEncoder("t5", tmp_path, width=16, max_tokens=8).encode(["a"])
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="cannot be opened as a CLIP text model"):
        HubTextEncoder("clip", tmp_path, width=16, max_tokens=8).encode(["a"])


def test_weights_that_the_file_lacks_are_not_drawn_at_random(tmp_path: Path) -> None:
    save_model(tmp_path, "clip")
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with pytest.raises(ValueError, match="lacks tensors of a CLIP text model"):
        HubTextEncoder("clip", tmp_path, width=16, max_tokens=8).encode(["a"])


def test_the_digest_names_weights_and_length(tmp_path: Path) -> None:
    for seed in (0, 1):
        save_model(tmp_path / str(seed), "clip", seed=seed)
    made = [(0, 8), (1, 8), (0, 9)]
    assert len({HubTextEncoder("clip", tmp_path / str(s), width=16, max_tokens=n).digest for s, n in made}) == 3


@pytest.mark.parametrize("save", [save_blip, save_llava])
def test_a_vision_language_model_from_a_folder_writes_a_caption(save: Callable[[Path], None], tmp_path: Path) -> None:
    save(tmp_path)
    frames = np.random.Generator(np.random.Philox(1)).integers(0, 256, (6, 20, 24, 3)).astype(np.uint8)
    first, again = (build_captioner("vlm", tmp_path).caption(frames) for _ in range(2))
    assert set(first.text.split()) <= set(WORDS)
    assert first == again


def test_a_folder_without_a_processor_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "clip")
    with pytest.raises(ValueError, match="expected the files of an image and text processor"):
        build_captioner("vlm", tmp_path).caption(np.zeros((2, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("chats", [False, True])
def test_a_language_model_from_a_folder_proposes_and_is_held_to_the_prompt(chats: bool, tmp_path: Path) -> None:
    save_model(tmp_path, "llm")
    if chats:
        tokenizer = save_tokenizer(tmp_path, end=None)
        tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        tokenizer.save_pretrained(tmp_path)
    writer = HubWriter(tmp_path, max_new_tokens=6)
    proposed = [writer.propose("a red ball", seed) for seed in (1, 1, 2)]
    assert proposed[0] == proposed[1] != proposed[2]
    assert set(proposed[0].split()) <= set(WORDS)
    found = expand("a red ball", writer, seed=1)
    assert lacks("a red ball", found.text) == []
    assert (found.writer == "llm") == (found.rejected < 4)
