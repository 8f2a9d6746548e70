from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.worlds import make_scene
from model.data.worlds.words import read_caption
from model.job import VideoShape
from model.text import captioner_training
from model.text.blocks import initialise
from model.text.captioner_learned import (
    CAPTIONER_PRESETS,
    ClipReader,
    LearnedCaptioner,
    as_input,
    load_captioner,
    looks_of,
    save_captioner,
)
from model.text.captioner_training import compare, lesson_of, score_captioner, train_captioner
from model.text.captioners import build_captioner, read_frames
from model.text.fit import FitPlan
from model.text.slot_heads import SlotHeads, slot_targets
from tests.support.films import sliding, write_film

NANO = CAPTIONER_PRESETS["nano"]
SHAPE = VideoShape(num_frames=9, height=64, width=64)


def _network() -> ClipReader:
    network = ClipReader(NANO)
    initialise(network, 3)
    return network


def test_the_base_preset_has_about_five_million_parameters() -> None:
    assert 4_000_000 < sum(p.numel() for p in ClipReader(CAPTIONER_PRESETS["base"]).parameters()) < 5_500_000


def test_a_lesson_points_at_the_middle_of_every_body_that_can_be_seen() -> None:
    scene = make_scene("occluder", 4, SHAPE)
    lesson = lesson_of(scene)
    assert np.array_equal(lesson.things_TGG.any((1, 2)), scene.visible[0])
    frame = int(np.flatnonzero(scene.visible[0])[0])
    row, column = np.argwhere(lesson.things_TGG[frame])[0]
    place = (np.array([column, row]) + lesson.offset_TAGG[frame, :, row, column]) / 8
    np.testing.assert_allclose(place, scene.positions[0, frame], atol=1e-6)


def test_a_mirrored_lesson_is_that_of_the_mirrored_scene() -> None:
    lesson = lesson_of(make_scene("occluder", 5, SHAPE))
    other = lesson.mirrored()
    assert {lesson.slots["direction"], other.slots["direction"]} == {"left", "right"}
    assert np.array_equal(other.looks[:, :, 0], lesson.looks[:, :, -1])
    assert np.array_equal(other.things_TGG[..., ::-1], lesson.things_TGG)
    there = lesson.things_TGG > 0
    x, mirrored = lesson.offset_TAGG[:, 0], other.offset_TAGG[:, 0, :, ::-1]
    np.testing.assert_allclose((x + mirrored)[there], 1, atol=1e-6)


def test_things_are_counted_and_placed_by_the_map() -> None:
    network = _network()
    colour, shape = torch.full((1, 7, 8, 8), -20.0), torch.full((1, 3, 8, 8), -20.0)
    colour[:, 0], shape[:, 0] = 20.0, 20.0
    for row, column in ((0, 0), (7, 6)):
        colour[0, :, row, column] = torch.tensor([-20.0, -20, -20, -20, -20, 20, -20])  # the fifth: blue
    things = network._things(colour, shape, torch.full((1, 2, 8, 8), 0.5))[0]
    kinds = things[:28].view(7, 4)  # six colours and any, by three shapes and any
    assert kinds[4].round().tolist() == [2, 0, 0, 2]
    assert kinds[6].round().tolist() == [2, 0, 0, 2]
    x, y = things[28:].view(28, 2)[4 * 4]
    assert (round(float(x), 3), round(float(y), 3)) == (-0.875 + 0.625, -0.875 + 0.875)


def test_slots_are_those_of_the_likeliest_law_and_words_that_it_allows() -> None:
    heads = SlotHeads(1)
    with torch.no_grad():
        heads.linear.weight.zero_()
        heads.linear.bias.zero_()
        heads.linear.bias[4] = 1.0  # the fifth law: gravity, whose only wall is the floor
    slots = heads.decode(torch.zeros(1, 1))[0]
    assert list(slots) == ["law", "colour", "shape", "background", "wall"]
    assert (slots["law"], slots["wall"]) == ("gravity", "floor")
    assert slot_targets([slots])[0].tolist() == [4, 0, 0, 0, -100, 3, -100, -100, -100, -100, -100]


def test_any_clip_gets_a_sentence_of_the_grammar() -> None:
    captioner = LearnedCaptioner(_network())
    frames = np.random.Generator(np.random.Philox(1)).integers(0, 256, (17, 40, 90, 3)).astype(np.uint8)
    first, image = captioner.caption_all([frames, frames[:1]])
    assert read_caption(first.text) == first.slots
    assert read_caption(image.text) == image.slots
    assert looks_of(frames).shape == (9, 64, 64, 3)


def test_a_captioner_comes_back_from_its_file(tmp_path: Path) -> None:
    network = _network()
    path = tmp_path / "captioner.safetensors"
    path.write_bytes(save_captioner(network))
    frames = lesson_of(make_scene("counting", 1, SHAPE)).looks
    assert build_captioner("learned", path).caption(frames) == LearnedCaptioner(network).caption(frames)
    with pytest.raises(ValueError, match="tensors are not those of its configuration"):
        load_captioner(_without_a_tensor(path.read_bytes()))


def _without_a_tensor(data: bytes) -> bytes:
    from model.tensorfile import decode, encode

    tensors, metadata = decode(data)
    return encode({name: array for name, array in tensors.items() if name != "read.bias"}, metadata)


def test_training_is_the_same_twice_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captioner_training, "BATCH", 4)
    plan = FitPlan(num_steps=12, learning_rate=3e-3, seed=2)
    (first, fitted), (second, _) = (train_captioner(NANO, plan) for _ in range(2))
    assert save_captioner(first) == save_captioner(second)
    assert sum(fitted.losses[-4:]) < sum(fitted.losses[:4])


def test_scores_count_a_missing_slot_as_wrong_and_stand_beside_the_majority() -> None:
    truth = [{"law": "uniform", "colour": "red"}, {"law": "bounce", "colour": "red", "wall": "floor"}]
    scores = compare([{"law": "uniform", "colour": "red"}, {"law": "uniform", "colour": "blue"}], truth)
    assert scores.accuracy == {"law": 0.5, "colour": 0.5, "wall": 0.0}
    assert scores.majority == {"law": 0.5, "colour": 1.0, "wall": 1.0}
    assert (scores.mean, scores.sentences) == (pytest.approx(1 / 3), 0.5)


def test_every_split_can_be_scored() -> None:
    captioner = LearnedCaptioner(_network())
    for split in ("train", "horizon", "velocity"):
        assert score_captioner(captioner, split=split, seed=1, num_clips=9).num_clips == 9


def test_input_is_centred() -> None:
    looks = np.zeros((1, 9, 64, 64, 3), np.uint8)
    looks[..., 0] = 255
    assert as_input(looks).mean((0, 1, 3, 4)).tolist() == [1, -1, -1]


def test_the_start_of_a_film_is_read_with_its_frame_rate(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", sliding(16, seed=1), fps=8)
    frames, fps = read_frames(film, seconds=1.0)
    assert frames.shape == (8, 72, 96, 3)
    assert fps == pytest.approx(8)
    assert build_captioner("measured", fps=fps).caption(frames).slots["camera"].startswith("pans left")
    with pytest.raises(ValueError, match="seconds must be positive"):
        read_frames(film, seconds=0)


def test_a_captioner_without_what_it_needs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose from measured, learned, vlm"):
        build_captioner("clever")
    with pytest.raises(ValueError, match="learned needs the path of its file"):
        build_captioner("learned")
    with pytest.raises(ValueError, match="measured captioner has no weights"):
        build_captioner("measured", tmp_path)


def test_a_file_that_is_no_video_is_named_with_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with pytest.raises(ValueError, match=r"expected a video that can be read, got .*broken\.mp4: cannot be decoded"):
        read_frames(broken)
