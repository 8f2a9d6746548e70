"""The manifest of a dataset folder: everything that one may ask of it later, and nothing that depends on the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from model.data.folder import FORMAT, ShardFile, shape_name
from model.data.ingest.measure import REASONS, SCORES
from model.data.ingest.merge import Merged, Outcome, Source
from model.data.ingest.settings import IngestSettings
from model.data.licences import licence_of_all

_EDGES: dict[str, tuple[float, ...]] = {
    "motion": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    "activity": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    "sharpness": (0, 10, 30, 100, 300, 1000, 3000, 10_000),
    "contrast": (0, 3, 6, 12, 25, 50, 100),
    "brightness": (0, 32, 64, 96, 128, 160, 192, 224, 256),
}


def manifest(
    *,
    name: str,
    licence: str,
    attribution: str,
    settings: IngestSettings,
    sources: Sequence[Source],
    outcomes: Sequence[Outcome],
    merged: Merged,
    refused: Mapping[str, str],
    num_ignored: int,
) -> dict[str, Any]:
    """The content of `dataset.json`."""
    pairs = list(zip(sources, outcomes, strict=True))
    licences = {source.notes.licence or licence for source, outcome in pairs if outcome.chosen}
    return {
        "format": FORMAT,
        "name": name,
        "licence": licence_of_all(licences),
        "attribution": attribution,
        "settings": asdict(settings),
        "settings_digest": settings.digest,
        "shards": [shard_entry(shard) for shard in merged.shards],
        "sources": [_source_entry(source, outcome) for source, outcome in pairs],
        "refused": dict(sorted(refused.items())),
        "num_ignored": num_ignored,
        "totals": _totals(sources, outcomes, merged),
        "histograms": _histograms(sources),
    }


def shard_entry(shard: ShardFile) -> dict[str, Any]:
    """A shard as JSON."""
    return {**asdict(shard), "shape": shape_name(shard.shape)}


def _source_entry(source: Source, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": source.file.name,
        "sha256": source.digest,
        "seconds": source.staged.seconds,
        "still": source.staged.still,
        "num_clips": len(outcome.chosen),
        "rejected": dict(sorted(outcome.rejected.items())),
        "licence": source.notes.licence,
        "attribution": source.notes.attribution,
    }


def _totals(sources: Sequence[Source], outcomes: Sequence[Outcome], merged: Merged) -> dict[str, Any]:
    rejected = sum((outcome.rejected for outcome in outcomes), Counter[str]())
    return {
        "num_clips": sum(len(outcome.chosen) for outcome in outcomes),
        "clip_seconds": round(merged.seconds, 3),
        "source_seconds": round(sum(source.staged.seconds for source in sources), 3),
        "captions_from": dict(sorted(merged.captions_from.items())),
        "rejected": {reason: rejected[reason] for reason in REASONS if rejected[reason]},
    }


def _histograms(sources: Sequence[Source]) -> dict[str, Any]:
    """Of every score over all candidates, kept and rejected by a filter apart."""
    candidates = [item for source in sources for item in source.staged.candidates]
    result = {}
    for name in SCORES:
        edges = [*_EDGES[name], float("inf")]
        kept = [item.scores[name] for item in candidates if name in item.scores and not item.rejected]
        gone = [item.scores[name] for item in candidates if name in item.scores and item.rejected]
        result[name] = {
            "edges": list(_EDGES[name]),
            "kept": np.histogram(kept, edges)[0].tolist(),
            "rejected": np.histogram(gone, edges)[0].tolist(),
        }
    return result
