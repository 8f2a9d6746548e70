"""What people wrote beside a file: `film.txt` is its caption, `film.json` may name caption, licence and attribution.

`film.mp4.txt` and `film.mp4.json` are read too, and come first. Captions of parts of a film stand in the JSON's list
`captions`, each with `start` and `end` in seconds; a clip takes the one that covers most of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.data.ingest.scan import Refused
from model.data.licences import licence_id

_LONGEST = 4000
"""Characters of a caption."""
_LARGEST = 10_000_000
"""Bytes of a caption file."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A caption of a part of a film."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    caption: str
    """What is seen in it."""


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What is written beside a file."""

    caption: str = ""
    """Of the whole file."""
    spans: tuple[Span, ...] = ()
    """Of its parts."""
    licence: str = ""
    """SPDX identifier, where it differs from the dataset's."""
    attribution: str = ""
    """Where it differs from the dataset's."""

    def caption_of(self, start: float, end: float) -> str:
        """The caption that covers most of a clip, else the whole file's, else the empty text."""
        shared = [(min(end, span.end) - max(start, span.start), span.caption) for span in self.spans]
        best = max(shared, default=(0.0, ""))
        return best[1] if best[0] > 0 else self.caption


def read_notes(path: Path) -> Notes:
    """Read what lies beside a film or an image. Raises Refused that names the file which cannot be read."""
    texts = [p for p in _beside(path, ".txt") if p.is_file()]
    jsons = [p for p in _beside(path, ".json") if p.is_file()]
    fields = _json_fields(jsons[0]) if jsons else {}
    if texts and not fields.get("caption"):
        fields["caption"] = _caption(_text(texts[0]), texts[0])
    return Notes(**fields)


def _beside(path: Path, suffix: str) -> tuple[Path, Path]:
    return path.with_name(path.name + suffix), path.with_suffix(suffix)


def _json_fields(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(_text(path))
        if not isinstance(raw, dict):
            raise ValueError(f"expected an object, got {type(raw).__name__}")
        spans = tuple(_span(item, path) for item in raw.get("captions", ()))
        licence = raw.get("licence", raw.get("license", ""))
        return {
            "caption": _caption(raw.get("caption", ""), path),
            "spans": spans,
            "licence": licence_id(licence) if licence else "",
            "attribution": _caption(raw.get("attribution", ""), path),
        }
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused(f"its {path.name} cannot be used: {error}") from error


def _span(raw: Mapping[str, Any], path: Path) -> Span:
    start, end = float(raw["start"]), float(raw["end"])
    if not 0 <= start < end:
        raise ValueError(f"a caption's start must lie before its end, got {start} and {end}")
    return Span(start=start, end=end, caption=_caption(raw["caption"], path))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise Refused(f"its {path.name} is larger than {_LARGEST:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"its {path.name} is not UTF-8 text") from error
    except OSError as error:
        raise Refused(f"its {path.name} cannot be read: {error.strerror}") from error


def _caption(text: object, path: Path) -> str:
    if not isinstance(text, str):
        raise Refused(f"its {path.name} cannot be used: expected a text, got {text!r:.40}")
    one_line = " ".join(text.split())
    if len(one_line) > _LONGEST:
        raise Refused(f"its {path.name} holds {len(one_line)} characters, at most {_LONGEST} are taken")
    return one_line
