"""Training on the latents of a dataset folder: the clips' own numbers, and no codec at hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model import parts
from model.checkpoint import initial
from model.codec import build_codec
from model.codec.learned import VaeCodec
from model.data.ingest import IngestSettings, ingest
from model.data.latents import prepare_folder
from model.presets import preset
from model.text import build_text_encoder
from model.training.feed import Feed
from model.training.plan import FitPlan
from model.training.runs import feed_of
from model.training.sources import FolderSource, PreparedSource
from model.training.trainer import Trainer
from tests.support.films import sliding, write_film
from tests.support.random_codec import random_vae_file

CODEC_FILE = random_vae_file()
CONFIG = replace(
    preset("nano"), preset="custom", width=24, num_layers=1, num_heads=2, codec=VaeCodec.from_bytes(CODEC_FILE).config
)
PLAN = FitPlan(num_steps=2, seed=3, batch_size=2, tasks=(("unconditional", 1.0), ("predict", 1.0)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "parts"))
    parts.keep(CODEC_FILE)
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "one.mp4", sliding(23, seed=0))
    settings = IngestSettings(num_frames=5, sizes=((32, 32),), max_hash_distance=-1)
    ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=settings)
    prepare_folder(tmp_path / "out", build_codec(CONFIG.codec), build_text_encoder(CONFIG.text))
    return tmp_path / "out"


def test_training_on_latents_makes_the_same_steps_as_on_clips_and_needs_no_codec(folder: Path) -> None:
    clips = Trainer(initial(CONFIG, 0), PLAN, Feed(sources=[FolderSource(folder)]))
    expected = [clips.step().loss for _ in range(2)]

    shutil.rmtree(parts.folder())
    latents = Trainer(initial(CONFIG, 0), PLAN, Feed(sources=[PreparedSource(folder, CONFIG)]))

    assert [latents.step().loss for _ in range(2)] == pytest.approx(expected, rel=1e-5)


def test_a_mask_that_needs_frames_says_so(folder: Path) -> None:
    plan = replace(PLAN, tasks=(("backward", 1.0),))
    trainer = Trainer(initial(CONFIG, 0), plan, Feed(sources=[PreparedSource(folder, CONFIG)]))
    with pytest.raises(ValueError, match="tasks backward need the clips' frames"):
        trainer.step()


def test_a_folder_without_the_configurations_latents_names_the_command(folder: Path) -> None:
    with pytest.raises(ValueError, match="tenwings data prepare"):
        PreparedSource(folder, preset("nano"))


def test_the_worlds_have_no_prepared_latents(folder: Path) -> None:
    source = PreparedSource(folder, CONFIG)
    with pytest.raises(ValueError, match="only a dataset folder holds prepared latents"):
        feed_of("worlds", source.shape, seed=0, prepared_for=CONFIG)
