"""The Croissant manifest of a dataset folder, held against the reference library."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image

from model.data.ingest import IngestSettings, ingest
from model.data.samples import frames_from_bytes
from tests.support.films import sliding, write_film

mlcroissant = pytest.importorskip("mlcroissant")
pytestmark = pytest.mark.filterwarnings(  # the library leaves files open
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "a.mp4", sliding(11, seed=1))
    write_film(films / "b.mp4", sliding(6, seed=2))
    (films / "b.txt").write_text("a wall")
    Image.fromarray(sliding(1, seed=3)[0]).save(films / "still.png")
    settings = IngestSettings(num_frames=5, sizes=((32, 32),), max_hash_distance=-1, clips_per_shard=2)
    ingest(films, tmp_path / "out", licence="CC-BY-4.0", attribution="Ada", settings=settings)
    return tmp_path / "out"


def test_the_reference_library_finds_no_error_and_reads_every_clip(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etils import epath
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "cache"))
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    records = list(dataset.records(record_set="clips"))

    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.ctx.is_v0() is False
    assert sorted(record["clips/source"].decode() for record in records) == ["a.mp4", "a.mp4", "b.mp4", "still.png"]
    assert {record["clips/caption"].decode() for record in records if record["clips/source"] == b"b.mp4"} == {"a wall"}
    assert {record["clips/licence"] for record in records} == {b"CC-BY-4.0"}
    assert {record["clips/fps"] for record in records} == {8.0}
    frames = list(dataset.records(record_set="frames"))
    assert {record["frames/key"] for record in frames} == {record["clips/key"] for record in records}
    assert {frames_from_bytes(record["frames/content"], "npy").shape for record in frames} == {
        (5, 32, 32, 3), (1, 32, 32, 3)
    }  # fmt: skip


def test_it_names_licence_attribution_and_every_shard_with_its_digest(folder: Path) -> None:
    described = json.loads((folder / "croissant.json").read_text())
    manifest = json.loads((folder / "dataset.json").read_text())
    files = [item for item in described["distribution"] if item["@type"] == "cr:FileObject"]

    listed = [{"file": "clips.jsonl", "sha256": hashlib.sha256((folder / "clips.jsonl").read_bytes()).hexdigest()}]
    assert described["license"] == "https://spdx.org/licenses/CC-BY-4.0"
    assert described["creditText"] == "Ada"
    assert [(f["contentUrl"], f["sha256"]) for f in files] == [
        (s["file"], s["sha256"]) for s in [*listed, *manifest["shards"]]
    ]
    assert len(files) == 4
