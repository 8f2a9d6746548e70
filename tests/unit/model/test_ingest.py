"""Ingestion: scenes into clips, filters, duplicates, captions, refusals, and a rerun that ends with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from model.data.folder import ClipReader, DatasetFolder, shape_name
from model.data.footage import footage_path
from model.data.ingest import IngestSettings, NothingTaken, Progress, buckets, ingest
from model.data.ingest import pipeline as pipeline_module
from model.data.ingest.captions import read_notes
from model.data.ingest.films import read_film
from model.data.ingest.hashes import SeenHashes, key_hashes
from model.data.ingest.picture import ArrayPicture
from model.data.ingest.scan import Refused
from model.data.ingest.scenes import mark_scenes
from model.data.ingest.windows import windows
from model.data.licences import licence_id, licence_of_all
from tests.support.films import sliding, write_film

SMALL = IngestSettings(num_frames=5, sizes=((32, 32),))
NO_NEIGHBOURS = IngestSettings(num_frames=5, sizes=((32, 32),), max_hash_distance=-1)


def taken(dataset: DatasetFolder) -> list[dict[str, Any]]:
    reader = ClipReader(dataset, dataset.shards)
    return [reader.facts(index) for index in range(len(reader))]


def outcome(dataset: DatasetFolder, name: str) -> dict[str, int]:
    source = next(s for s in dataset.manifest["sources"] if s["name"] == name)
    return {"clips": source["num_clips"], **source["rejected"]}


def everything(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and ".work" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


# scenes and windows


def test_a_scene_begins_where_the_picture_changes(tmp_path: Path) -> None:
    frames = np.concatenate([sliding(9, seed=1, pixels=1), sliding(11, seed=2, pixels=1)])
    path = write_film(tmp_path / "a.mp4", frames)

    for cuts, expected in (("adaptive", [0, 9]), ("content", [0, 9]), ("none", [0])):
        marked = list(mark_scenes(read_film(path), cuts))
        assert [i for i, item in enumerate(marked) if item.opens_scene] == expected
        assert len(marked) == 20


def test_no_clip_holds_two_scenes_and_what_is_left_of_a_scene_is_dropped(tmp_path: Path) -> None:
    frames = np.concatenate([sliding(9, seed=1, pixels=1), sliding(11, seed=2, pixels=1)])
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "a.mp4", frames)
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=NO_NEIGHBOURS)

    spans = [(facts["start_seconds"], facts["end_seconds"]) for facts in taken(dataset)]
    assert spans == [(0.0, 0.625), (1.125, 1.75), (1.75, 2.375)]


def test_an_endless_film_gives_its_clips_while_it_runs() -> None:
    endless = (ArrayPicture(frame, i / 8) for i, frame in enumerate(cycle(sliding(40, seed=1, pixels=1))))
    found = windows(mark_scenes(endless, "none"), SMALL)

    assert [(w.start, w.end) for w in islice(found, 2)] == [(0.0, 0.625), (0.625, 1.25)]


def test_a_film_of_another_rate_is_resampled_by_its_time_stamps(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    levels = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8) * 5
    write_film(tmp_path / "films" / "a.mkv", levels, fps=25, codec="ffv1", layout="bgr0")
    plain = IngestSettings(
        num_frames=5,
        sizes=((32, 32),),
        cuts="none",
        min_motion=0,
        min_sharpness=0,
        min_contrast=0,
        max_hash_distance=-1,
    )
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=plain)
    clip = ClipReader(dataset, dataset.shards).sample(0)

    assert [int(frame[0, 0, 0]) for frame in clip.frames] == [0, 15, 30, 45, 60]  # 0, 0.125, ... s at 25 a second
    assert len(taken(dataset)) == 3


# filters


@pytest.mark.parametrize(
    ("name", "frames", "fps"),
    [
        ("flat", np.full((10, 72, 96, 3), 9, np.uint8), 8),
        ("static", np.repeat(sliding(1, seed=1), 10, axis=0), 8),
        ("blurred", np.stack([cv2.GaussianBlur(f, (0, 0), 9) for f in sliding(10, seed=1)]), 8),
        ("jerky", sliding(10, seed=1), 4),
    ],
)
def test_a_bad_clip_is_turned_away_with_its_reason(tmp_path: Path, name: str, frames: Any, fps: int) -> None:
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "bad.mp4", frames, fps=fps)
    write_film(tmp_path / "films" / "good.mp4", sliding(6, seed=3))
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=NO_NEIGHBOURS)

    bad = outcome(dataset, "bad.mp4")
    assert bad.pop("clips") == 0
    assert list(bad) == [name]
    assert outcome(dataset, "good.mp4") == {"clips": 1}


def test_what_moves_too_fast_is_turned_away(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", sliding(6, seed=1, pixels=4))
    settings = IngestSettings(num_frames=5, sizes=((32, 32),), max_motion=0.3)

    with pytest.raises(NothingTaken, match=r"a\.mp4: 1 too fast"):
        ingest(tmp_path, tmp_path / "out", licence="CC0-1.0", settings=settings)


def test_the_same_film_in_another_container_and_quality_is_a_duplicate(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    frames = sliding(6, seed=1)
    write_film(tmp_path / "films" / "a.mp4", frames)
    write_film(tmp_path / "films" / "b.webm", frames, codec="libvpx-vp9")
    write_film(tmp_path / "films" / "c.mp4", sliding(6, seed=2))
    (tmp_path / "films" / "d.mp4").write_bytes((tmp_path / "films" / "c.mp4").read_bytes())
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=SMALL)

    assert outcome(dataset, "a.mp4") == {"clips": 1}
    assert outcome(dataset, "b.webm") == {"clips": 0, "duplicate": 1}
    assert outcome(dataset, "c.mp4") == {"clips": 1}
    assert dataset.manifest["refused"] == {"d.mp4": "the same content as c.mp4"}


def test_hashes_are_found_by_their_distance_as_by_comparing_all() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    seen, codes = SeenHashes(3), []
    for index in range(300):
        code = [int(rng.integers(0, 2**63)) for _ in range(3)]
        if codes and index % 2:
            code = list(codes[int(rng.integers(len(codes)))])
            for bit in rng.choice(192, size=int(rng.integers(1, 20)), replace=False):
                code[bit // 64] ^= 1 << int(bit % 64)
        near = [c for c in codes if sum((a ^ b).bit_count() for a, b in zip(c, code, strict=True)) <= 9]
        assert (seen.match(str(index), code) is not None) == bool(near)
        if not near:
            codes.append(tuple(code))


def test_a_still_is_never_the_duplicate_of_a_film() -> None:
    thumbs = sliding(3, seed=1)
    seen = SeenHashes(4)

    assert len(key_hashes(thumbs)) == 3
    assert len(key_hashes(thumbs[:1])) == 1
    assert seen.match("film", [7, 7, 7]) is None
    assert seen.match("still", [7]) is None
    assert seen.match("again", [7]) == "still"


# sizes and images


def test_each_film_takes_the_size_of_the_nearest_aspect_and_images_are_clips_of_one_frame(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "wide.mp4", sliding(6, seed=1))
    write_film(tmp_path / "films" / "tall.mp4", sliding(6, seed=2, height=96, width=72))
    Image.fromarray(sliding(1, seed=3)[0]).save(tmp_path / "films" / "still.png")
    settings = IngestSettings(num_frames=5, sizes=((32, 32), (32, 48), (48, 32)))
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC0-1.0", settings=settings)

    assert {f["source"]: f["shape"] for f in taken(dataset)} == {
        "wide.mp4": "5x32x48", "tall.mp4": "5x48x32", "still.png": "1x32x48"
    }  # fmt: skip
    assert [shape_name(shape) for shape in dataset.shapes] == ["1x32x48", "5x32x48", "5x48x32"]


def test_buckets_have_about_one_area_and_sides_that_are_multiples() -> None:
    for height, width in buckets(256, 256):
        assert height % 16 == width % 16 == 0
        assert 0.8 < height * width / 256**2 < 1.25


def test_pictures_smaller_than_the_clips_are_refused(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", sliding(6, seed=1))

    with pytest.raises(NothingTaken, match=r"a\.mp4: 96x72 pixels, smaller than clips of 128x128"):
        ingest(tmp_path, tmp_path / "out", licence="CC0-1.0", settings=IngestSettings(sizes=((128, 128),)))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("num_frames", 0),
        ("sizes", ()),
        ("sizes", ((0, 4),)),
        ("fps", 0.0),
        ("fps", float("nan")),
        ("cuts", "magic"),
        ("encoding", "gif"),
        ("min_motion", -1.0),
        ("max_hash_distance", 40),
        ("clips_per_shard", 0),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        IngestSettings(**{setting: value})


def test_mp4_clips_need_even_sizes() -> None:
    with pytest.raises(ValueError, match="sizes of mp4 clips must be even"):
        IngestSettings(encoding="mp4", sizes=((33, 32),))


# captions, licences


def test_what_is_written_beside_a_film_comes_before_what_is_measured(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name, seed in (("text.mp4", 1), ("spans.mp4", 2), ("none.mp4", 3)):
        write_film(films / name, sliding(11, seed=seed))
    (films / "text.txt").write_text("  a wall of\ncolours \n", encoding="utf-8")
    spans = [{"start": 0, "end": 0.6, "caption": "the first"}, {"start": 0.6, "end": 1.4, "caption": "the second"}]
    (films / "spans.mp4.json").write_text(json.dumps({"captions": spans, "licence": "cc-by-3.0", "attribution": "Ada"}))
    dataset = ingest(films, tmp_path / "out", licence="CC0-1.0", attribution="Us", settings=NO_NEIGHBOURS)

    facts = {(f["source"], f["start_seconds"]): f for f in taken(dataset)}
    assert facts["text.mp4", 0.0]["caption"] == "a wall of colours"
    assert [facts["spans.mp4", start]["caption"] for start in (0.0, 0.625)] == ["the first", "the second"]
    assert facts["spans.mp4", 0.0]["licence"] == "CC-BY-3.0"
    assert facts["spans.mp4", 0.0]["attribution"] == "Ada"
    assert facts["none.mp4", 0.0]["caption_from"] == "measured"
    assert len(facts["none.mp4", 0.0]["caption"]) > 10
    assert facts["none.mp4", 0.0]["attribution"] == "Us"
    assert dataset.manifest["licence"] == "CC-BY-3.0 AND CC0-1.0"
    assert dataset.manifest["totals"]["captions_from"] == {"measured": 2, "sidecar": 4}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"{", "its a.json cannot be used"),
        ("a.json", b"[1]", "expected an object, got list"),
        ("a.json", b'{"caption": 5}', "expected a text, got 5"),
        ("a.json", b'{"licence": "CC-BY-9"}', "no SPDX licence identifier; near ones are CC-BY"),
        ("a.json", b'{"captions": [{"start": 2, "end": 1, "caption": "x"}]}', "start must lie before its end"),
        ("a.json", b'{"captions": [{"start": 2}]}', "cannot be used"),
        ("a.txt", b"\xff\xfe\xff", "its a.txt is not UTF-8 text"),
        ("a.txt", b"word " * 1000, "4999 characters, at most 4000 are taken"),
    ],
)
def test_notes_that_cannot_be_used_refuse_their_film(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(Refused, match=reason):
        read_notes(tmp_path / "a.mp4")


def test_a_licence_is_one_that_spdx_lists_or_near_ones_are_named() -> None:
    assert licence_id(" cc-by-sa-4.0 ") == "CC-BY-SA-4.0"
    assert licence_of_all({"MIT", "CC0-1.0"}) == "CC0-1.0 AND MIT"
    with pytest.raises(ValueError, match=r"'CC BY 4' is no SPDX licence identifier; near ones are CC-BY-4\.0"):
        licence_id("CC BY 4")
    with pytest.raises(ValueError, match=r"the list is at spdx\.org/licenses"):
        licence_id("?????")
    with pytest.raises(ValueError, match="a licence is an SPDX identifier"):
        licence_id("")


# refusals


def test_broken_files_are_refused_by_name_while_the_rest_goes_on(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "good ü.mp4", sliding(6, seed=1))
    write_film(films / "short.mp4", sliding(3, seed=2))
    (films / "text.mp4").write_text("no film")
    (films / "empty.webm").write_bytes(b"")
    (films / "readme.md").write_text("")
    (films / "bad.png").write_bytes(b"\x89PNG")
    dataset = ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)

    assert [f["source"] for f in taken(dataset)] == ["good ü.mp4"]
    assert dataset.manifest["refused"] == {
        "bad.png": "cannot be decoded: not an image that Pillow knows",
        "empty.webm": "an empty file",
        "text.mp4": "cannot be decoded: Invalid data found when processing input",
    }
    assert outcome(dataset, "short.mp4") == {"clips": 0}
    assert dataset.manifest["num_ignored"] == 1


def test_where_nothing_can_be_taken_every_file_is_named_and_no_dataset_is_written(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "short.mp4", sliding(3, seed=2))
    (films / "text.mp4").write_text("no film")

    with pytest.raises(NothingTaken, match=r"text\.mp4: cannot be decoded.*; short\.mp4: 0\.2 s are too short"):
        ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)
    with pytest.raises(ValueError, match="holds no films and no images"):
        ingest(tmp_path / "out", tmp_path / "out2", licence="CC0-1.0", settings=SMALL)
    with pytest.raises(ValueError, match="expected a dataset folder"):
        DatasetFolder(tmp_path / "out")


# going on


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(4):
        write_film(folder / f"{seed}.mp4", sliding(12, seed=seed))
    return folder


def test_equal_files_give_equal_bytes_wherever_they_lie(films: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    films.rename(tmp_path / "elsewhere" / "films")
    ingest(tmp_path / "elsewhere" / "films", tmp_path / "a", licence="CC0-1.0", settings=SMALL)
    (tmp_path / "elsewhere" / "films").rename(films)
    ingest(films, tmp_path / "b", licence="CC0-1.0", settings=SMALL)

    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    assert sorted(everything(tmp_path / "a")) == [
        "clips.jsonl",
        "croissant.json",
        "dataset.json",
        "shards/clips-5x32x32-00000.npy",
        "shards/clips-5x32x32-00000.tar",
    ]


@pytest.mark.real
def test_several_processes_give_the_bytes_of_one(films: Path, tmp_path: Path) -> None:
    ingest(films, tmp_path / "one", licence="CC0-1.0", settings=SMALL)
    ingest(films, tmp_path / "two", licence="CC0-1.0", settings=SMALL, workers=2)

    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(films: Path, tmp_path: Path) -> None:
    ingest(films, tmp_path / "whole", licence="CC0-1.0", settings=SMALL)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from model.data.ingest import IngestSettings, ingest\n"
        "def tell(p):\n"
        "    if p.file == '2.mp4' and p.seconds > 0.5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ingest(Path(sys.argv[1]), Path(sys.argv[2]), licence='CC0-1.0',\n"
        "       settings=IngestSettings(num_frames=5, sizes=((32, 32),)), tell=tell)\n"
    )
    command = [sys.executable, "-c", script, str(films), str(tmp_path / "killed")]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "dataset.json").exists()
    read: set[str] = set()
    ingest(films, tmp_path / "killed", licence="CC0-1.0", settings=SMALL, tell=lambda p: read.add(p.file))

    assert read == {"2.mp4", "3.mp4"}
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")


def test_a_later_run_reads_only_what_is_new(films: Path, tmp_path: Path) -> None:
    ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)
    write_film(films / "00.mp4", sliding(12, seed=9))
    told: list[Progress] = []
    ingest(films, tmp_path / "out", licence="CC-BY-4.0", settings=SMALL, tell=told.append)
    ingest(films, tmp_path / "fresh", licence="CC-BY-4.0", settings=SMALL)

    assert {p.file for p in told} == {"00.mp4"}
    assert told[-1].done_bytes == told[-1].total_bytes == (films / "00.mp4").stat().st_size
    assert everything(tmp_path / "out") == everything(tmp_path / "fresh")


def test_a_file_whose_clips_were_another_files_duplicates_is_read_again_when_that_one_goes(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "a.mp4", sliding(6, seed=1))
    write_film(films / "b.webm", sliding(6, seed=1), codec="libvpx-vp9")
    ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)
    (films / "a.mp4").unlink()
    dataset = ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)

    assert outcome(dataset, "b.webm") == {"clips": 1}
    assert ClipReader(dataset, dataset.shards).sample(0).frames.shape == (5, 32, 32, 3)


def test_clips_of_other_settings_are_not_taken_over(films: Path, tmp_path: Path) -> None:
    ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)
    other = IngestSettings(num_frames=5, sizes=((16, 16),))
    dataset = ingest(films, tmp_path / "out", licence="CC0-1.0", settings=other)

    assert [shape_name(shape) for shape in dataset.shapes] == ["5x16x16"]


def test_nothing_of_anybodys_is_overwritten(films: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "shards").mkdir(parents=True)
    (tmp_path / "file").write_text("mine")

    for out, words in ((tmp_path / "home", "not empty"), (films, "folder of its own"), (tmp_path / "file", "the file")):
        with pytest.raises(ValueError, match=words):
            ingest(films, out, licence="CC0-1.0", settings=SMALL)
    assert (tmp_path / "home" / "shards").is_dir()


def test_two_runs_never_write_one_folder(films: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".work").mkdir(parents=True)
    with pipeline_module._alone(tmp_path / "out"), pytest.raises(ValueError, match="another ingestion is writing"):
        ingest(films, tmp_path / "out", licence="CC0-1.0", settings=SMALL)


# real footage


def test_big_buck_bunny_is_one_scene_of_clips(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    os.symlink(footage_path(), tmp_path / "films" / "bunny.mp4")
    settings = IngestSettings(num_frames=9, max_hash_distance=-1, encoding="mp4")
    dataset = ingest(tmp_path / "films", tmp_path / "out", licence="CC-BY-3.0", settings=settings)
    clips = ClipReader(dataset, dataset.shards).clips([0, 1, 2, 3])

    assert [facts["start_seconds"] for facts in taken(dataset)] == [0.0, 1.125, 2.25, 3.375]
    assert clips.frames.shape == (4, 9, 64, 64, 3)
    assert "green" in clips.captions[0]
    assert clips.attributions[0] == "bunny.mp4, CC-BY-3.0"
