"""The frozen codec and text encoder of a run: files on IPFS that the run spec names and every node fetches.

Without them clients would train different problems, so a spec names the files by CID and a checkpoint's configuration
names them by digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from federation.config import ModelSpec
from model import parts
from model.config import ModelConfig
from model.presets import preset
from node.cid import parse
from node.errors import ConfigError
from node.ports import ContentStore
from node.records.content import Cid


def fetch_parts(store: ContentStore, spec: ModelSpec) -> None:
    """Put the run's parts where `model.parts` finds them."""
    for cid in part_cids(spec):
        parts.keep(store.get(cid))


def put_parts(store: ContentStore, files: Mapping[str, Path | None]) -> dict[str, str]:
    """Put part files on IPFS; return the settings of the run spec that name them, `model.codec` and `model.text`.

    Raises ConfigError for a file that cannot be read.
    """
    settings = {}
    for name, path in files.items():
        if path:
            try:
                settings[f"model.{name}"] = str(store.put(path.read_bytes()))
            except OSError as error:
                raise ConfigError(f"--{name}: expected a readable file, got {path} ({error})") from error
    return settings


def part_cids(spec: ModelSpec) -> list[Cid]:
    """The CIDs of a run's parts; none for embedded ones. Raises ConfigError for a text that is no CID."""
    return [_cid(f"model.{name}", text) for name, text in (("codec", spec.codec), ("text", spec.text)) if text]


def model_config(store: ContentStore, spec: ModelSpec) -> ModelConfig:
    """The configuration of a run's checkpoints. Raises ConfigError for settings that make none."""
    try:
        config = replace(preset(spec.preset), attention=spec.attention)
        if spec.codec:
            from model.codec import VaeCodec

            config = replace(config, codec=VaeCodec.from_bytes(store.get(_cid("model.codec", spec.codec))).config)
        if spec.text:
            from model.text.learned import text_config

            config = replace(config, text=text_config(store.get(_cid("model.text", spec.text))))
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    return config


def _cid(where: str, text: str) -> Cid:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"{where}: expected a CID or nothing, got {text!r}: {error}") from error
