"""The signed manifest of a sampled video (C2PA 2.x, embedded in the MP4): written, read and checked.

Nothing is fetched: no remote manifest, no revocation answer, no time stamp.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import c2pa  # type: ignore[import-untyped]

from model.provenance.signer import VideoSigner

GENERATOR = "Ten Wings"
LABEL = "org.tenwings.sample"
"""Of the assertion that holds prompt, seed, checkpoint and settings."""
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""Of a video that holds frames which were given."""
_UNTRUSTED, _TRUSTED = "signingCredential.untrusted", "signingCredential.trusted"
_KEY_USES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
"""E-mail protection, document signing and C2PA's own: the uses that a signer's certificate may name."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a video was made."""

    prompt: str
    seed: int
    checkpoint: str
    """CID of the checkpoint, or the SHA-256 of its file."""
    settings: Mapping[str, str | int | float | bool]
    """Of the sampler."""
    given: tuple[str, ...] = ()
    """SHA-256 of each file whose frames were given."""
    version: str = ""
    """Of Ten Wings."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"expected a seed of 64 bits, got {self.seed}")
        if not self.checkpoint:
            raise ValueError("expected the checkpoint's CID or digest, got nothing")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the manifest in a file says and whether that holds."""

    provenance: Provenance | None
    """None when another program made the manifest."""
    generator: str
    """The program that names itself as the maker."""
    signer: str
    """Name and organisation in the certificate; anyone may write any name into their own."""
    trusted: bool
    """Whether the certificate leads to a root that the reader trusts; says nothing of the file."""
    failures: tuple[str, ...] = field(default=())
    """C2PA's codes of what does not hold, other than an unknown signer: empty when file and signature match."""

    @property
    def matches(self) -> bool:
        """Whether the signature is over these bytes."""
        return not self.failures


def sign_video(path: Path, provenance: Provenance, signer: VideoSigner) -> None:
    """Put a signed manifest into an MP4, in place. Raises ValueError with C2PA's reason."""
    info = c2pa.C2paSignerInfo(signer.algorithm.encode(), signer.chain_pem, signer.key_pem, None)
    part = path.with_name(f".{path.stem}.signing{path.suffix}")
    try:
        with (
            c2pa.Signer.from_info(info) as hand,
            c2pa.Context.from_dict(_settings()) as context,
            c2pa.Builder(_definition(path.name, provenance), context=context) as builder,
        ):
            builder.sign_file(str(path), str(part), hand)
        part.replace(path)
    except c2pa.C2paError as error:
        raise ValueError(f"cannot sign {path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def read_manifest(path: Path, trusted_pem: str = "") -> Manifest | None:
    """Read and check the manifest of a file; None when there is none. `trusted_pem` names roots to trust.

    Raises ValueError for a file that cannot be parsed.
    """
    try:
        with (
            c2pa.Context.from_dict(_settings(trusted_pem)) as context,
            c2pa.Reader(str(path), context=context) as reader,
        ):
            return _manifest(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise ValueError(f"cannot read the manifest of {path}: {error}") from error


def _definition(title: str, provenance: Provenance) -> dict[str, Any]:
    agent = {"name": GENERATOR} | ({"version": provenance.version} if provenance.version else {})
    # Numbers of the manifest are signed 64-bit: a seed may be larger, so it goes as text.
    source = COMPOSITE_TYPE if provenance.given else SOURCE_TYPE
    created = {"action": "c2pa.created", "digitalSourceType": source, "softwareAgent": agent}
    made = {
        "prompt": provenance.prompt,
        "seed": str(provenance.seed),
        "checkpoint": provenance.checkpoint,
        "settings": dict(provenance.settings),
        "given": list(provenance.given),
        "version": provenance.version,
    }
    return {
        "claim_generator_info": [agent],
        "title": title,
        "format": "video/mp4",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": LABEL, "data": made},
        ],
    }


def _settings(trusted_pem: str = "") -> dict[str, Any]:
    trust: dict[str, Any] = {"trust_config": "\n".join(_KEY_USES)}
    if trusted_pem:
        trust["user_anchors"] = trusted_pem
    return {
        "trust": trust,
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }


def _manifest(read: Mapping[str, Any]) -> Manifest:
    active = read["manifests"][read["active_manifest"]]
    results = read.get("validation_results", {}).get("activeManifest", {})
    codes = [failure["code"] for failure in results.get("failure", [])]
    info = active.get("signature_info", {})
    names = [info.get(key, "") for key in ("common_name", "issuer")]
    generators = [g.get("name", "") for g in active.get("claim_generator_info", [])]
    return Manifest(
        provenance=_provenance(active.get("assertions", [])),
        generator=", ".join(generators),
        signer=", ".join(name for name in names if name) or "unknown",
        trusted=any(success["code"] == _TRUSTED for success in results.get("success", [])),
        failures=tuple(code for code in dict.fromkeys(codes) if code != _UNTRUSTED),
    )


def _provenance(assertions: list[dict[str, Any]]) -> Provenance | None:
    ours = [assertion["data"] for assertion in assertions if assertion.get("label") == LABEL]
    if not ours:
        return None
    try:
        return Provenance(**(ours[0] | {"seed": int(ours[0]["seed"]), "given": tuple(ours[0]["given"])}))
    except (KeyError, TypeError, ValueError):
        return None
