"""All files' candidates -> the shards of a dataset: duplicates go, captions and licences come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.data.folder import LIST, ShardFile, shape_name
from model.data.ingest.captions import Notes
from model.data.ingest.hashes import SeenHashes
from model.data.ingest.scan import MediaFile
from model.data.ingest.settings import IngestSettings
from model.data.ingest.stage import Candidate, Staged
from model.data.samples import facts_to_bytes
from model.data.shard_writer import ShardWriter

_KEY_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that was read."""

    file: MediaFile
    """Its place and name."""
    digest: str
    """SHA-256 of its content."""
    notes: Notes
    """What lies beside it."""
    staged: Staged
    """Its candidates."""

    def key(self, index: int) -> str:
        """Names a candidate in the dataset."""
        return f"{self.digest[:_KEY_DIGITS]}-{index:06d}"


@dataclass(kw_only=True)
class Outcome:
    """What became of one source's candidates."""

    chosen: list[int] = field(default_factory=list)
    """Which are kept."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Reason -> how many."""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The written shards."""

    shards: tuple[ShardFile, ...]
    """By file name."""
    seconds: float
    """Of all clips."""
    captions_from: Counter[str]
    """`sidecar` or `measured` -> clips."""


def choose(sources: Sequence[Source], settings: IngestSettings) -> list[Outcome]:
    """Turn away what looks like a clip before it; sources count in the order given."""
    seen = SeenHashes(settings.max_hash_distance)
    outcomes = []
    for source in sources:
        outcome = Outcome()
        for index, item in enumerate(source.staged.candidates):
            why = item.rejected or ("duplicate" if seen.match(source.key(index), item.hashes) else None)
            if why:
                outcome.rejected[why] += 1
            else:
                outcome.chosen.append(index)
        outcomes.append(outcome)
    return outcomes


def write_shards(
    sources: Sequence[Source],
    outcomes: Sequence[Outcome],
    folder: Path,
    settings: IngestSettings,
    rights: tuple[str, str],
    frames_of: Callable[[Source, int], bytes],
) -> Merged:
    """Write the chosen candidates and their list below `folder`; `rights` are the dataset's licence and attribution."""
    writer = ShardWriter(folder, encoding=settings.encoding, clips_per_shard=settings.clips_per_shard)
    captions_from: Counter[str] = Counter()
    seconds = 0.0
    with (folder / LIST).open("wb") as lines:
        for source, outcome in zip(sources, outcomes, strict=True):
            for index in outcome.chosen:
                item = source.staged.candidates[index]
                facts = _facts(source, source.key(index), item, settings.fps, rights)
                data = facts_to_bytes(facts)
                writer.add(source.key(index), item.shape, data, frames_of(source, index))
                lines.write(data + b"\n")
                captions_from[facts["caption_from"]] += 1
                seconds += item.end - item.start
    return Merged(shards=writer.close(), seconds=seconds, captions_from=captions_from)


def _facts(source: Source, key: str, item: Candidate, fps: float, rights: tuple[str, str]) -> dict[str, Any]:
    written = source.notes.caption_of(item.start, item.end)
    licence, attribution = rights
    return {
        "key": key,
        "caption": written or item.caption,
        "caption_from": "sidecar" if written else "measured",
        "source": source.file.name,
        "source_sha256": source.digest,
        "licence": source.notes.licence or licence,
        "attribution": source.notes.attribution or attribution or source.file.name,
        "start_seconds": item.start,
        "end_seconds": item.end,
        "fps": fps,
        "shape": shape_name(item.shape),
        "scores": item.scores,
    }
