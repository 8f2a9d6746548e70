"""A run's folder: whole checkpoints under step-NNNNNNNN, each put in place by one rename, the oldest removed.

Each holds state.safetensors (to resume), model.safetensors and ema.safetensors (checkpoints) and, where adapters are
trained, adapters.safetensors (their average); `latest` points at the newest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STATE, MODEL, EMA = "state.safetensors", "model.safetensors", "ema.safetensors"
ADAPTERS = "adapters.safetensors"


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """The checkpoints of one run."""

    folder: Path
    """Made when the first is saved."""
    keep: int = 2
    """Newest checkpoints that stay."""

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep must be at least 1, got {self.keep}")

    def steps(self) -> list[int]:
        """Return the steps that were saved whole and still lie there, oldest first."""
        names = [path.name for path in self.folder.glob("step-*") if path.is_dir()]
        return sorted(int(name.removeprefix("step-")) for name in names)

    def path(self, step: int) -> Path:
        """Return the folder of a step's checkpoint."""
        return self.folder / f"step-{step:08d}"

    def latest(self) -> Path | None:
        """Return the newest checkpoint's folder."""
        steps = self.steps()
        return self.path(steps[-1]) if steps else None

    def save(self, step: int, files: Mapping[str, bytes]) -> Path:
        """Put a step's files in place together, then let the oldest go."""
        target = self.path(step)
        if not target.is_dir():
            _write(self.folder / f".draft-{os.getpid()}", files).rename(target)
            self._point(target)
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old))
        return target

    def _point(self, target: Path) -> None:
        link = self.folder / f".latest-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(target.name)
        link.replace(self.folder / "latest")


def _write(draft: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a draft folder, on the disk before the rename that makes them count."""
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, data in files.items():
        with (draft / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return draft
