"""The committed bytecode of the contracts, as contracts/scripts/export.py wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from node.errors import PrerequisiteError
from node.records.content import canonical_json

ARTIFACT_FOLDER = Path(__file__).resolve().parent.parent / "contracts" / "artifacts"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A compiled contract."""

    name: str
    creation: bytes
    """Sent to the chain, followed by the constructor's arguments."""
    runtime: bytes
    """What lies on the chain then, with zeros where the constructor's values stand."""
    immutables: tuple[tuple[int, int], ...]
    """(start, length) of those values."""
    abi_digest: bytes
    """sha256 of the ABI's canonical JSON."""

    @property
    def runtime_hash(self) -> bytes:
        """keccak256 of `runtime`."""
        return keccak(self.runtime)

    def masked(self, code: bytes) -> bytes:
        """Code from a chain with zeros where the constructor's values stand."""
        bare = bytearray(code)
        for start, length in self.immutables:
            bare[start : start + length] = bytes(len(bare[start : start + length]))
        return bytes(bare)


def artifact(contract: str) -> Artifact:
    """Raises PrerequisiteError when the checkout lacks it."""
    path = ARTIFACT_FOLDER / f"{contract}.json"
    try:
        return _parsed(contract, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrerequisiteError(
            f"{path}: expected the bytecode of {contract}, got {error!r}; deploy from a checkout of the repository"
        ) from error


def _parsed(contract: str, raw: dict[str, Any]) -> Artifact:
    return Artifact(
        name=contract,
        creation=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(raw["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((place["start"], place["length"]) for place in raw["immutables"]),
        abi_digest=sha256(canonical_json(raw["abi"])).digest(),
    )
