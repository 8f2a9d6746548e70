"""The in-memory twin of the chain: the rules of contracts/ in Python, for simulation and tests."""

from __future__ import annotations

from node.local_ledger.ledger import LocalLedger
from node.local_ledger.world import Clock, ManualClock, wall_clock

__all__ = ["Clock", "LocalLedger", "ManualClock", "wall_clock"]
