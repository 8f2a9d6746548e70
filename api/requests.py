"""Signed requests as JSON: from a struct's name and its fields to the record that the contracts take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from eth_utils.address import is_checksum_address

from api.errors import Refused
from node.cid import parse
from node.records.chain import Address
from node.signed_requests import REQUESTS, MemberRequest

_MAX_TEXT = 2_000


def parse_request(name: str, values: Mapping[str, str | int]) -> MemberRequest:
    """Raises Refused (422) that names the field."""
    cls = REQUESTS.get(name)
    if cls is None:
        raise Refused(422, "unknown-request", f"Expected one of {', '.join(sorted(REQUESTS))}, got {name[:60]!r}.")
    wanted = {field.name: str(field.type) for field in fields(cls)}
    if set(values) != set(wanted):
        raise Refused(422, "wrong-fields", f"Expected the fields {', '.join(wanted)}, got {', '.join(sorted(values))}.")
    record: MemberRequest = cls(**{field: _value(field, kind, values[field]) for field, kind in wanted.items()})
    return record


def _value(field: str, kind: str, raw: str | int) -> Any:
    try:
        return _PARSERS[kind](raw)
    except (ValueError, TypeError) as error:
        raise Refused(422, "wrong-field", f"{field}: expected {kind}, got {str(raw)[:60]!r} ({error}).") from error


def _bytes(raw: str | int) -> bytes:
    text = str(raw)
    if not text.startswith("0x"):
        raise ValueError("bytes are 0x hex")
    return bytes.fromhex(text[2:])


def _address(raw: str | int) -> Address:
    if not isinstance(raw, str) or not is_checksum_address(raw):
        raise ValueError("addresses are checksummed")
    return Address(raw)


def _text(raw: str | int) -> str:
    if not isinstance(raw, str) or len(raw) > _MAX_TEXT:
        raise ValueError(f"text has at most {_MAX_TEXT} characters")
    return raw


_PARSERS: dict[str, Callable[[str | int], Any]] = {
    "Address": _address,
    "Cid": lambda raw: parse(_text(raw)),
    "bytes": _bytes,
    "int": int,
    "str": _text,
}
