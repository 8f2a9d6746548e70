"""What the events say of members' recovery: who may move a member, and the move under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api.index.entries import RecoveryEntry
from node.records.chain import Address, Event

_NOBODY = "0x" + "0" * 40
_NONE = RecoveryEntry()


class RecoveryFold:
    """Takes the member registry's events in the chain's order; `entries` is what they add up to, by member id."""

    def __init__(self) -> None:
        self.entries: dict[int, RecoveryEntry] = {}

    def take(self, event: Event) -> None:
        """Add what happened; other events of the registry are passed over."""
        step = _STEPS.get(event.name)
        if step is not None:
            member_id = event.args["memberId"]
            self.entries[member_id] = step(self.entries.get(member_id, _NONE), event)


def _named(entry: RecoveryEntry, event: Event) -> RecoveryEntry:
    """The first is in force at once; another one later, beside the one in force."""
    current, named = entry.in_force(event.timestamp), _somebody(event.args["recovery"])
    if current is None:
        return RecoveryEntry(current=named)
    return RecoveryEntry(current=current, next=named, next_from=event.args["effectiveFrom"])


def _started(_entry: RecoveryEntry, event: Event) -> RecoveryEntry:
    args = event.args
    return RecoveryEntry(
        current=args["recovery"], moving_to=_somebody(args["to"]), acceptable_from=args["acceptableFrom"]
    )


def _forgotten(_entry: RecoveryEntry, _event: Event) -> RecoveryEntry:
    """After a move, a stop or leaving nobody can move the member until it names an account anew."""
    return _NONE


def _somebody(account: Address) -> Address | None:
    return None if account == _NOBODY else account


_STEPS: Mapping[str, Callable[[RecoveryEntry, Event], RecoveryEntry]] = {
    "RecoveryNamed": _named,
    "MoveStarted": _started,
    "MoveStopped": _forgotten,
    "MemberMoved": _forgotten,
    "MemberLeft": _forgotten,
}
