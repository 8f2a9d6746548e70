"""The ledger port on a real chain, one capability a file."""

from __future__ import annotations

from node.chain_ledger.ledger import ChainLedger

__all__ = ["ChainLedger"]
