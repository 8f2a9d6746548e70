"""Finds films and images below a folder, in an order that depends on their names alone."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

FILMS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v")
IMAGES = (".gif", ".png", ".jpg", ".jpeg", ".webp")
SIDECARS = (".txt", ".json")


class Refused(ValueError):
    """A file that cannot be taken; the message is the reason."""


@dataclass(frozen=True, kw_only=True)
class MediaFile:
    """A film or an image."""

    path: Path
    """Where it lies."""
    name: str
    """Its path below the scanned folder, with slashes."""
    num_bytes: int
    """Its size."""

    @property
    def is_image(self) -> bool:
        """Read by Pillow; an animated one is a film all the same."""
        return self.path.suffix.lower() in IMAGES


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What lies in a folder."""

    files: tuple[MediaFile, ...]
    """By name."""
    refused: dict[str, str]
    """Name -> reason, of what cannot even be opened."""
    num_ignored: int
    """Files that are neither film, image nor caption."""


def scan(folder: Path, leave_out: Path | None = None) -> Scan:
    """Walk a folder; hidden names and `leave_out` are passed by. Raises ValueError where it is no readable folder."""
    if not folder.is_dir():
        raise ValueError(f"expected a folder of films and images, got {folder}")
    walk = _Walk(folder, leave_out)
    try:
        walk.enter(folder, "", ())
    except PermissionError as error:
        raise ValueError(f"cannot list {folder}: {error.strerror}") from error
    files = tuple(sorted(walk.files, key=lambda file: file.name))
    return Scan(files=files, refused=dict(sorted(walk.refused.items())), num_ignored=walk.num_ignored)


def content_digest(path: Path) -> str:
    """SHA-256 of a file. Raises Refused where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error


class _Walk:
    def __init__(self, root: Path, leave_out: Path | None) -> None:
        self._root, self._leave_out = root, os.path.realpath(leave_out) if leave_out else None
        self.files: list[MediaFile] = []
        self.refused: dict[str, str] = {}
        self.num_ignored = 0

    def enter(self, folder: Path, name: str, above: tuple[tuple[int, int], ...]) -> None:
        """Follow links to folders, but never into one that is being walked already."""
        state = folder.stat()
        identity = state.st_dev, state.st_ino
        if identity in above:
            self.refused[name] = "a symbolic link that leads back to a folder above it"
            return
        for entry in sorted(os.scandir(folder), key=lambda found: found.name):
            below = f"{name}/{entry.name}" if name else entry.name
            if not entry.name.startswith(".") and os.path.realpath(entry.path) != self._leave_out:
                self._look(entry, _printable(below), (*above, identity))

    def _look(self, entry: os.DirEntry[str], name: str, above: tuple[tuple[int, int], ...]) -> None:
        try:
            if entry.is_dir():
                self.enter(Path(entry.path), name, above)
            else:
                self._take(Path(entry.path), name)
        except OSError as error:
            self.refused[name] = f"cannot be opened: {error.strerror}"

    def _take(self, path: Path, name: str) -> None:
        suffix = path.suffix.lower()
        if suffix not in FILMS + IMAGES:
            self.num_ignored += suffix not in SIDECARS
        elif not path.exists():
            self.refused[name] = "a symbolic link to a file that does not exist"
        elif not path.is_file():
            self.refused[name] = "not a regular file"
        elif not path.stat().st_size:
            self.refused[name] = "an empty file"
        else:
            self.files.append(MediaFile(path=path, name=name, num_bytes=path.stat().st_size))


def _printable(name: str) -> str:
    """A name that UTF-8 can write; bytes that are none become \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
