"""Ingestion of real footage: films and images in, a dataset folder with captions, licence and scores out."""

from __future__ import annotations

from model.data.ingest.pipeline import NothingTaken, Progress, ingest
from model.data.ingest.settings import IngestSettings, buckets

__all__ = ["IngestSettings", "NothingTaken", "Progress", "buckets", "ingest"]
