"""Films and images in, a dataset folder out: scan, stage each file, choose, write.

Every finished file is kept in `FOLDER/.work` until the dataset is written, so an interrupted run goes on where it
stopped and ends with the same bytes as one that was never interrupted. Later runs read only what is new: unchanged
files' clips are copied out of the shards that are there.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from model.data.folder import LIST, MANIFEST, SHARDS, DatasetFolder
from model.data.ingest import croissant
from model.data.ingest.captions import read_notes
from model.data.ingest.former import Former
from model.data.ingest.merge import Outcome, Source, choose, write_shards
from model.data.ingest.report import manifest
from model.data.ingest.scan import MediaFile, Refused, Scan, content_digest, scan
from model.data.ingest.settings import IngestSettings
from model.data.ingest.stage import Staged, load, stage, stage_path, write_whole
from model.data.licences import licence_id

_WORK = ".work"
_DRAFT = ".draft"


class NothingTaken(ValueError):
    """No file gave a clip; the message names every file with its reason."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an ingestion is."""

    file: str
    """Name of the file that is being read, or was just finished."""
    done_bytes: int
    """Of finished files."""
    total_bytes: int
    """Of all files."""
    seconds: float
    """Read of `file` so far; 0 when it is finished."""


Tell = Callable[[Progress], None]


def ingest(
    folder: Path,
    out: Path,
    *,
    licence: str,
    attribution: str = "",
    settings: IngestSettings | None = None,
    workers: int = 1,
    tell: Tell = lambda progress: None,
) -> DatasetFolder:
    """Make the dataset folder `out` of the films and images below `folder`.

    Files that cannot be taken are listed in the manifest under `refused` while the rest goes on. Raises NothingTaken
    where no file gives a clip, ValueError for a licence that SPDX does not list or a folder without films.
    """
    licence, settings = licence_id(licence), settings or IngestSettings()
    found = scan(folder, leave_out=out)
    if not found.files and not found.refused:
        raise ValueError(f"{folder} holds no films and no images")
    _check_out(folder, out)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        work = _Work(out, settings, workers, tell)
        sources, refused = work.read(found)
        outcomes = choose(sources, settings)
        if not any(outcome.chosen for outcome in outcomes):
            raise NothingTaken(_why_nothing(sources, outcomes, refused, found))
        work.complete(sources, outcomes)
        merged = write_shards(sources, outcomes, out / _DRAFT, settings, (licence, attribution), work.frames)
        content = manifest(
            name=folder.resolve().name,
            licence=licence,
            attribution=attribution,
            settings=settings,
            sources=sources,
            outcomes=outcomes,
            merged=merged,
            refused=refused,
            num_ignored=found.num_ignored,
        )
        _publish(out, content)
        work.forget_frames()
    return DatasetFolder(out)


class _Work:
    """The files of one run and what is known of them."""

    def __init__(self, out: Path, settings: IngestSettings, workers: int, tell: Tell) -> None:
        self._work, self._settings, self._workers, self._tell = out / _WORK, settings, workers, tell
        self._done = self._total = 0
        self._former = Former(out, settings)
        self._work.mkdir(exist_ok=True)
        _remove(out / _DRAFT)

    def read(self, found: Scan) -> tuple[list[Source], dict[str, str]]:
        """Stage every file; returns what could be read and why the rest could not."""
        refused = dict(found.refused)
        digests = self._digests(found, refused)
        staged = self._stage(digests)
        sources = []
        for digest, file in digests.items():
            reason = staged[digest].refused
            if reason:
                refused[file.name] = reason
                continue
            try:
                notes = read_notes(file.path)
            except Refused as error:
                refused[file.name] = str(error)
                continue
            sources.append(Source(file=file, digest=digest, notes=notes, staged=staged[digest]))
        return sources, refused

    def complete(self, sources: list[Source], outcomes: list[Outcome]) -> None:
        """Read again the files whose chosen frames lie nowhere any more."""
        missing = {
            source.digest: source.file
            for source, outcome in zip(sources, outcomes, strict=True)
            if not self._path(source.digest).with_suffix(".bin").is_file()
            and not all(self._former.has(source.key(index), source.digest) for index in outcome.chosen)
        }
        self._stage_all(missing)

    def frames(self, source: Source, index: int) -> bytes:
        """The serialised frames of a candidate."""
        path, item = self._path(source.digest).with_suffix(".bin"), source.staged.candidates[index]
        if not path.is_file():
            return self._former.frames(source.key(index))
        with path.open("rb") as file:
            file.seek(item.offset)
            return file.read(item.num_bytes)

    def forget_frames(self) -> None:
        """The dataset holds them now."""
        for path in [*self._work.glob("*.bin"), *self._work.glob("*.draft")]:
            path.unlink()

    def _digests(self, found: Scan, refused: dict[str, str]) -> dict[str, MediaFile]:
        """Content -> file, in the scan's order; a file whose content came before is refused."""
        digests: dict[str, MediaFile] = {}
        for file in found.files:
            try:
                digest = content_digest(file.path)
            except Refused as error:
                refused[file.name] = str(error)
                continue
            if digest in digests:
                refused[file.name] = f"the same content as {digests[digest].name}"
            else:
                digests[digest] = file
        return digests

    def _stage(self, files: dict[str, MediaFile]) -> dict[str, Staged]:
        known = {digest: load(self._path(digest)) for digest in files}
        fresh = self._stage_all({digest: file for digest, file in files.items() if known[digest] is None})
        return {digest: staged for digest, staged in known.items() if staged} | fresh

    def _stage_all(self, files: dict[str, MediaFile]) -> dict[str, Staged]:
        result = {}
        self._done, self._total = 0, sum(file.num_bytes for file in files.values())
        for digest, staged in self._run(files):
            result[digest] = staged
            self._done += files[digest].num_bytes
            self._said(files[digest], 0.0)
        return result

    def _run(self, files: dict[str, MediaFile]) -> Iterator[tuple[str, Staged]]:
        if self._workers <= 1:
            for digest, file in files.items():
                yield digest, stage(file, self._path(digest), self._settings, partial(self._said, file))
            return
        with ProcessPoolExecutor(self._workers, mp_context=get_context("spawn")) as pool:
            jobs = {d: pool.submit(stage, file, self._path(d), self._settings) for d, file in files.items()}
            for digest, job in jobs.items():
                yield digest, job.result()

    def _said(self, file: MediaFile, seconds: float) -> None:
        self._tell(Progress(file=file.name, done_bytes=self._done, total_bytes=self._total, seconds=seconds))

    def _path(self, digest: str) -> Path:
        return stage_path(self._work, digest, self._settings)


def _publish(out: Path, content: dict[str, Any]) -> None:
    """Put the new shards where the old ones were; a manifest never stands beside shards that are not its own."""
    (out / MANIFEST).unlink(missing_ok=True)
    _remove(out / SHARDS)
    (out / _DRAFT / SHARDS).rename(out / SHARDS)
    (out / _DRAFT / LIST).replace(out / LIST)
    _remove(out / _DRAFT)
    write_whole(out / MANIFEST, _json(content))
    write_whole(out / croissant.FILE, _json(croissant.croissant(DatasetFolder(out))))


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)


def _why_nothing(sources: list[Source], outcomes: list[Outcome], refused: dict[str, str], found: Scan) -> str:
    lines = [f"{name}: {reason}" for name, reason in sorted(refused.items())]
    for source, outcome in zip(sources, outcomes, strict=True):
        turned = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.rejected.items()))
        lines.append(f"{source.file.name}: {turned or f'{source.staged.seconds:.1f} s are too short for a clip'}")
    return "no file gave a clip; " + "; ".join(lines)


def _check_out(folder: Path, out: Path) -> None:
    """Nothing of anybody's is ever overwritten."""
    if out.resolve() == folder.resolve():
        raise ValueError(f"the dataset needs a folder of its own, got {out}, which holds the films")
    if out.exists() and not out.is_dir():
        raise ValueError(f"expected a folder to write to, got the file {out}")
    if out.is_dir() and any(out.iterdir()) and not (out / _WORK).is_dir():
        raise ValueError(f"{out} is not empty and was not made by an ingestion; name another folder")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Two runs must not write one folder."""
    (out / _WORK).mkdir(exist_ok=True)
    with (out / _WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"another ingestion is writing {out}; wait for it or name another --out") from error
        yield
