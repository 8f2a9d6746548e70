"""The coordinator's journal of the open round: what it has gathered so far survives a crash.

One file, replaced atomically after each phase. A journal of another round, spec or base is of no use and is dropped:
the chain's head decides where the run stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Journal:
    """Phases of the open round, by name."""

    path: Path

    def open_round(self, run_id: int, round_number: int, spec_cid: str, base_cid: str) -> dict[str, Any]:
        """Phases already gathered for exactly this round; empty when it is new."""
        self._key = [run_id, round_number, spec_cid, base_cid]
        self._phases: dict[str, Any] = {}
        try:
            saved = json.loads(self.path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        if isinstance(saved, dict) and saved.get("round") == self._key and isinstance(saved.get("phases"), dict):
            self._phases = saved["phases"]
        return dict(self._phases)

    def phase(self, name: str, gather: Callable[[], Any]) -> Any:
        """The phase's result: from the journal when it was gathered before a crash, else gathered now and kept."""
        if name not in self._phases:
            self._phases[name] = gather()
            self._save()
        return self._phases[name]

    def close_round(self) -> None:
        """Forget the round: it is committed or has failed."""
        self.path.unlink(missing_ok=True)

    def _save(self) -> None:
        draft = self.path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(json.dumps({"round": self._key, "phases": self._phases}).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
