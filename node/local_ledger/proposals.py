"""A proposal as the in-memory governor keeps it, and its state: OpenZeppelin's, computed from the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.errors import LedgerRefused
from node.governance import kind_in
from node.local_ledger.houses import quorum_reached, succeeded
from node.records.chain import Address
from node.records.proposals import Action, Hurdles, ProposalKind, ProposalState, Tally

_LATE_PART = 4


@dataclass
class StoredProposal:
    """One proposal."""

    proposal_id: int
    proposer: Address
    sponsors: tuple[Address, ...]
    """Who else signed it."""
    actions: tuple[Action, ...]
    description: str
    vote_start: int
    voting_period: int
    eta: int = 0
    extended: bool = False
    executed: bool = False
    canceled: bool = False
    tally: Tally = field(default_factory=Tally)
    voted: set[int] = field(default_factory=set)
    """Member ids."""

    @property
    def kind(self) -> ProposalKind:
        """Bound by its id."""
        return kind_in(self.proposal_id)

    @property
    def late_seconds(self) -> int:
        """So much of the voting period is late; so long the vote is extended, too."""
        return self.voting_period // _LATE_PART

    @property
    def vote_end(self) -> int:
        """Last second of the vote."""
        return self.vote_start + self.voting_period + (self.late_seconds if self.extended else 0)

    def state(self, timepoint: int, hurdles: Callable[[], Hurdles]) -> ProposalState:
        """`hurdles` is asked when the vote is over."""
        if self.executed:
            return ProposalState.EXECUTED
        if self.canceled:
            return ProposalState.CANCELED
        if self.vote_start >= timepoint:
            return ProposalState.PENDING
        if self.vote_end >= timepoint:
            return ProposalState.ACTIVE
        needed = hurdles()
        if not quorum_reached(self.tally, needed) or not succeeded(self.kind, self.tally, needed):
            return ProposalState.DEFEATED
        return ProposalState.QUEUED if self.eta else ProposalState.SUCCEEDED


def unexpected_state(number: int, current: ProposalState, expected: bytes) -> LedgerRefused:
    """OpenZeppelin's refusal; `expected` is a bitmap of states."""
    values = {"proposalId": number, "current": int(current), "expectedStates": expected}
    return LedgerRefused("GovernorUnexpectedProposalState", values)


def bitmap(*states: int) -> bytes:
    """States as a bitmap of 32 bytes."""
    return sum(1 << state for state in states).to_bytes(32, "big")
