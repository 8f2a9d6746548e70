"""Where a sampled video comes from: a signed C2PA manifest, and a watermark that outlives it."""

from __future__ import annotations

from model.provenance.manifest import Manifest, Provenance, read_manifest, sign_video
from model.provenance.signer import VideoSigner, load_signer, own_signer
from model.provenance.watermark import Detection, add_watermark, detect, detect_in, payload_of

__all__ = [
    "Detection",
    "Manifest",
    "Provenance",
    "VideoSigner",
    "add_watermark",
    "detect",
    "detect_in",
    "load_signer",
    "own_signer",
    "payload_of",
    "read_manifest",
    "sign_video",
]
