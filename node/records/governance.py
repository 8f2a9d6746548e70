"""What votes go by: the governor's rules, the charter, the guardian."""

from __future__ import annotations

from dataclasses import dataclass

from node.records.chain import Address
from node.records.content import Cid


@dataclass(frozen=True, kw_only=True)
class GovernorRules:
    """The numbers of votes; IGovernorRules.Rules."""

    voting_delay_seconds: int
    voting_period_seconds: int
    quorum_bps: int
    """Share of all weight that must be for a standard proposal, in basis points."""
    constitutional_quorum_bps: int
    majority_bps: int
    """Share of the weight for or against that must be for a constitutional proposal."""
    heads_quorum_bps: int
    """Share of the epoch's members that must be for a constitutional proposal."""
    veto_bps: int
    """Share of all weight that, against, stops a routine proposal."""
    routine_sponsors: int
    """Members that sign, the proposer included."""
    standard_sponsors: int
    constitutional_sponsors: int


@dataclass(frozen=True, kw_only=True)
class CharterState:
    """The charter in force."""

    cid: Cid
    num_articles: int
    version: int


@dataclass(frozen=True, kw_only=True)
class GuardianState:
    """Who may cancel a proposal or pause a run, once."""

    account: Address
    ends_at: int
    """Unix time in seconds at which its term ends by itself."""
    armed: bool
    """Whether its one right is unused."""
