"""What the events of access to restricted datasets add up to: who asked, who may read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from node.records.artifacts import Access, AccessEntry
from node.records.chain import Address, Event

ACCESS_EVENTS = ("AccessRequested", "AccessGranted", "AccessRevoked")


def accesses_of(events: Iterable[Event], digest: bytes) -> tuple[AccessEntry, ...]:
    """Requests and grants of one dataset that stand, in order of account; `events` in the chain's order."""
    entries: dict[Address, AccessEntry] = {}
    for event in events:
        if event.name in ACCESS_EVENTS and event.args["digest"] == digest:
            take_access(entries, event)
    return tuple(entries[account] for account in sorted(entries))


def take_access(entries: dict[Address, AccessEntry], event: Event) -> None:
    """Add one event of access to one dataset's entries, by account."""
    account = event.args["account"]
    if event.name == "AccessRevoked":
        del entries[account]
    elif event.name == "AccessGranted":
        entries[account] = replace(
            entries[account],
            access=Access.GRANTED,
            wrapped_key=event.args["wrappedKey"],
            changed_at=event.timestamp,
        )
    else:
        entries[account] = AccessEntry(
            account=account,
            access=Access.REQUESTED,
            encryption_key=event.args["encryptionKey"],
            purpose=event.args["purpose"],
            wrapped_key=b"",
            changed_at=event.timestamp,
        )
