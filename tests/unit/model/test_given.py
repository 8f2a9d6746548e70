from __future__ import annotations

import numpy as np
import pytest
import torch

from model.codec import PixelCodec, VaeCodec, VideoCodec
from model.given import Given, encode_given, given_frames, painted, place
from model.job import VideoShape
from model.masks import TASKS, draw, latent_given, pixel_given
from tests.support.random_codec import random_vae_file

SHAPE = VideoShape(num_frames=9, height=32, width=32)
CELLS = (3, 4, 4)
LEAKY = [task for task in TASKS if task not in ("unconditional", "predict", "first_frame")]


@pytest.fixture(scope="module")
def vae() -> VaeCodec:
    return VaeCodec.from_bytes(random_vae_file())


def clips(seed: int, num_clips: int = 2) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    return rng.integers(0, 256, (num_clips, 9, 32, 32, 3), dtype=np.uint8)


def given_latents(codec: VideoCodec, frames: np.ndarray, mask: np.ndarray, cells: np.ndarray) -> torch.Tensor:
    return encode_given(codec, frames, mask)[:, :, torch.tensor(cells)]


@pytest.mark.parametrize("task", [task for task in TASKS if task != "unconditional"])
def test_changing_what_is_hidden_changes_nothing_in_the_given_latents(vae: VaeCodec, task: str) -> None:
    cells = draw(task, CELLS, np.random.Generator(np.random.Philox(3)), patch=(1, 2, 2))
    mask = pixel_given(cells, (9, 32, 32), vae.time_factor)
    frames = clips(0)
    other = np.where(mask[..., None], frames, clips(1))
    assert not np.array_equal(frames, other)
    assert torch.equal(given_latents(vae, frames, mask, cells), given_latents(vae, other, mask, cells))


@pytest.mark.parametrize("task", LEAKY)
def test_encoding_the_whole_clip_would_leak_what_is_hidden(vae: VaeCodec, task: str) -> None:
    frames, leaks = clips(0), []
    for seed in range(6):  # a random draw may be a prefix, which leaks nothing
        cells = draw(task, CELLS, np.random.Generator(np.random.Philox(seed)), patch=(1, 2, 2))
        mask = pixel_given(cells, (9, 32, 32), vae.time_factor)
        other = np.where(mask[..., None], frames, clips(1))
        naive, changed = (vae.encode(clip)[:, :, torch.tensor(cells)] for clip in (frames, other))
        leaks.append(float((naive - changed).abs().max() / naive.std()))
    assert max(leaks) > 0.2


def test_the_leak_into_a_late_frame_is_a_fifth_of_the_latents_themselves(vae: VaeCodec) -> None:
    frames, other = clips(0), clips(1)
    other[:, 5:] = frames[:, 5:]
    naive = [vae.encode(clip)[:, :, 2] for clip in (frames, other)]
    share = float((naive[0] - naive[1]).std() / naive[0].std())
    assert share > 0.2


def test_latents_of_a_prefix_tell_nothing_of_what_follows(vae: VaeCodec) -> None:
    frames, other = clips(0), clips(1)
    other[:, :5] = frames[:, :5]
    assert torch.equal(vae.encode(frames)[:, :, :2], vae.encode(other)[:, :, :2])


def test_given_frames_of_the_pixel_codec_are_its_plain_latents() -> None:
    frames, mask = clips(0), np.zeros((9, 32, 32), np.bool_)
    mask[[0, 7]] = True
    codec = PixelCodec(factor=4)
    assert torch.equal(encode_given(codec, frames, mask)[:, :, [0, 7]], codec.encode(frames)[:, :, [0, 7]])


def test_hidden_pixels_repeat_the_nearest_given_frame_and_are_grey_where_none_is() -> None:
    frames = np.arange(6, dtype=np.uint8).reshape(1, 6, 1, 1, 1).repeat(2, axis=3).repeat(3, axis=4)
    mask = np.zeros((6, 1, 2), np.bool_)
    mask[[1, 4], :, 0] = True
    shown = painted(frames, mask)
    assert shown[0, :, 0, 0, 0].tolist() == [1, 1, 1, 4, 4, 4]
    assert set(shown[0, :, 0, 1].ravel().tolist()) == {128}


@pytest.mark.parametrize(
    ("task", "num_given", "factor", "want"),
    [
        ("predict", 3, 1, [0, 1, 2]),
        ("predict", 3, 4, [0, 1, 2]),
        ("backward", 2, 1, [7, 8]),
        ("backward", 4, 4, [5, 6, 7, 8]),
        ("first_frame", 1, 4, [0]),
        ("first_last", 2, 1, [0, 8]),
        ("first_last", 5, 4, [0, 5, 6, 7, 8]),
        ("interpolate", 3, 1, [0, 4, 8]),
        ("interpolate", 5, 1, [0, 2, 4, 6, 8]),
        ("interpolate", 5, 4, [0, 5, 6, 7, 8]),
    ],
)
def test_given_frames_have_their_places(task: str, num_given: int, factor: int, want: list[int]) -> None:
    assert given_frames(task, num_given, 9, factor) == want


@pytest.mark.parametrize(
    ("task", "num_given", "factor", "message"),
    [
        ("predict", 9, 1, "expected 1 to 8 given frames of a clip of 9, got 9"),
        ("predict", 0, 1, "expected 1 to 8 given frames"),
        ("first_frame", 2, 1, "takes 1 frame, got 2"),
        ("first_last", 2, 4, "with a codec of time factor 4 takes the first frame and the last 4, got 2"),
        ("backward", 3, 4, "takes at least 4 frames, got 3"),
        ("interpolate", 4, 4, r"takes 1 \+ 4 k frames, k at least 1, got 4"),
    ],
)
def test_frames_that_do_not_fit_a_task_are_refused(task: str, num_given: int, factor: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given_frames(task, num_given, 9, factor)


def test_the_middle_quarter_is_completed_unless_a_box_is_named() -> None:
    whole = place("tube", clips(0, 1)[0], SHAPE)
    named = place("tube", clips(0, 1)[0], SHAPE, box=(0, 8, 16, 4))
    assert whole is not None
    assert named is not None
    assert np.argwhere(~whole.mask).min(axis=0).tolist() == [0, 8, 8]
    assert np.argwhere(~whole.mask).max(axis=0).tolist() == [8, 23, 23]
    assert (~named.mask).sum() == 9 * 16 * 4


def test_frames_go_to_any_places_that_the_caller_names() -> None:
    frames = clips(4, 1)[0][:3]
    known = place("random_frames", frames, SHAPE, at=(7, 0, 3))
    assert known is not None
    assert np.array_equal(known.frames[0, [7, 0, 3]], frames)
    assert np.flatnonzero(known.mask[:, 0, 0]).tolist() == [0, 3, 7]


FRAMES = clips(0, 1)[0]


@pytest.mark.parametrize(
    ("task", "frames", "options", "message"),
    [
        ("paint", FRAMES, {}, "unknown task 'paint'"),
        ("unconditional", FRAMES, {}, "task 'unconditional' needs no given frames, got uint8"),
        ("predict", None, {}, "task 'predict' needs given frames, got none"),
        (
            "predict",
            FRAMES[:2, :16],
            {},
            r"given frames must be uint8 \(frames, 32, 32, 3\), got uint8 \(2, 16, 32, 3\)",
        ),
        ("predict", FRAMES[:2].astype(np.float32), {}, "given frames must be uint8"),
        ("predict", FRAMES[:0], {}, "expected 1 to 8 given frames"),
        ("predict", FRAMES, {}, "expected 1 to 8 given frames"),
        ("random_frames", FRAMES[:2], {"at": (1, 1)}, "expected different places from 0 to 8"),
        ("random_frames", FRAMES[:2], {"at": (1, 9)}, "expected different places from 0 to 8"),
        ("random_frames", FRAMES[:2], {}, "expected different places"),
        ("random_frames", FRAMES, {"at": tuple(range(9))}, "expected a mask that hides something"),
        ("random_frames", FRAMES[:2], {"at": (1,)}, "1 places got 2 frames"),
        ("tube", FRAMES[:5], {}, "task 'tube' of 9 frames"),
        ("tube", FRAMES, {"box": (0, 0, 33, 4)}, "expected a box"),
        ("tube", FRAMES, {"box": (0, 0, 0, 4)}, "expected a box"),
    ],
)
def test_what_does_not_fit_the_clip_is_refused(
    task: str, frames: np.ndarray | None, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        place(task, frames, SHAPE, **options)  # type: ignore[arg-type]


def test_pasting_changes_hidden_pixels_alone() -> None:
    known = place("first_frame", FRAMES[:1], SHAPE)
    assert known is not None
    made = clips(9)
    pasted = known.paste(made)
    assert np.array_equal(pasted[:, 0], FRAMES[:1].repeat(2, axis=0))
    assert np.array_equal(pasted[:, 1:], made[:, 1:])


def test_given_frames_serve_one_prompt_each_or_all() -> None:
    known = Given(frames=clips(0), mask=pixel_given(draw_first(), (9, 32, 32), 4))
    assert known.repeated(2).frames.shape[0] == 2
    with pytest.raises(ValueError, match="given frames of 1 or 3 clips, got 2"):
        known.repeated(3)


def draw_first() -> np.ndarray:
    return draw("first_frame", CELLS, np.random.Generator(np.random.Philox(0)))


def test_a_frame_that_fills_no_latent_frame_is_hidden_from_the_network_yet_pasted() -> None:
    known = place("predict", FRAMES[:3], SHAPE, time_factor=4)
    assert known is not None
    assert latent_given(known.mask, CELLS, 4)[:, 0, 0].tolist() == [True, False, False]
    assert np.array_equal(known.paste(clips(9, 1))[0, :3], FRAMES[:3])
