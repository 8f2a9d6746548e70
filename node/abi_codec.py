"""Calls, results, events and errors of our contracts between Solidity's bytes and Python, from the ABIs in node/abi.

Addresses come out checksummed, bytes as bytes, structs as dicts by component name, arrays as tuples. Text that is not
UTF-8 comes out with replacement characters: a member's odd name must not stop everybody from reading the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.encoding import TextStringEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.deployment import CONTRACTS

ABI_FOLDER = Path(__file__).parent / "abi"

_SOLIDITY_ERROR = bytes.fromhex("08c379a0")  # Error(string): a require with a text
_SOLIDITY_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256): overflow, division by zero, ...


def _lenient_codec() -> ABICodec:
    types = cast(Any, registry).copy()  # eth_abi leaves its registry without annotations
    text = cast(Any, StringDecoder)(handle_string_errors="replace")
    types.unregister("string")
    types.register(cast(Any, BaseEquals)("string"), TextStringEncoder, text, label="string")
    return ABICodec(types)


_CODEC = _lenient_codec()


@dataclass(frozen=True)
class Entry:
    """A function, event or error of an ABI."""

    name: str
    inputs: tuple[Mapping[str, Any], ...]
    outputs: tuple[Mapping[str, Any], ...]

    @property
    def signature(self) -> str:
        """E.g. "claim((uint256,uint32),bytes32[])"."""
        return f"{self.name}({','.join(_types(self.inputs))})"

    @property
    def topic(self) -> bytes:
        """keccak256 of the signature: an event's first topic; a function's or error's selector is its first 4 bytes."""
        return keccak(text=self.signature)


@dataclass(frozen=True)
class ContractAbi:
    """One contract's functions by name, and everything by selector or topic. None of ours overloads a function that we
    call."""

    name: str
    constructor: Entry
    functions: Mapping[str, Entry]
    selectors: Mapping[bytes, Entry]
    events: Mapping[bytes, Entry]
    errors: Mapping[bytes, Entry]


@cache
def abi_of(contract: str) -> ContractAbi:
    """Raises ValueError when `contract` is none of ours."""
    if contract not in CONTRACTS:
        raise ValueError(f"expected one of {', '.join(CONTRACTS)}, got {contract!r}")
    raw = json.loads((ABI_FOLDER / f"{contract}.json").read_text(encoding="utf-8"))
    functions, events, errors = (list(_entries(raw, kind)) for kind in ("function", "event", "error"))
    return ContractAbi(
        name=contract,
        constructor=next(_entries(raw, "constructor")),
        functions={entry.name: entry for entry in functions},
        selectors={entry.topic[:4]: entry for entry in functions},
        events={entry.topic: entry for entry in events},
        errors={entry.topic[:4]: entry for entry in errors},
    )


def encode_call(contract: str, function: str, *args: Any) -> bytes:
    """Calldata: selector and arguments; structs as tuples. Raises ValueError when an argument does not fit its type."""
    entry = abi_of(contract).functions[function]
    return entry.topic[:4] + _encode(entry, args)


def selector(contract: str, function: str) -> bytes:
    """The four bytes that name a function in calldata."""
    return abi_of(contract).functions[function].topic[:4]


def camel_case(name: str) -> str:
    """ "voting_delay_seconds" as Solidity writes it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake_case(name: str) -> str:
    """ "votingDelaySeconds" as Python writes it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def encode_constructor(contract: str, *args: Any) -> bytes:
    """What follows a contract's bytecode when it is created. Raises ValueError when an argument does not fit."""
    return _encode(abi_of(contract).constructor, args)


def decode_result(contract: str, function: str, data: bytes) -> Any:
    """What a function returned: the value, or a tuple when it returns several. Raises ValueError."""
    outputs = abi_of(contract).functions[function].outputs
    values = _decode(outputs, data, f"{contract}.{function}")
    return values[0] if len(values) == 1 else values


def decode_call(contract: str, calldata: bytes) -> tuple[str, dict[str, Any]]:
    """The function's name and its arguments by name. Raises ValueError when the contract has no such function."""
    entry = abi_of(contract).selectors.get(calldata[:4])
    if entry is None:
        raise ValueError(f"expected calldata of a function of {contract}, got selector 0x{calldata[:4].hex()}")
    values = _decode(entry.inputs, calldata[4:], entry.signature)
    return entry.name, _by_name(entry.inputs, values)


def decode_log(contract: str, topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
    """The event's name and its arguments by name; None for an event that the ABI does not know. Raises ValueError when
    the log is malformed."""
    entry = abi_of(contract).events.get(bytes(topics[0])) if topics else None
    if entry is None:
        return None
    plain = [p for p in entry.inputs if not p["indexed"]]
    indexed = [p for p in entry.inputs if p["indexed"]]
    values = _by_name(plain, _decode(plain, data, entry.signature))
    for parameter, topic in zip(indexed, topics[1:], strict=True):
        values[parameter["name"]] = _decode([parameter], bytes(topic), entry.signature)[0]
    return entry.name, {p["name"]: values[p["name"]] for p in entry.inputs}


def decode_error(data: bytes) -> tuple[str, dict[str, Any]]:
    """The name and values of the custom error that a call ended with. Solidity's own are "Error" and "Panic"; one that
    no contract of ours declares, or no data at all, is "Reverted" with what came."""
    selector, body = data[:4], data[4:]
    if selector == _SOLIDITY_ERROR:
        return "Error", {"reason": _CODEC.decode(["string"], body)[0]}
    if selector == _SOLIDITY_PANIC:
        return "Panic", {"code": _CODEC.decode(["uint256"], body)[0]}
    for contract in CONTRACTS:
        entry = abi_of(contract).errors.get(selector)
        if entry is not None:
            return entry.name, _by_name(entry.inputs, _decode(entry.inputs, body, entry.signature))
    return "Reverted", {"data": data} if data else {}


def encode_error(contract: str, rule: str, *values: Any) -> bytes:
    """What a call that ends with this custom error returns. Raises ValueError when a value does not fit."""
    entry = next(entry for entry in abi_of(contract).errors.values() if entry.name == rule)
    return entry.topic[:4] + _encode(entry, values)


def _entries(raw: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Entry]:
    for item in raw:
        if item["type"] == kind:
            yield Entry(item.get("name", ""), tuple(item["inputs"]), tuple(item.get("outputs", ())))


def _types(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_type(parameter) for parameter in parameters]


def _type(parameter: Mapping[str, Any]) -> str:
    declared: str = parameter["type"]
    if declared.startswith("tuple"):
        return f"({','.join(_types(parameter['components']))}){declared.removeprefix('tuple')}"
    return declared


def _encode(entry: Entry, args: Sequence[Any]) -> bytes:
    try:
        return _CODEC.encode(_types(entry.inputs), args)
    except EncodingError as error:
        raise ValueError(f"{entry.signature}: expected arguments that fit, got {args!r}: {error}") from error


def _decode(parameters: Sequence[Mapping[str, Any]], data: bytes, what: str) -> tuple[Any, ...]:
    try:
        values = _CODEC.decode(_types(parameters), data)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"{what}: expected ABI-encoded values, got {data[:80].hex()}: {error}") from error
    return tuple(_pythonic(parameter, value) for parameter, value in zip(parameters, values, strict=True))


def _pythonic(parameter: Mapping[str, Any], value: Any) -> Any:
    declared: str = parameter["type"]
    if declared.endswith("[]"):
        member = {**parameter, "type": declared.removesuffix("[]")}
        return tuple(_pythonic(member, item) for item in value)
    if declared == "tuple":
        fields = [_pythonic(part, item) for part, item in zip(parameter["components"], value, strict=True)]
        return _by_name(parameter["components"], fields)
    return to_checksum_address(value) if declared == "address" else value


def _by_name(parameters: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> dict[str, Any]:
    """By parameter name; a nameless one by its position."""
    return {p["name"] or str(index): value for index, (p, value) in enumerate(zip(parameters, values, strict=True))}
