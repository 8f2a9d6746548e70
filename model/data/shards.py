"""A shard: captioned clips <-> deterministic bytes, so that equal clips have an equal CID."""

from __future__ import annotations

import json

from model.data.clips import Clips
from model.tensorfile import decode, encode

FORMAT = "tenwings-shard/1"


def pack(clips: Clips) -> bytes:
    """Serialise clips."""
    texts = {"captions": clips.captions, "attributions": clips.attributions}
    metadata = {name: json.dumps(list(value), ensure_ascii=False) for name, value in texts.items()}
    return encode({"frames": clips.frames}, metadata | {"format": FORMAT})


def unpack(data: bytes) -> Clips:
    """Read `pack` back; cut, damaged or alien bytes raise ValueError saying what is off."""
    try:
        tensors, metadata = decode(data)
    except ValueError as error:
        raise ValueError(f"not a shard ({FORMAT}): {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"expected a {FORMAT} file, got format {metadata.get('format')!r}")
    if tensors.keys() != {"frames"}:
        raise ValueError(f"a shard holds one tensor 'frames', got {sorted(tensors)}")
    return Clips(
        frames=tensors["frames"],
        captions=_texts(metadata, "captions"),
        attributions=_texts(metadata, "attributions"),
    )


def _texts(metadata: dict[str, str], name: str) -> tuple[str, ...]:
    try:
        value = json.loads(metadata[name])
    except (KeyError, ValueError) as error:
        raise ValueError(f"shard metadata needs {name!r} as a JSON list of texts") from error
    if not isinstance(value, list):
        raise ValueError(f"shard metadata needs {name!r} as a JSON list, got {type(value)}")
    return tuple(value)
