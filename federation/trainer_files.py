"""What a trainer keeps on disk between rounds of a run: moments, error feedback, its last update, its last answer.

None of it leaves the node but the update. A crash between any two lines loses no more than the round's work.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from federation.config import RunSpec
from federation.feedback import FeedbackFile
from federation.messages import TrainTask
from federation.pseudo_gradient import pseudo_gradient
from model.checkpoint import Checkpoint, read
from model.train import TrainResult

Reply = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrainerFiles:
    """One member's files of one run."""

    folder: Path
    """The member's."""
    run_id: int
    spec: RunSpec
    """As the chain has it now: it says how updates are written."""

    def moments(self) -> bytes | None:
        """AdamW's moments of this node's last round; adapters start afresh in each."""
        path = self._path("optimizer")
        data = path.read_bytes() if path.exists() and not self.spec.inner.lora else b""
        return data or None

    def keep_moments(self, data: bytes) -> None:
        """For the next round."""
        replace_file(self._path("optimizer"), data)

    def payload(
        self, round_number: int, base: Checkpoint, result: TrainResult, *, was_counted: Callable[[int, bytes], bool]
    ) -> bytes:
        """The update as the spec wants it written; on disk before it is returned."""
        if result.adapters:
            replace_file(self._path("adapters"), result.adapters)
            return result.adapters
        difference = pseudo_gradient(base.tensors, read(result.end_state).tensors)
        return self._feedback.compress(difference, round_number=round_number, was_counted=was_counted)

    def last_payload(self) -> bytes:
        """The update that was made last."""
        return self._path("adapters").read_bytes() if self.spec.inner.lora else self._feedback.last_payload()

    @property
    def _feedback(self) -> FeedbackFile:
        return FeedbackFile(path=self._path("feedback"), wire=self.spec.wire)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}-{self.run_id}.bin"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A train task and its answer on disk: asked twice for the same work, a node hands in the same update."""

    path: Path
    key: list[Any]
    """What was asked for."""

    @classmethod
    def of(cls, folder: Path, task: TrainTask) -> Lease:
        """The lease of a task."""
        key = [task.run_id, task.round, task.attempt, task.spec_cid, task.base_cid, *task.shards]
        return cls(path=folder / f"lease-{task.run_id}.json", key=key)

    def answered(self) -> Reply | None:
        """The reply that was given to this very lease before."""
        try:
            saved = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return dict(saved["reply"]) if saved["lease"] == self.key else None

    def answer(self, reply: Reply) -> Reply:
        """Keep the reply and give it."""
        replace_file(self.path, json.dumps({"lease": self.key, "reply": reply}).encode())
        return reply


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(data)
    draft.replace(path)
