"""The openers of `node.wiring` over the twins, so that a verb runs without a chain, an IPFS node or a relay."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import federation
import node
from node import wiring
from node.config import Home
from node.errors import ConfigError
from node.identity import Identity
from tests.support.desk import LedgerRelay


def use_twins(monkeypatch: pytest.MonkeyPatch, ledger: Any, store: Any, people: Mapping[str, Identity]) -> None:
    """Every module that took an opener from `node.wiring` gets the twin's; `people` are the state folder's accounts."""

    def open_identity(_home: Home, name: str) -> Identity:
        if name not in people:
            raise ConfigError(f"expected a keystore of {name}")
        return people[name]

    openers: dict[str, Any] = {
        "open_identity": open_identity,
        "open_ledger": lambda home, who=None: ledger if who is None else ledger.acting_as(who.address),
        "open_store": lambda home, node: store,
        "open_met_store": lambda home, node: store,
        "open_relay": lambda home: LedgerRelay(ledger),
    }
    originals = {name: getattr(wiring, name) for name in openers}
    for module in _modules():
        for name, opener in openers.items():
            if getattr(module, name, None) is originals[name]:
                monkeypatch.setattr(module, name, opener)


@cache
def _modules() -> tuple[ModuleType, ...]:
    """All of ours, imported: one that a verb imported late would keep the twins of the test that came first."""
    found = (
        package for root in (node, federation) for package in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")
    )
    return tuple(import_module(module.name) for module in found if not module.name.endswith("__main__"))
