"""GovernorRules in memory: the numbers of votes, in force from when they were set, within bounds no vote can leave."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from node.abi_codec import camel_case
from node.errors import LedgerRefused
from node.records.governance import GovernorRules

_DAY = 86_400
_MAX_SPONSORS = 20


class RulesInForce:
    """Every version of the rules, with the time from which it holds."""

    def __init__(self, first: GovernorRules) -> None:
        require_in_bounds(first)
        self._versions = [(0, first)]

    def set(self, timepoint: int, rules: GovernorRules) -> None:
        """Hold from `timepoint` on. Raises LedgerRefused("RuleOutOfRange")."""
        require_in_bounds(rules)
        self._versions.append((timepoint, rules))

    def at(self, timepoint: int) -> GovernorRules:
        """Those that held then."""
        return next(rules for since, rules in reversed(self._versions) if since <= timepoint)


def require_in_bounds(rules: GovernorRules) -> None:
    """Raises LedgerRefused("RuleOutOfRange") with the first field that is not."""
    r = rules
    ranges = (
        (0, 30 * _DAY),
        (1, 60 * _DAY),
        (1, 6_667),
        (r.quorum_bps, 8_000),
        (5_001, 9_000),
        (1, 8_000),
        (1, 5_000),
        (1, _MAX_SPONSORS),
        (r.routine_sponsors, _MAX_SPONSORS),
        (r.standard_sponsors, _MAX_SPONSORS),
    )
    for number, (value, (lowest, highest)) in enumerate(zip(astuple(r), ranges, strict=True)):
        if not lowest <= value <= highest:
            values = {"rule": number, "value": value, "lowest": lowest, "highest": highest}
            raise LedgerRefused("RuleOutOfRange", values)


def struct_of(record: Any) -> dict[str, int]:
    """A record of numbers as the contract's events carry its struct."""
    return {camel_case(name): value for name, value in vars(record).items()}
