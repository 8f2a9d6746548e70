"""Clips of an earlier run in the same folder: files that have not changed need not be decoded again."""

from __future__ import annotations

from pathlib import Path

from model.data.folder import ClipReader, DatasetFolder
from model.data.ingest.settings import IngestSettings


class Former:
    """The dataset that a folder held before; empty where there is none that these settings would have made."""

    def __init__(self, out: Path, settings: IngestSettings) -> None:
        self._readers: list[ClipReader] = []
        self._places: dict[str, tuple[ClipReader, int]] = {}
        try:
            dataset = DatasetFolder(out)
        except ValueError:
            return  # none yet, or one of another format
        if dataset.manifest["settings_digest"] == settings.digest:
            self._index(dataset)

    def has(self, key: str, source_digest: str) -> bool:
        """Whether the clip is here and cut from that very file."""
        if key not in self._places:
            return False
        reader, index = self._places[key]
        return bool(reader.facts(index)["source_sha256"] == source_digest)

    def frames(self, key: str) -> bytes:
        """A clip's serialised frames."""
        reader, index = self._places[key]
        return reader.frame_bytes(index)

    def _index(self, dataset: DatasetFolder) -> None:
        for shard in dataset.shards:
            path = dataset.path / shard.file
            if not path.is_file() or path.stat().st_size != shard.num_bytes:
                continue
            reader = ClipReader(dataset, [shard])
            for index in range(len(reader)):
                self._places[reader.facts(index)["key"]] = reader, index
