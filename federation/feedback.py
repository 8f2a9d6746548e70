"""A trainer's error feedback on disk: what compression left out survives a restart and a refusal.

The file holds the buffer after the last update and that update itself. When the next round begins, an update that
did not enter its round's commit is put back, so that its mass is sent again.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from federation.config import WireSpec
from federation.error_feedback import ErrorFeedback
from federation.outcome import Tensors
from federation.pseudo_gradient import shapes_of
from federation.wire import WireError, decode
from node import cid as cids

_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, kw_only=True)
class _Saved:
    round: int
    buffer: bytes
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class FeedbackFile:
    """The error feedback of one member in one run."""

    path: Path
    wire: WireSpec

    def compress(self, difference: Tensors, *, round_number: int, was_counted: Callable[[int, bytes], bool]) -> bytes:
        """The update for this pseudo-gradient; the new buffer is on disk before it is returned.

        `was_counted(round, update digest)` tells whether the last update entered its round's commit. Asked again for
        the same round (a crash, a repeated attempt), the earlier update is put back first.
        """
        saved = self._load()
        decay = float(self.wire.error_decay)
        feedback = ErrorFeedback(decay, top_k=self.wire.top_k)
        if saved is not None:
            feedback = self._buffer(saved, difference)
            if not was_counted(saved.round, cids.digest(cids.of(saved.payload))):
                difference = _put_back(difference, saved.payload, np.float32(decay))
        payload, _ = feedback.step(difference)
        self._save(_Saved(round=round_number, buffer=feedback.to_bytes(), payload=payload))
        return payload

    def last_payload(self) -> bytes:
        """The update that was made last. Raises ValueError when there is none."""
        saved = self._load()
        if saved is None:
            raise ValueError(f"{self.path}: expected an error feedback file, there is none")
        return saved.payload

    def _buffer(self, saved: _Saved, difference: Tensors) -> ErrorFeedback:
        """The saved buffer; a fresh one when it belongs to tensors of other shapes."""
        decay, top_k = float(self.wire.error_decay), self.wire.top_k
        try:
            feedback = ErrorFeedback.from_bytes(saved.buffer, decay=decay, top_k=top_k)
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
            buffer, payload = rest[: head["buffer"]], rest[head["buffer"] :]
            return _Saved(round=head["round"], buffer=buffer, payload=payload)
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ValueError:
        return ValueError(f"{self.path}: expected an error feedback file; delete it to start without: {error}")

    def _save(self, saved: _Saved) -> None:
        head = json.dumps({"round": saved.round, "buffer": len(saved.buffer)}).encode()
        draft = self.path.with_suffix(".draft")
        draft.write_bytes(_LENGTH.pack(len(head)) + head + saved.buffer + saved.payload)
        draft.replace(self.path)


def _put_back(difference: Tensors, payload: bytes, decay: np.float32) -> Tensors:
    """The pseudo-gradient with a lost update added, decayed as the buffer will be."""
    try:
        lost = decode(payload, shapes_of(difference))
    except WireError:
        return difference
    return {name: tensor + decay * lost[name] for name, tensor in difference.items()}
