"""A trainer's error feedback on disk: what compression left out survives a restart and a refusal.

The file holds the last update and the buffer before and after it. An update that did not enter its round's commit is
as if it had never been made: the next one starts from the buffer before it. To send its mass again would be wrong: it
was taken at a base that the others have left behind, along the way they have gone since; a trainer that was late a few
times then overshot, was found harmful for it, and overshot further the next time.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from federation.config import WireSpec
from federation.error_feedback import ErrorFeedback
from federation.outcome import Tensors
from federation.pseudo_gradient import shapes_of
from federation.wire import WireError
from node import cid as cids

_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, kw_only=True)
class _Saved:
    round: int
    before: bytes
    after: bytes
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class FeedbackFile:
    """The error feedback of one member in one run."""

    path: Path
    wire: WireSpec

    def compress(self, difference: Tensors, *, round_number: int, was_counted: Callable[[int, bytes], bool]) -> bytes:
        """The update for this pseudo-gradient; the new buffer is on disk before it is returned.

        `was_counted(round, update digest)` tells whether the last update entered its round's commit. Asked again for
        the same round (a crash, a repeated attempt), it starts from the same buffer and makes the same update.
        """
        saved = self._load()
        feedback = ErrorFeedback(float(self.wire.error_decay), top_k=self.wire.top_k)
        if saved is not None:
            was = saved.after if was_counted(saved.round, cids.digest(cids.of(saved.payload))) else saved.before
            feedback = self._buffer(was, difference)
        before = feedback.to_bytes()
        payload, _ = feedback.step(difference)
        self._save(_Saved(round=round_number, before=before, after=feedback.to_bytes(), payload=payload))
        return payload

    def last_payload(self) -> bytes:
        """The update that was made last. Raises ValueError when there is none."""
        saved = self._load()
        if saved is None:
            raise ValueError(f"{self.path}: expected an error feedback file, there is none")
        return saved.payload

    def _buffer(self, data: bytes, difference: Tensors) -> ErrorFeedback:
        """The saved buffer; a fresh one when it belongs to tensors of other shapes."""
        decay, top_k = float(self.wire.error_decay), self.wire.top_k
        try:
            feedback = ErrorFeedback.from_bytes(data, decay=decay, top_k=top_k)
        except WireError as error:
            raise self._broken(error) from error
        if shapes_of(feedback.error) != shapes_of(difference):
            return ErrorFeedback(decay, top_k=top_k)
        return feedback

    def _load(self) -> _Saved | None:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            (size,) = _LENGTH.unpack_from(data)
            head = json.loads(data[_LENGTH.size : _LENGTH.size + size])
            rest = data[_LENGTH.size + size :]
            cuts = head["before"], head["before"] + head["after"]
            return _Saved(
                round=head["round"], before=rest[: cuts[0]], after=rest[cuts[0] : cuts[1]], payload=rest[cuts[1] :]
            )
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ValueError:
        return ValueError(f"{self.path}: expected an error feedback file; delete it to start without: {error}")

    def _save(self, saved: _Saved) -> None:
        sizes = {"round": saved.round, "before": len(saved.before), "after": len(saved.after)}
        head = json.dumps(sizes).encode()
        draft = self.path.with_suffix(".draft")
        draft.write_bytes(_LENGTH.pack(len(head)) + head + saved.before + saved.after + saved.payload)
        draft.replace(self.path)
