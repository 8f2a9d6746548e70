"""Content that gets a CID: the CID itself, and JSON whose bytes depend on what it says alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NewType

Cid = NewType("Cid", str)
"""A CIDv1 in base32 text: codec raw (0x55) or dag-pb (0x70), sha2-256."""


def canonical_json(value: Any) -> bytes:
    """Bytes of `value` that depend on its content alone: sorted keys, no spaces, ASCII. ValueError on a float."""
    _refuse_floats(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _refuse_floats(value: Any, where: str) -> None:
    if isinstance(value, float):
        raise ValueError(f"{where}: expected an integer or a string, got the float {value!r}; records hold no floats")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where}: expected text keys, got {key!r}")
            _refuse_floats(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_floats(item, f"{where}[{index}]")
