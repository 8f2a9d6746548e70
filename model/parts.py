"""Where frozen parts lie: codec and text encoder files, found by their SHA-256 alone.

A checkpoint's configuration names a part by digest. Whoever trains, scores or samples must hold the very file;
another file would be another problem. The folder is `TENWINGS_PARTS`, else `~/.cache/tenwings/parts`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

VARIABLE = "TENWINGS_PARTS"


class PartMissing(FileNotFoundError):
    """A frozen part that a configuration names is not on this machine."""


def folder() -> Path:
    """Return the folder of parts; it may not exist yet."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "tenwings" / "parts")


def keep(data: bytes) -> str:
    """Store a part's file and return its digest."""
    digest = hashlib.sha256(data).hexdigest()
    path = folder() / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{digest}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)
    return digest


def find(digest: str) -> bytes:
    """Return the part's bytes. Raises PartMissing, or ValueError where the file was changed."""
    path = folder() / digest
    if not path.is_file():
        raise PartMissing(
            f"expected the frozen part {digest} at {path}; put its file there, or name its folder in {VARIABLE}"
        )
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(f"expected {path} to have the SHA-256 in its name, got {found}; delete the file and fetch it")
    return data


def keep_folder(source: Path) -> str:
    """Store a folder of files (a Hugging Face model) under the digest of its listing; return that digest.

    The digest covers every file's relative path and SHA-256, in sorted order.
    """
    digest = folder_digest(source)
    target = folder() / digest
    if not target.is_dir():
        draft = target.with_name(f".{digest}.{os.getpid()}")
        shutil.copytree(source, draft)
        draft.rename(target)
    return digest


def find_folder(digest: str) -> Path:
    """Return the stored folder after checking every file. Raises PartMissing or ValueError."""
    path = folder() / digest
    if not path.is_dir():
        raise PartMissing(f"expected the folder of the frozen part {digest} at {path}; add it, or set {VARIABLE}")
    found = folder_digest(path)
    if found != digest:
        raise ValueError(f"expected {path} to have the digest in its name, got {found}; delete it and add it again")
    return path


def folder_digest(source: Path) -> str:
    """Return the SHA-256 over relative paths and contents of all files below `source`."""
    files = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else []
    if not files:
        raise PartMissing(f"expected a folder with files at {source}, found none")
    digest = hashlib.sha256(b"tenwings folder 1\n")
    for path in files:
        name = path.relative_to(source).as_posix()
        digest.update(f"{name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
