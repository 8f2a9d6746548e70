from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model import parts
from model.config import TextConfig
from model.text import build_text_encoder
from model.text.hub_encoders import HubTextEncoder
from tests.support.tiny_hub import save_model

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
