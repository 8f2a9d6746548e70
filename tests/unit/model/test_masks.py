from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as arbitrary
from hypothesis import strategies as st

from model.masks import TASKS, choose, draw, latent_given, pixel_given, possible, require_hidden, require_seen

SIZES = st.integers(1, 9)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@arbitrary(st.sampled_from(TASKS), SIZES, SIZES, SIZES, st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 1, 3)]), st.data())
def test_every_draw_hides_a_token_and_gives_one_unless_unconditional(
    task: str, time: int, height: int, width: int, patch: tuple[int, int, int], data: st.DataObject
) -> None:
    shape = time * patch[0], height * patch[1], width * patch[2]
    seed = data.draw(st.integers(0, 2**32))
    if task not in possible(TASKS, shape, patch=patch):
        with pytest.raises(ValueError, match=f"task '{task}' needs"):
            draw(task, shape, rng(seed), patch=patch)
        return
    mask = draw(task, shape, rng(seed), patch=patch)
    tokens = mask[:: patch[0], :: patch[1], :: patch[2]]
    assert mask.shape == shape
    assert not mask.all()
    assert mask.any() == (task != "unconditional")
    whole = tokens.repeat(patch[0], axis=0).repeat(patch[1], axis=1).repeat(patch[2], axis=2)
    assert np.array_equal(mask, whole)


def test_the_completion_mask_always_hides_something() -> None:
    """VDT's spatial mask hid nothing in the quarter of draws whose end was 0."""
    shares = [draw("tube", (2, 4, 4), rng(seed)).mean() for seed in range(400)]
    assert max(shares) < 1
    assert min(shares) > 0


@pytest.mark.parametrize(
    ("task", "frames"),
    [
        ("unconditional", "........"),
        ("predict", "xxxx...."),
        ("backward", ".....xxx"),
        ("interpolate", "x..x..x."),
        ("first_frame", "x......."),
        ("first_last", "x......x"),
        ("random_frames", "x.....x."),
    ],
)
def test_each_task_gives_the_frames_that_its_name_says(task: str, frames: str) -> None:
    want = np.array([frame == "x" for frame in frames])
    draws = [draw(task, (8, 2, 2), rng(seed)) for seed in range(200)]
    assert any(np.array_equal(mask, np.broadcast_to(want[:, None, None], (8, 2, 2))) for mask in draws)


def test_prediction_draws_every_length_and_the_order_of_frames_is_kept() -> None:
    for task, turn in (("predict", 1), ("backward", -1)):
        masks = [draw(task, (5, 1, 1), rng(seed)).ravel()[::turn] for seed in range(100)]
        assert {int(mask.sum()) for mask in masks} == {1, 2, 3, 4}
        assert all((np.diff(mask.astype(int)) <= 0).all() for mask in masks)


def test_a_tube_hides_one_box_in_all_frames() -> None:
    mask = draw("tube", (3, 6, 6), rng(1), patch=(1, 2, 2))
    assert (mask == mask[0]).all()
    rows, columns = np.nonzero(~mask[0])
    assert not mask[0, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].any()


def test_an_image_can_be_made_or_completed_but_has_no_frames_to_predict() -> None:
    assert possible(TASKS, (1, 4, 4)) == ["unconditional", "tube"]
    assert possible(TASKS, (2, 1, 1)) == ["unconditional", "predict", "backward", "first_frame", "random_frames"]


def test_weights_are_shared_among_the_tasks_that_fit() -> None:
    assert choose({"predict": 3.0, "unconditional": 1.0}, (2, 1, 1)) == {"predict": 0.75, "unconditional": 0.25}
    assert choose({"predict": 3.0, "unconditional": 1.0}, (1, 1, 1)) == {"unconditional": 1.0}
    assert choose(("predict", "backward"), (4, 1, 1)) == {"predict": 0.5, "backward": 0.5}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (("paint",), "unknown task 'paint'; choose one of unconditional, predict"),
        (("predict",), "none of the tasks predict fits latent"),
        ((), r"none of the tasks \(none\) fits"),
        ({"unconditional": 0.0}, "expected positive weights of tasks, got"),
    ],
)
def test_impossible_choices_of_tasks_are_refused(tasks: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose(tasks, (1, 2, 2))  # type: ignore[arg-type]


def test_a_mask_with_nothing_hidden_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a mask that hides something"):
        require_hidden(np.ones((2, 2, 2), np.bool_))


def test_a_latent_that_is_no_multiple_of_the_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="positive multiples of the patch"):
        draw("predict", (2, 3, 4), rng(), patch=(1, 2, 2))


def test_a_causal_codecs_latent_frame_is_given_when_all_of_its_frames_are() -> None:
    frames = np.zeros((9, 4, 4), np.bool_)
    frames[[0, 1, 2, 3, 5, 6, 7, 8]] = True
    assert latent_given(frames, (3, 2, 2), 4)[:, 0, 0].tolist() == [True, False, True]


def test_a_token_is_given_when_all_of_its_pixels_are() -> None:
    pixels = np.ones((1, 8, 8), np.bool_)
    pixels[0, 5, 1] = False
    cells = latent_given(pixels, (1, 4, 4), 1, patch=(1, 2, 2))
    assert cells[0].tolist() == [[True] * 4, [True] * 4, [False, False, True, True], [False, False, True, True]]


@pytest.mark.parametrize("task", TASKS)
def test_masks_go_to_pixels_and_back(task: str) -> None:
    cells = draw(task, (3, 4, 4), rng(2), patch=(1, 2, 2))
    pixels = pixel_given(cells, (9, 16, 16), 4)
    assert pixels.shape == (9, 16, 16)
    assert np.array_equal(latent_given(pixels, (3, 4, 4), 4, patch=(1, 2, 2)), cells)


def frames_given(*frames: int, num_frames: int = 8) -> np.ndarray:
    given = np.zeros((num_frames, 8, 8), np.bool_)
    given[list(frames)] = True
    return given


@pytest.mark.parametrize(
    ("frames", "lost"), [((0,), r"\[\[0\]\]"), ((0, 1, 7), r"\[\[7\]\]"), ((3, 4), r"\[\[3, 4\]\]")]
)
def test_given_frames_that_fill_no_token_are_refused_by_number(frames: tuple[int, ...], lost: str) -> None:
    given = frames_given(*frames)
    cells = latent_given(given, (8, 2, 2), 1, patch=(2, 1, 1))
    with pytest.raises(ValueError, match=f"would not see the given frames {lost}"):
        require_seen(given, cells, 1, 2)


@pytest.mark.parametrize("frames", [(0, 1), (0, 1, 2), (1, 2, 3), (0, 1, 6, 7)])
def test_consecutive_given_frames_need_one_whole_token(frames: tuple[int, ...]) -> None:
    given = frames_given(*frames)
    require_seen(given, latent_given(given, (8, 2, 2), 1, patch=(2, 1, 1)), 1, 2)


def test_a_box_that_leaves_no_whole_token_is_refused() -> None:
    given = np.ones((1, 4, 4), np.bool_)
    given[:, 1:3, 1:3] = False
    with pytest.raises(ValueError, match="would not see the given frames at all"):
        require_seen(given, latent_given(given, (1, 4, 4), 1, patch=(1, 2, 2)), 1, 1)
