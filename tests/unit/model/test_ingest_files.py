"""Reading films and images: what a player would show, and a reason for every file that cannot be taken."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from model.data.ingest.films import _Clock, read_film
from model.data.ingest.picture import cover, thumb_size
from model.data.ingest.scan import Refused, content_digest, scan
from model.data.ingest.stills import read_image
from tests.support.films import sliding, write_film, write_sound

LEFT_RED = np.zeros((32, 64, 3), np.uint8)
LEFT_RED[:, :32, 0] = 255


def times_and_shapes(path: Path) -> tuple[list[float], set[tuple[int, int]]]:
    pictures = list(read_film(path))
    return [round(p.time, 3) for p in pictures], {p.size for p in pictures}


# scanning


def test_a_folder_is_walked_in_the_order_of_names_and_knows_what_it_passes_by(tmp_path: Path) -> None:
    for name in ("b.mp4", "a/z.MKV", "a/ü.webp", "a.png", "note.txt", "table.csv", ".hidden.mp4", ".git/x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = scan(tmp_path)

    assert [file.name for file in found.files] == ["a.png", "a/z.MKV", "a/ü.webp", "b.mp4"]
    assert (found.refused, found.num_ignored) == ({}, 1)


def test_empty_files_dangling_links_and_pipes_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")

    assert scan(tmp_path).refused == {
        "empty.mp4": "an empty file",
        "gone.mp4": "a symbolic link to a file that does not exist",
        "pipe.mp4": "not a regular file",
    }


def test_links_are_followed_but_never_round_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").write_bytes(b"x")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "films" / "loop").symlink_to(tmp_path / "films")
    found = scan(tmp_path / "films")

    assert [file.name for file in found.files] == ["linked/a.mp4"]
    assert found.refused == {"loop": "a symbolic link that leads back to a folder above it"}


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "me.mp4").symlink_to(tmp_path / "me.mp4")

    assert list(scan(tmp_path).refused) == ["me.mp4"]


def test_the_folder_that_is_written_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").write_bytes(b"x")

    assert scan(tmp_path, leave_out=tmp_path / "out").files == ()


def test_a_name_that_is_no_utf8_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.mp4")).write_bytes(b"x")

    assert [file.name for file in scan(tmp_path).files] == ["a\\xff.mp4"]


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Refused, match="cannot be read: Permission denied"):
        content_digest(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["missing", "file"])
def test_something_that_is_no_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ValueError, match="expected a folder of films and images, got"):
        scan(tmp_path / name)


# films


@pytest.mark.parametrize(
    ("name", "codec", "layout"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.mov", "libx264", "yuv444p10le"),
    ],
)
def test_every_container_gives_its_pictures_in_time(tmp_path: Path, name: str, codec: str, layout: str) -> None:
    frames = sliding(5, seed=1)
    path = write_film(tmp_path / name, frames, codec=codec, layout=layout)

    assert times_and_shapes(path) == ([0.0, 0.125, 0.25, 0.375, 0.5], {(72, 96)})
    first = next(iter(read_film(path))).scaled(72, 96).astype(int)
    assert np.abs(first - frames[0]).mean() < 8


def test_times_come_from_the_file_where_the_rate_varies(tmp_path: Path) -> None:
    path = write_film(tmp_path / "v.mkv", sliding(4, seed=1), times=[0.0, 0.1, 0.5, 0.55])

    assert times_and_shapes(path)[0] == [0.0, 0.1, 0.5, 0.55]


def test_odd_sizes_are_read_whole(tmp_path: Path) -> None:
    path = write_film(tmp_path / "odd.mkv", sliding(2, seed=1, height=71, width=95), codec="ffv1", layout="yuv444p")

    assert times_and_shapes(path)[1] == {(71, 95)}


def test_a_turned_film_stands_upright(tmp_path: Path) -> None:
    path = write_film(tmp_path / "phone.mp4", np.stack([LEFT_RED] * 3), turn=90)
    picture = next(iter(read_film(path)))
    pixels = picture.scaled(64, 32)

    assert picture.size == (64, 32)
    assert pixels[-16:, :, 0].mean() > 200  # turned counterclockwise, the left half lies below
    assert pixels[:16, :, 0].mean() < 50


def test_what_is_clear_is_laid_on_white(tmp_path: Path) -> None:
    clear = np.zeros((2, 32, 32, 4), np.uint8)
    clear[:, :, 16:] = (0, 0, 255, 255)
    path = write_film(tmp_path / "alpha.mkv", clear, codec="ffv1", layout="bgra")
    pixels = next(iter(read_film(path))).scaled(32, 32)

    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 31].tolist() == [0, 0, 255]


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        list(read_film(path))
    return str(caught.value)


def test_text_named_mp4_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no film")

    assert refusal(tmp_path / "a.mp4") == "cannot be decoded: Invalid data found when processing input"


def test_a_playlist_named_mp4_opens_no_other_file(tmp_path: Path) -> None:
    write_film(tmp_path / "real.mp4", sliding(3, seed=1))
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile real.mp4\n")

    assert refusal(tmp_path / "list.mp4").startswith("cannot be decoded")
    assert refusal(tmp_path / "concat.mp4").startswith("cannot be decoded")


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    assert refusal(write_sound(tmp_path / "a.mp4")) == "holds no video, only audio"


def test_a_film_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "a.mp4", sliding(40, seed=1), options={"movflags": "faststart"}).read_bytes()
    (tmp_path / "early.mp4").write_bytes(whole[:500])
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])

    assert refusal(tmp_path / "early.mp4").startswith("cannot be decoded")
    assert refusal(tmp_path / "half.mp4").startswith(("cut short", "damaged", "cannot be decoded"))


def test_a_film_damaged_in_its_middle_is_refused(tmp_path: Path) -> None:
    data = bytearray(write_film(tmp_path / "a.mkv", sliding(20, seed=1)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(60)
    (tmp_path / "a.mkv").write_bytes(data)

    assert refusal(tmp_path / "a.mkv").startswith("damaged after ")


def test_a_film_without_pictures_is_refused(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mkv", np.zeros((0, 72, 96, 3), np.uint8))

    assert refusal(path) in ("holds no pictures", "holds no streams") or refusal(path).startswith("cannot be decoded")


def test_a_film_with_neither_time_stamps_nor_a_rate_is_refused_and_one_with_a_rate_alone_is_counted() -> None:
    frame = SimpleNamespace(pts=None, time=None)
    clock = _Clock(SimpleNamespace(average_rate=None, guessed_rate=None))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="has neither time stamps nor a frame rate"):
        clock.tick(frame)  # type: ignore[arg-type]

    clock = _Clock(SimpleNamespace(average_rate=4, guessed_rate=None))  # type: ignore[arg-type]
    assert [clock.tick(frame) and clock.last for _ in range(3)] == [0.0, 0.25, 0.5]  # type: ignore[arg-type]


def test_pictures_that_go_back_in_time_are_passed_by(tmp_path: Path) -> None:
    clock = _Clock(SimpleNamespace(average_rate=4, guessed_rate=None))  # type: ignore[arg-type]
    times = [1.0, 1.25, 1.125, 1.5]

    assert [clock.tick(SimpleNamespace(pts=1, time=time)) for time in times] == [True, True, False, True]  # type: ignore[arg-type]


# images


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_an_image_is_a_still(tmp_path: Path, name: str) -> None:
    Image.fromarray(LEFT_RED).save(tmp_path / name, quality=95)
    still, pictures = read_image(tmp_path / name)
    picture = next(pictures)

    assert (still, picture.size, picture.time) == (True, (32, 64), 0.0)
    assert abs(int(picture.scaled(32, 64)[16, 8, 0]) - 255) < 8


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation_has_times(tmp_path: Path, name: str) -> None:
    images = [Image.fromarray(frame) for frame in sliding(3, seed=1)]
    images[0].save(tmp_path / name, save_all=True, append_images=images[1:], duration=[100, 200, 100])
    still, pictures = read_image(tmp_path / name)

    assert not still
    assert [round(p.time, 3) for p in pictures] == [0.0, 0.1, 0.3]


def test_a_gif_that_states_no_time_runs_at_ten_pictures_a_second(tmp_path: Path) -> None:
    images = [Image.fromarray(frame) for frame in sliding(2, seed=1)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=0)

    assert [p.time for p in read_image(tmp_path / "a.gif")[1]] == [0.0, 0.1]


def test_sixteen_bit_grey_keeps_its_levels(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(tmp_path / "deep.png")

    assert next(read_image(tmp_path / "deep.png")[1]).scaled(8, 8)[0, 0].tolist() == [128, 128, 128]


def test_a_clear_image_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")

    assert next(read_image(tmp_path / "clear.png")[1]).scaled(8, 8)[0, 0].tolist() == [255, 255, 255]


def test_a_camera_that_was_turned_is_set_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(LEFT_RED).save(tmp_path / "a.jpg", exif=exif)

    assert next(read_image(tmp_path / "a.jpg")[1]).size == (64, 32)


def bomb(path: Path, width: int, height: int) -> None:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


@pytest.mark.parametrize(("width", "height"), [(12_000, 10_000), (60_000, 60_000)])
def test_an_image_that_would_fill_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, width: int, height: int
) -> None:
    bomb(tmp_path / "bomb.png", width, height)

    with pytest.raises(Refused, match="pixels, at most 100,000,000 are taken"):
        read_image(tmp_path / "bomb.png")


def test_a_broken_image_is_refused(tmp_path: Path) -> None:
    Image.fromarray(sliding(1, seed=1)[0]).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:2000])
    (tmp_path / "text.png").write_text("no image")

    with pytest.raises(Refused, match="not an image that Pillow knows"):
        read_image(tmp_path / "text.png")
    with pytest.raises(Refused, match="damaged at picture 0"):
        list(read_image(tmp_path / "cut.png")[1])


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.avi", "a.gif", "a.webp", "a.png", "a.jpg"])
def test_whatever_the_damage_a_file_is_read_or_refused(tmp_path: Path, name: str) -> None:
    frames, path = sliding(4, seed=1, height=32, width=32), tmp_path / name
    codecs = {".mp4": ("libx264", "yuv420p"), ".webm": ("libvpx-vp9", "yuv420p"), ".avi": ("mjpeg", "yuvj420p")}
    if path.suffix in codecs:
        codec, layout = codecs[path.suffix]
        write_film(path, frames, codec=codec, layout=layout)
    else:
        images = [Image.fromarray(frame) for frame in frames]
        more = {} if path.suffix == ".jpg" else {"save_all": True, "append_images": images[1:], "duration": 80}
        images[0].save(path, **more)
    whole, rng = path.read_bytes(), np.random.Generator(np.random.Philox(5))
    for turn in range(30):
        data = bytearray(whole[: rng.integers(1, len(whole))] if turn % 3 == 0 else whole)
        for place in rng.integers(min(len(data), 300 if turn % 3 == 1 else len(data)), size=6):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        with contextlib.suppress(Refused):
            pictures = read_film(path) if path.suffix in codecs else read_image(path)[1]
            assert all(picture.scaled(8, 8).shape == (8, 8, 3) for picture in pictures)


def test_a_film_whose_pictures_change_their_size_is_refused(tmp_path: Path) -> None:
    parts = [sliding(3, seed=1), sliding(3, seed=1, height=48, width=64)]
    data = [write_film(tmp_path / f"{i}.ts", part, codec="mpeg2video").read_bytes() for i, part in enumerate(parts)]
    (tmp_path / "both.mp4").write_bytes(b"".join(data))

    assert refusal(tmp_path / "both.mp4").startswith("its pictures change their size")


# sizes


def test_a_picture_is_scaled_to_cover_a_size_and_cut_in_its_middle(tmp_path: Path) -> None:
    Image.fromarray(LEFT_RED).save(tmp_path / "a.png")
    picture = next(read_image(tmp_path / "a.png")[1])
    square = cover(picture, 16, 16)

    assert square.shape == (16, 16, 3)
    assert square[8, 0].tolist() == [255, 0, 0]
    assert square[8, 15].tolist() == [0, 0, 0]
    assert square[:, :8, 0].min() == 255


def test_a_thumbnail_has_about_14400_pixels_and_is_never_larger_than_the_picture() -> None:
    assert thumb_size(720, 1280) == (90, 160)
    assert thumb_size(1280, 720) == (160, 90)
    assert thumb_size(40, 60) == (40, 60)
