"""Embeddings on disk by encoder digest and prompt, so that a heavy encoder reads each prompt once.

One canonical safetensors file a prompt, under the encoder's digest: equal bytes whoever wrote it. A damaged file is
written anew, because the encoder can always say again what it held.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model import tensorfile
from model.text.base import EncodedText, TextEncoder

FORMAT = "tenwings-embedding/1"
Row = tuple[NDArray[np.float32], NDArray[np.bool_]]


class CachedEncoder:
    """An encoder that remembers; it is named by the digest of the one it wraps."""

    def __init__(self, encoder: TextEncoder, folder: Path, *, max_bytes: int = 2 << 30) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, got {max_bytes}")
        self._encoder, self._max_bytes = encoder, max_bytes
        self.digest = encoder.digest
        self._folder = folder / self.digest
        self._held = sum(path.stat().st_size for path in self._folder.glob("*/*"))

    def encode(self, prompts: Sequence[str]) -> EncodedText:
        rows = {prompt: self._read(prompt) for prompt in dict.fromkeys(prompts)}
        new = [prompt for prompt, row in rows.items() if row is None]
        if new:
            fresh = self._encoder.encode(new)
            for prompt, tokens, mask in zip(new, fresh.tokens, fresh.mask, strict=True):
                rows[prompt] = tokens, mask
                self._write(prompt, tokens, mask)
        found = [row for prompt in prompts if (row := rows[prompt]) is not None]
        if not found:
            return self._encoder.encode([])
        return EncodedText(tokens=np.stack([row[0] for row in found]), mask=np.stack([row[1] for row in found]))

    def _path(self, prompt: str) -> Path:
        name = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / name

    def _read(self, prompt: str) -> Row | None:
        try:
            tensors, metadata = tensorfile.decode(self._path(prompt).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if metadata.get("format") != FORMAT or set(tensors) != {"real", "mask"}:
            return None
        mask = tensors["mask"].astype(np.bool_)
        tokens = np.zeros((len(mask), tensors["real"].shape[1]), np.float32)
        tokens[mask] = tensors["real"]
        return tokens, mask

    def _write(self, prompt: str, tokens: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Store the real tokens alone; the draft takes its place in one step, so that readers see all or nothing."""
        data = tensorfile.encode({"real": tokens[mask], "mask": mask.astype(np.uint8)}, {"format": FORMAT})
        self._make_room(len(data))
        path = self._path(prompt)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_bytes(data)
        draft.replace(path)
        self._held += len(data)

    def _make_room(self, size: int) -> None:
        """Drop the oldest files until `size` more bytes fit; another process may have dropped some of them."""
        if self._held + size <= self._max_bytes:
            return
        files = [path for path in self._folder.glob("*/*") if path.is_file()]
        for path in sorted(files, key=lambda path: (_age(path), path.name)):
            self._held -= path.stat().st_size if path.is_file() else 0
            path.unlink(missing_ok=True)
            if self._held + size <= self._max_bytes:
                return


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
