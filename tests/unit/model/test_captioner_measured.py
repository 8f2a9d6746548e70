from __future__ import annotations

import cv2
import numpy as np
import pytest

from model.text.captioner_measured import MeasuredCaptioner, measured_caption
from model.text.palette import shares


def _texture(height: int, width: int) -> np.ndarray:
    """Smooth noise with corners everywhere, (height, width, 3)."""
    rng = np.random.Generator(np.random.Philox(3))
    coarse = rng.integers(0, 256, (height // 6, width // 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _window(picture: np.ndarray, top: int, left: int) -> np.ndarray:
    return picture[top : top + 96, left : left + 128]


@pytest.mark.parametrize(
    ("step", "words"),
    [((0, 2), "pans right"), ((0, -2), "pans left"), ((-2, 0), "tilts up"), ((2, 0), "tilts down"), ((0, 0), "stands")],
)
def test_a_window_that_slides_over_a_picture_is_a_camera_that_turns(step: tuple[int, int], words: str) -> None:
    picture = _texture(240, 300)
    clip = np.stack([_window(picture, 70 + i * step[0], 80 + i * step[1]) for i in range(9)])
    assert measured_caption(clip, 12).slots["camera"].startswith(words)


@pytest.mark.parametrize(("order", "words"), [(1, "zooms in"), (-1, "zooms out")])
def test_a_window_that_shrinks_on_a_picture_is_a_camera_that_zooms(order: int, words: str) -> None:
    picture = _texture(240, 300)
    crops = [picture[30 + 3 * i : 210 - 3 * i, 30 + 4 * i : 270 - 4 * i] for i in range(9)]
    clip = np.stack([cv2.resize(crop, (128, 96), interpolation=cv2.INTER_AREA) for crop in crops])[::order]
    assert measured_caption(clip, 12).slots["camera"].startswith(words)


def test_a_thing_that_moves_before_a_standing_camera_is_told_apart_from_it() -> None:
    ground = _window(_texture(240, 300), 0, 0)
    clip = np.stack([ground] * 9)
    for i, frame in enumerate(clip):
        frame[30:54, 80 + 3 * i : 104 + 3 * i] = (220, 45, 45)
    slots = measured_caption(clip, 12).slots
    assert (slots["camera"], slots["heading"], slots["place"]) == ("stands still", "right", "on the right")


def test_a_change_of_scene_is_a_cut_and_a_flash_is_none() -> None:
    dark, light = np.full((6, 32, 32, 3), 20, np.uint8), np.full((6, 32, 32, 3), 200, np.uint8)
    assert measured_caption(np.concatenate([dark, light])).slots["shots"] == "2"
    assert measured_caption(np.concatenate([dark, light[:1], dark])).slots["shots"] == "1"


def test_light_and_colours_have_names() -> None:
    frame = np.zeros((1, 40, 40, 3), np.uint8)
    frame[:, :16], frame[:, 16:] = (150, 200, 240), (50, 150, 60)
    caption = MeasuredCaptioner().caption(frame)
    assert caption.text == "an evenly lit vivid image in green and light blue, light blue above and green below"
    assert shares(frame[0]) == {"green": 0.6, "light blue": 0.4}


def test_equal_clips_have_equal_captions() -> None:
    clip = np.stack([_window(_texture(240, 300), 3 * i, 2 * i) for i in range(5)])
    assert measured_caption(clip) == measured_caption(clip.copy())


def test_what_is_no_clip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"uint8 \(T, H, W, 3\) and not empty, got uint8 \(0, 8, 8, 3\)"):
        measured_caption(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="fps must be a positive number, got 0"):
        measured_caption(np.zeros((1, 8, 8, 3), np.uint8), 0)
