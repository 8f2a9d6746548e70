"""What the wire format refuses with: a code for the record, a text for the owner."""

from __future__ import annotations

from typing import Literal, TypeAlias

WireErrorCode: TypeAlias = Literal["malformed", "wrong-shape", "not-finite", "too-large"]


class WireError(ValueError):
    """Bytes or tensors that are no update of this run; `code` goes to the refusal's record, the text to its owner."""

    def __init__(self, code: WireErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: WireErrorCode = code
