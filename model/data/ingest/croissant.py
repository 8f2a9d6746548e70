"""The dataset's description for other tools: a Croissant 1.0 manifest (mlcommons.org/croissant/1.0), as JSON-LD."""

from __future__ import annotations

import hashlib
from typing import Any

from model.data.folder import LIST, DatasetFolder, ShardFile
from model.data.licences import licence_url

FILE = "croissant.json"
_KINDS = {"npy": "application/x-npy", "mp4": "video/mp4"}
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


def croissant(dataset: DatasetFolder) -> dict[str, Any]:
    """Describe a dataset folder. No date of publication: equal datasets have equal bytes."""
    manifest = dataset.manifest
    urls = [licence_url(identifier) for identifier in sorted(set(manifest["licence"].split(" AND ")))]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest["name"],
        "description": f"{manifest['totals']['num_clips']} captioned clips cut from {len(manifest['sources'])} files.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": urls[0] if len(urls) == 1 else urls,
        "creditText": manifest["attribution"],
        "citeAs": f"{manifest['name']}, {manifest['attribution'] or 'by the authors of its files'}",
        "version": "1.0.0",
        "distribution": [_list_object(dataset), *map(_shard_object, dataset.shards), _frame_set(dataset)],
        "recordSet": [_clips(), _frames()],
    }


def _list_object(dataset: DatasetFolder) -> dict[str, Any]:
    data = (dataset.path / LIST).read_bytes()
    return {
        "@type": "cr:FileObject",
        "@id": "list",
        "name": "list",
        "description": "What is known of each clip, one a line.",
        "contentUrl": LIST,
        "contentSize": f"{len(data)} B",
        "encodingFormat": "application/jsonlines",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _shard_object(shard: ShardFile) -> dict[str, Any]:
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


def _frame_set(dataset: DatasetFolder) -> dict[str, Any]:
    held = [{"@id": shard.name} for shard in dataset.shards]
    return {
        "@type": "cr:FileSet",
        "@id": "frame-files",
        "name": "frame-files",
        "description": "The clips' frames, a file each.",
        "containedIn": held if len(held) > 1 else held[0],
        "encodingFormat": _KINDS[dataset.encoding],
        "includes": f"*.{dataset.encoding}",
    }


def _clips() -> dict[str, Any]:
    fields = [
        _field("clips", name, kind, words, {"fileObject": {"@id": "list"}, "extract": {"column": name}})
        for name, (kind, words) in _FIELDS.items()
    ]
    return {"@type": "cr:RecordSet", "@id": "clips", "name": "clips", "key": {"@id": "clips/key"}, "field": fields}


def _frames() -> dict[str, Any]:
    files = {"fileSet": {"@id": "frame-files"}}
    named = {**files, "extract": {"fileProperty": "filename"}, "transform": {"regex": r"^([^.]+)"}}
    key = _field("frames", "key", "sc:Text", "The clip's key.", named)
    content = _field(
        "frames", "content", "sc:Text", "The file's bytes.", {**files, "extract": {"fileProperty": "content"}}
    )
    fields = [{**key, "references": {"field": {"@id": "clips/key"}}}, content]
    return {"@type": "cr:RecordSet", "@id": "frames", "name": "frames", "key": {"@id": "frames/key"}, "field": fields}


def _field(record_set: str, name: str, kind: str, words: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": words,
        "dataType": kind,
        "source": source,
    }
