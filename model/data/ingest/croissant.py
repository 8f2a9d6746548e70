"""The dataset's description for other tools: a Croissant 1.0 manifest (mlcommons.org/croissant/1.0), as JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model.data.folder import ShardFile
from model.data.licences import licence_url

FILE = "croissant.json"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FIELDS = {
    "key": ("sc:Text", "Names the clip in this dataset."),
    "caption": ("sc:Text", "What is seen in the clip."),
    "caption_from": ("sc:Text", "`sidecar` where a person wrote it, `measured` where it was measured."),
    "source": ("sc:Text", "The file that the clip was cut from."),
    "source_sha256": ("sc:Text", "SHA-256 of that file."),
    "licence": ("sc:Text", "SPDX identifier."),
    "attribution": ("sc:Text", "Whom to name."),
    "start_seconds": ("sc:Float", "Where the clip starts in its source."),
    "end_seconds": ("sc:Float", "Where it ends."),
    "fps": ("sc:Float", "Frames a second of the clip."),
    "shape": ("sc:Text", "Frames x height x width."),
}


def croissant(manifest: Mapping[str, Any], shards: Sequence[ShardFile]) -> dict[str, Any]:
    """Describe a dataset folder from its `dataset.json`."""
    totals = manifest["totals"]
    licences = sorted(set(manifest["licence"].split(" AND ")))
    urls = [licence_url(identifier) for identifier in licences]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest["name"],
        "description": f"{totals['num_clips']} captioned clips cut from {len(manifest['sources'])} files.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": urls[0] if len(urls) == 1 else urls,
        "creditText": manifest["attribution"],
        "distribution": [*map(_file_object, shards), *_file_sets(manifest["settings"]["encoding"], shards)],
        "recordSet": [_record_set()],
    }


def _file_object(shard: ShardFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": shard.name,
        "name": shard.name,
        "description": f"{shard.num_clips} clips as WebDataset samples.",
        "contentUrl": shard.file,
        "contentSize": f"{shard.num_bytes} B",
        "encodingFormat": "application/x-tar",
        "sha256": shard.sha256,
    }


def _file_sets(encoding: str, shards: Sequence[ShardFile]) -> list[dict[str, Any]]:
    held = [{"@id": shard.name} for shard in shards]
    kinds = {"npy": "application/x-npy", "mp4": "video/mp4"}
    sets = {"facts": ("*.json", "application/json"), "frames": (f"*.{encoding}", kinds[encoding])}
    return [
        {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "containedIn": held if len(held) > 1 else held[0],
            "encodingFormat": kind,
            "includes": pattern,
        }
        for name, (pattern, kind) in sets.items()
    ]


def _record_set() -> dict[str, Any]:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"clips/{name}",
            "name": name,
            "description": words,
            "dataType": kind,
            "source": {"fileSet": {"@id": "facts"}, "extract": {"jsonPath": f"$.{name}"}},
        }
        for name, (kind, words) in _FIELDS.items()
    ]
    return {"@type": "cr:RecordSet", "@id": "clips", "name": "clips", "key": {"@id": "clips/key"}, "field": fields}
