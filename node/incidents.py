"""Cases of incidents as records, and what the incident manager's events add up to: shared by chain, twin and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from node.cid import from_bytes
from node.records.chain import Address, Event
from node.records.content import Cid

CONTRACT = "IncidentManager"


class IncidentKind(IntEnum):
    """What a case is about; the numbers are the contract's."""

    HARMFUL_UPDATE = 1
    BAD_ROUND = 2
    STOLEN_DATA = 3
    LICENCE_BREACH = 4
    NODE_COMPROMISE = 5
    MISCONDUCT = 6


class CaseStatus(IntEnum):
    """How far a case got; the numbers are the contract's."""

    OPEN = 1
    UPHELD = 2
    DISMISSED = 3
    MALICIOUS = 4
    LAPSED = 5


class Target(IntEnum):
    """What of a case is contained; the numbers are the contract's."""

    RUN = 0
    MEMBER = 1
    ARTIFACT = 2


WITHDRAWAL_WINDOW_SECONDS = 7 * 86_400
"""How long a bond can be had once its delay is over; then it must be asked for again."""
SEVERITIES = {"low": 1, "medium": 2, "high": 3, "critical": 4}


@dataclass(frozen=True, kw_only=True)
class Containment:
    """One thing that a responder stopped for a while."""

    target: Target
    until: int
    responder: Address


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case as its events tell it."""

    case_id: int
    kind: IncidentKind
    severity: int
    """1 low, 2 medium, 3 high, 4 critical."""
    reporter_id: int
    accused_id: int
    """0: nobody."""
    run_id: int
    """0: none."""
    round: int
    """The disputed round; 0 for other kinds."""
    artifact: bytes | None
    evidence_cid: Cid
    bond: int
    """In wei."""
    reported_at: int
    deadline: int
    status: CaseStatus = CaseStatus.OPEN
    contained: tuple[Containment, ...] = ()
    """Not yet released."""
    slashed: int = 0
    """Taken from the accused's bond, in wei."""
    reward: int = 0
    """The reporter's, in wei."""
    decided_at: int = 0
    post_mortem_cid: Cid | None = None

    def overdue(self, now: int) -> bool:
        """Whether its deadline passed without a verdict."""
        return self.status == CaseStatus.OPEN and now > self.deadline


@dataclass(frozen=True, kw_only=True)
class Bond:
    """What a member put up, in wei."""

    amount: int
    leaving: int
    leaves_from: int
    """Unix time from which `leaving` can be withdrawn; 0 when nothing was asked for."""
    open_cases: int
    """How many open cases accuse the member."""
    staked: int = 0
    """How much of `amount` stands for open reports of its own."""

    def can_leave(self, now: int) -> bool:
        """Whether what was asked for can be had at Unix time `now`; an open case holds it all the same."""
        return self.leaving > 0 and self.leaves_from <= now < self.leaves_from + WITHDRAWAL_WINDOW_SECONDS

    @property
    def unstaked(self) -> int:
        """What can be withdrawn or staked; a slash takes what is staked, too."""
        return max(self.amount - self.staked, 0)


@dataclass(frozen=True, kw_only=True)
class IncidentSettings:
    """What holds for cases and withdrawals to come, in the contract's order."""

    report_bond: int
    """What a report costs until its verdict, in wei; 0 in a network without a token, and only there."""
    case_seconds: int
    """From a report to its deadline, at most 30 days."""
    withdrawal_seconds: int
    """From asking for a bond to having it, at most 90 days."""


def cases_of(events: Iterable[Event]) -> dict[int, Case]:
    """All cases by id; `events` in the chain's order."""
    cases: dict[int, Case] = {}
    for event in events:
        if event.contract == CONTRACT:
            take_case(cases, event)
    return cases


def take_case(cases: dict[int, Case], event: Event) -> None:
    """Add one event of the incident manager; those of bonds and settings are passed over."""
    args = event.args
    if event.name == "IncidentReported":
        cases[args["caseId"]] = _reported(event)
    elif event.name in _CHANGES:
        case = cases[args["caseId"]]
        cases[case.case_id] = replace(case, **_CHANGES[event.name](case, event))


def _reported(event: Event) -> Case:
    args = event.args
    return Case(
        case_id=args["caseId"],
        kind=IncidentKind(args["kind"]),
        severity=args["severity"],
        reporter_id=args["reporterId"],
        accused_id=args["accusedId"],
        run_id=args["runId"],
        round=args["round"],
        artifact=args["artifact"] if any(args["artifact"]) else None,
        evidence_cid=from_bytes(args["evidenceCid"]),
        bond=args["bond"],
        reported_at=event.timestamp,
        deadline=args["deadline"],
    )


def _contained(case: Case, event: Event) -> Mapping[str, Any]:
    found = Containment(
        target=Target(event.args["target"]), until=event.args["until"], responder=event.args["responder"]
    )
    return {"contained": (*case.contained, found)}


def _adjudicated(case: Case, event: Event) -> Mapping[str, Any]:
    return {
        "status": CaseStatus(event.args["verdict"]),
        "slashed": event.args["slashedBond"],
        "reward": event.args["reward"],
        "decided_at": event.timestamp,
    }


_CHANGES: Mapping[str, Any] = {
    "IncidentContained": _contained,
    "IncidentReleased": lambda case, event: {"contained": ()},
    "IncidentAdjudicated": _adjudicated,
    "IncidentLapsed": lambda case, event: {"status": CaseStatus.LAPSED, "decided_at": event.timestamp},
    "IncidentClosed": lambda case, event: {"post_mortem_cid": from_bytes(event.args["postMortemCid"])},
}
