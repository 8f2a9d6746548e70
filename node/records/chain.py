"""What records cite of a chain: addresses, blocks, events, signing domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

Address = NewType("Address", str)
"""A checksummed 0x address of 42 characters."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of the chain, as far as we cite it."""

    number: int
    hash: bytes
    timestamp: int
    """Unix time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One decoded log of one of our contracts; ordered by (block_number, log_index)."""

    contract: str
    """Contract name, e.g. "TrainingRuns"."""
    name: str
    block_number: int
    block_hash: bytes
    log_index: int
    tx_hash: bytes
    timestamp: int
    args: Mapping[str, Any]
    """By Solidity parameter name: int, bool, str, checksummed Address, bytes."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """An EIP-712 domain: one per contract."""

    name: str
    version: str
    chain_id: int
    verifying_contract: Address
