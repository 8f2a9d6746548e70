"""Sampled videos and where they come from: marked and signed when written, both read back by `tenwings verify`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.provenance import (
    Detection,
    Manifest,
    Provenance,
    VideoSigner,
    detect_in,
    load_signer,
    own_signer,
    payload_of,
    read_manifest,
)
from model.provenance.watermark import NUM_BITS
from node.config import Home
from node.errors import ConfigError

if TYPE_CHECKING:
    from federation.sampling import SampleRequest

CHAIN_VARIABLE, KEY_VARIABLE = "TENWINGS_SIGNING_CHAIN", "TENWINGS_SIGNING_KEY"
MIN_AGREEING = 28
"""Of 32 bits; by chance one picture in a hundred thousand agrees in as many."""


def signer_of(home: Home, environ: Mapping[str, str] | None = None) -> VideoSigner:
    """The chain and key that the environment names, else the installation's own, made when first needed."""
    environ = os.environ if environ is None else environ
    chain, key = environ.get(CHAIN_VARIABLE), environ.get(KEY_VARIABLE)
    if bool(chain) != bool(key):
        raise ConfigError(f"expected both {CHAIN_VARIABLE} and {KEY_VARIABLE}, or neither")
    return load_signer(Path(chain), Path(key)) if chain and key else own_signer(home.provenance)


def provenance_of(request: SampleRequest, checkpoint: str, task: str, size: tuple[int, int, int]) -> Provenance:
    """What the manifest of the first prompt's video says."""
    given = request.given
    files = [*given.images, *([given.video] if given.video else [])] if given else []
    num_frames, height, width = size
    return Provenance(
        prompt=request.prompts[0],
        seed=request.seed,
        checkpoint=checkpoint,
        settings={
            "sampler": request.sampler,
            "steps": request.num_steps,
            "guidance": float(request.guidance),
            "guidance_interval": ",".join(f"{time:g}" for time in request.interval),
            "negative": request.negative,
            "task": task,
            "frames": num_frames,
            "height": height,
            "width": width,
            "seconds": float(request.num_seconds),
            "watermark": request.watermark,
        },
        given=tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in files),
        version=version("ten-wings"),
    )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a video file says of itself and what of that holds."""

    video: Path
    manifest: Manifest | None
    watermark: Detection

    @property
    def problem(self) -> str:
        """Why it cannot be relied on; empty when it can."""
        if self.manifest is None:
            return f"{self.video} carries no signed manifest: nothing proves how it was made"
        if not self.manifest.matches:
            return (
                f"{self.video} does not match its manifest ({', '.join(self.manifest.failures)}): the file or the "
                "manifest was changed after it was signed"
            )
        if self._agreeing is not None and self._agreeing < MIN_AGREEING:
            return (
                f"{self.video} does not match its manifest: the watermark is that of another checkpoint, "
                f"{self._agreeing} of {NUM_BITS} bits agree with {self._made.checkpoint if self._made else ''}"
            )
        return ""

    @property
    def _made(self) -> Provenance | None:
        return self.manifest.provenance if self.manifest else None

    @property
    def _agreeing(self) -> int | None:
        if not self.watermark.found or self._made is None:
            return None
        return self.watermark.agreeing(payload_of(self._made.checkpoint))

    def as_object(self) -> dict[str, Any]:
        """For --json."""
        made, mark = self._made, self.watermark
        told = {"prompt": made.prompt, "seed": made.seed, "checkpoint": made.checkpoint} if made else {}
        return {
            **told,
            "video": str(self.video),
            "settings": dict(made.settings) if made else None,
            "given": list(made.given) if made else None,
            "signed": self.manifest is not None,
            "matches": self.manifest is not None and not self.problem,
            "signer": self.manifest.signer if self.manifest else None,
            "trusted": self.manifest is not None and self.manifest.trusted,
            "watermark": f"{mark.payload:08x}" if mark.found else None,
            "watermark_chance": mark.chance,
            "watermark_agreeing_bits": self._agreeing,
        }

    def as_text(self) -> str:
        """For people."""
        lines = []
        if self._made is not None:
            made = self._made
            lines += [f"prompt      {made.prompt}", f"seed        {made.seed}", f"checkpoint  {made.checkpoint}"]
            lines += [f"settings    {', '.join(f'{k} {v}' for k, v in made.settings.items() if v != '')}"]
            lines += [f"given       file with SHA-256 {digest}" for digest in made.given]
        elif self.manifest is not None:
            lines.append(f"made by     {self.manifest.generator}, which left no prompt that we can read")
        return "\n".join([*lines, f"signature   {self._signature()}", f"watermark   {self._mark()}"])

    def _signature(self) -> str:
        if self.manifest is None:
            return "none: the file carries no manifest"
        held = "matches the file" if self.manifest.matches else "does not match the file"
        known = "whom this machine trusts" if self.manifest.trusted else "whom no trust list here names"
        return f"{held}; by {self.manifest.signer}, {known}"

    def _mark(self) -> str:
        mark = self.watermark
        if not mark.found:
            return "none found"
        bits = f"; {self._agreeing} of {NUM_BITS} bits agree with the checkpoint" if self._agreeing is not None else ""
        return f"found, {mark.payload:08x}{bits}; by chance with p of at most {max(mark.chance, 1e-300):.0e}"


def verify_video(home: Home, video: Path, trust: Path | None = None) -> Verdict:
    """Read manifest and watermark. The installation's own root is trusted, and those in the PEM file `trust`.

    Raises FileNotFoundError and, for a file that is no video, ValueError.
    """
    if not video.is_file():
        raise FileNotFoundError(f"expected a video file, there is none at {video}")
    roots = [path for path in (home.signing_chain, trust) if path is not None and (path is trust or path.is_file())]
    manifest = read_manifest(video, "\n".join(path.read_text() for path in roots))
    return Verdict(video=video, manifest=manifest, watermark=detect_in(video))
