"""An ingested folder as a run's dataset, and the verbs `data add DIR` and `data info`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import CliRunner, Result

from federation.ingested import FolderPlan, publish, split_by_source
from federation.verbs import data as data_verbs
from model.data.folder import DatasetFolder
from model.data.ingest import IngestSettings, ingest
from model.data.shards import unpack
from node import cid as cids
from node.errors import ConfigError
from node.folder_store import MemoryStore
from node.records.artifacts import ArtifactKind
from node.records.datasets import DatasetManifest, shards_of
from tests.support.desk import desk_of
from tests.support.films import sliding, write_film
from tests.support.played import Played
from tests.support.tiny import identity

SETTINGS = IngestSettings(num_frames=4, sizes=((32, 32),), max_hash_distance=-1)
OPTIONS = ("--frames", "4", "--size", "32x32", "--duplicates", "-1", "--licence", "cc-by-4.0")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for seed in range(4):
        write_film(folder / f"{seed}.mp4", sliding(24 if seed else 40, seed=seed, pixels=1))
    (folder / "broken.mp4").write_text("no film")
    return folder


@pytest.fixture(scope="module")
def dataset(films: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    out = tmp_path_factory.mktemp("dataset")
    return ingest(films, out, licence="CC-BY-4.0", attribution="Ada", settings=SETTINGS)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    data_verbs.add_verbs(app)
    return CliRunner().invoke(typer.main.get_command(app), ["data", *arguments])


# splits


def test_no_source_file_is_in_two_splits_and_every_clip_is_in_one() -> None:
    sources = {"a": list(range(50)), "b": list(range(50, 60)), "c": [60, 61, 62, 63, 64], "d": [65, 66, 67, 68, 69]}
    splits = split_by_source(sources, seed=0)

    assert splits["train"] == [*range(50)]
    assert sorted(splits["score"] + splits["heldout"]) == [*range(50, 70)]
    assert {len(splits["score"]), len(splits["heldout"])} == {10}


def test_the_seed_decides_between_sources_of_one_size() -> None:
    sources = {name: list(range(i * 10, i * 10 + 10)) for i, name in enumerate("abcdefgh")}

    assert split_by_source(sources, seed=0) == split_by_source(sources, seed=0)
    assert any(split_by_source(sources, seed=seed) != split_by_source(sources, seed=0) for seed in range(1, 5))


@pytest.mark.parametrize("sources", [{"a": [*range(90)]}, {"a": [*range(90)], "b": [90, 91], "c": [92, 93]}])
def test_too_few_sources_or_clips_are_named_with_the_way_out(sources: dict[str, list[int]]) -> None:
    with pytest.raises(ConfigError, match=r"at least 4 clips for each of train, score, heldout.*add files"):
        split_by_source(sources, seed=0)


def test_a_plan_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_train_shards: expected at least 1, got 0"):
        FolderPlan(num_train_shards=0)


# publishing


def test_every_shard_is_on_ipfs_and_the_manifest_names_licence_and_authors(dataset: DatasetFolder) -> None:
    store, told = MemoryStore(), []
    cid, manifest = publish(store, dataset, FolderPlan(num_train_shards=2), told.append)

    assert DatasetManifest.from_bytes(store.get(cid)) == manifest
    assert (manifest.licence, manifest.attribution) == ("CC-BY-4.0", "Ada, CC-BY-4.0")
    assert manifest.clip_shape == (4, 32, 32)
    assert [(s.split, s.num_clips) for s in manifest.shards] == [
        ("train", 8), ("train", 8), ("score", 6), ("heldout", 6)
    ]  # fmt: skip
    assert told[0].startswith("train: 8 clips")
    for shard in manifest.shards:
        clips = unpack(store.get(shard.cid))
        assert clips.frames.shape == (shard.num_clips, 4, 32, 32, 3)


def test_equal_folders_give_an_equal_cid(dataset: DatasetFolder, films: Path, tmp_path: Path) -> None:
    again = ingest(films, tmp_path / "again", licence="CC-BY-4.0", attribution="Ada", settings=SETTINGS)
    plan = FolderPlan()

    first, _ = publish(MemoryStore(), dataset, plan, lambda text: None)
    second, manifest = publish(MemoryStore(), again, plan, lambda text: None)
    assert manifest.name == dataset.manifest["name"]
    assert first == second


# the verbs


def test_the_verb_writes_a_folder_and_names_what_it_refused(films: Path, tmp_path: Path) -> None:
    result = run("add", str(films), *OPTIONS, "--out", str(tmp_path / "out"))

    assert result.exit_code == 0, result.output
    assert "28 clips" in result.output
    assert "refused broken.mp4: cannot be decoded" in result.output
    assert len(DatasetFolder(tmp_path / "out").shards) == 1


def test_with_a_member_the_verb_registers_the_dataset_on_chain(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = Played()
    desk = desk_of(identity("alice"), played.ledger, played.store)
    monkeypatch.setattr(data_verbs, "open_desk", lambda home, name: desk)
    result = run("add", str(films), *OPTIONS, "--out", str(tmp_path / "out"), "--as", "alice", "--json")
    found = json.loads(result.output)

    assert result.exit_code == 0
    assert found["clips"] == {"4x32x32": 28}
    assert found["refused"] == {"broken.mp4": "cannot be decoded: Invalid data found when processing input"}
    artifact = played.ledger.artifact(cids.digest(found["dataset"]))
    assert artifact is not None
    assert (artifact.kind, artifact.licence) == (ArtifactKind.DATASET, "CC-BY-4.0")
    manifest = DatasetManifest.from_bytes(played.store.get(found["dataset"]))
    assert len(shards_of(manifest, "train")) == 3


def test_the_folder_is_shown_with_its_sources_and_scores(dataset: DatasetFolder) -> None:
    result = run("info", str(dataset.path))

    assert result.exit_code == 0
    for words in ("28 clips", "licence CC-BY-4.0", "refused broken.mp4", "0.mp4", "sharpness"):
        assert words in result.output
    assert json.loads(run("info", str(dataset.path), "--json").output)["clips"] == {"4x32x32": 28}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected a folder of films and images, or --as MEMBER"),
        (("FILMS",), "expected --licence with the SPDX identifier"),
        (("FILMS", "--licence", "CC-BY"), "no SPDX licence identifier; near ones are CC-BY-"),
        (("FILMS", "--licence", "MIT", "--size", "64"), "--size: expected HEIGHTxWIDTH"),
        (("FILMS", "--licence", "MIT", "--fps", "0"), "fps must be above 0"),
        (("nowhere", "--licence", "MIT"), "expected a folder of films and images, got nowhere"),
        (("--as", "alice", "--licence", "MIT"), "--licence and --out go with a folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("add", *(str(films) if a == "FILMS" else a for a in arguments))

    assert result.exit_code == 2
    assert words in result.output
    assert not list(tmp_path.iterdir())


def test_a_folder_of_which_nothing_can_be_used_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_text("no film")
    result = run("add", str(tmp_path / "films"), "--licence", "MIT", "--out", str(tmp_path / "out"))

    assert result.exit_code == 2
    assert "no file gave a clip; a.mp4: cannot be decoded" in result.output


def test_latents_are_computed_by_a_verb_and_kept_under_their_digests(films: Path, tmp_path: Path) -> None:
    run("add", str(films), *OPTIONS, "--out", str(tmp_path / "out"))
    result = run("prepare", str(tmp_path / "out"), "--preset", "nano", "--json")
    found = json.loads(result.output)

    assert result.exit_code == 0
    assert Path(found["latents"]).name.startswith("latents-")
    assert len(list(Path(found["latents"]).glob("*.npy"))) == 1
    assert len(list(Path(found["text"]).glob("*.npy"))) == 2
