"""A run's frozen parts: named by CID in the spec, by digest in the checkpoint, fetched by every node."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from federation.config import ModelSpec
from federation.frozen_parts import fetch_parts, model_config, put_parts
from model import parts
from model.config import ModelConfig
from model.presets import preset
from model.text.learned import ENCODER_PRESETS, ByteTransformer, save_encoder
from node.cid import parse
from node.errors import ConfigError
from node.folder_store import MemoryStore
from tests.support.random_codec import random_vae_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path))


def test_a_spec_without_parts_gives_the_preset_itself() -> None:
    assert model_config(MemoryStore(), ModelSpec()) == preset("nano")


def test_a_spec_names_its_parts_by_cid_and_the_configuration_by_digest() -> None:
    store, codec = MemoryStore(), random_vae_file()
    text = save_encoder(ByteTransformer(ENCODER_PRESETS["nano"]))
    spec = ModelSpec(codec=store.put(codec), text=store.put(text), attention="window")

    config = model_config(store, spec)
    fetch_parts(store, spec)

    assert (config.attention, config.codec.kind, config.text.kind) == ("window", "vae", "learned")
    assert config.codec.digest == hashlib.sha256(codec).hexdigest()
    assert config.text.width == ENCODER_PRESETS["nano"].width
    assert (parts.find(config.codec.digest), parts.find(config.text.digest)) == (codec, text)
    assert ModelConfig.from_json(config.to_json()) == config


def test_files_become_settings_of_the_spec_and_an_unreadable_one_is_named(tmp_path: Path) -> None:
    store, file = MemoryStore(), tmp_path / "codec"
    file.write_bytes(b"a codec")
    settings = put_parts(store, {"codec": file, "text": None})
    assert list(settings) == ["model.codec"]
    assert store.get(parse(settings["model.codec"])) == b"a codec"
    with pytest.raises(ConfigError, match=r"--text: expected a readable file, got .*nowhere"):
        put_parts(store, {"text": tmp_path / "nowhere"})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec(preset="huge"), "unknown preset 'huge'"),
        (ModelSpec(attention="blind"), "attention must be one of joint, factorised, window, got 'blind'"),
        (ModelSpec(codec="here"), "model.codec: expected a CID or nothing, got 'here'"),
        (ModelSpec(text="there"), "model.text: expected a CID or nothing, got 'there'"),
    ],
)
def test_settings_that_make_no_model_are_named(spec: ModelSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model_config(MemoryStore(), spec)


def test_a_file_of_another_kind_is_refused() -> None:
    store = MemoryStore()
    with pytest.raises(ConfigError, match="not a codec file"):
        model_config(store, ModelSpec(codec=store.put(b"a holiday picture")))
