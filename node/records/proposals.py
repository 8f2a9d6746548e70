"""Proposals: calls, kinds, sponsors, ballots, tallies and hurdles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from node.records.chain import Address


class ProposalState(IntEnum):
    """OpenZeppelin Governor's states, same numbers."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class ProposalKind(IntEnum):
    """What it takes to pass; the numbers are the contract's and stand in a proposal id's lowest two bits."""

    ROUTINE = 0
    STANDARD = 1
    CONSTITUTIONAL = 2


class Support(IntEnum):
    """A ballot's choice; the numbers are OpenZeppelin's."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call that a proposal makes when executed."""

    target: Address
    calldata: bytes
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class ProposalStatement:
    """What a proposer and its sponsors sign; a relayer pays."""

    proposer: Address
    proposal_id: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Sponsor:
    """A member's signature under a proposal; the proposer's is one of them."""

    account: Address
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """A ballot as its voter signs it; `params` carries the weight and its proof."""

    proposal_id: int
    support: Support
    voter: Address
    reason: str
    params: bytes


@dataclass(frozen=True, kw_only=True)
class Hurdles:
    """What a proposal must reach; 0 where its kind asks for nothing of the sort."""

    for_weight: int
    for_heads: int
    majority_bps: int
    """Share of the weight for or against that must be for; 0: more for than against."""
    veto_weight: int
    """Weight against that stops it."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Ballots counted so far, by weight and by heads."""

    weight_for: int = 0
    weight_against: int = 0
    weight_abstain: int = 0
    heads_for: int = 0
    heads_against: int = 0
    heads_abstain: int = 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A proposal with its tally."""

    proposal_id: int
    kind: ProposalKind
    proposer: Address
    sponsors: tuple[Address, ...]
    """Who else signed it, ascending."""
    actions: tuple[Action, ...]
    description: str
    state: ProposalState
    vote_start: int
    vote_end: int
    extended: bool
    """Its outcome turned late; `vote_end` has moved."""
    eta: int
    """Unix time from which it can be executed; 0 while not queued."""
    tally: Tally
    hurdles: Hurdles
