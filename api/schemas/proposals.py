"""Proposals as data: what each would do, what it would change, how its vote stands."""

from __future__ import annotations

from typing import Any

from api.schemas.page import Big, Hex, Model, Page, Who


class ProposalRow(Model):
    """A proposal in a list."""

    proposal_id: Big
    title: str
    proposer: Who
    state: str
    created_at: int
    vote_start: int
    vote_end: int
    eta: int
    kind: str
    """routine, standard or constitutional."""
    article: int
    """Of the charter; 0 where none is named."""
    extended: bool
    """The outcome turned late; the vote ends later."""
    votes_for: Big
    votes_against: Big
    votes_abstain: Big
    heads_for: int
    heads_against: int
    heads_abstain: int
    needed_for: Big
    """Weight that must be for; 0 for a routine proposal."""
    needed_heads: int
    """Members that must be for; 0 unless constitutional."""
    majority_bps: int
    """Share of the weight for or against that must be for; 0 unless constitutional."""
    veto: Big
    """Weight against that stops it; 0 unless routine."""
    standing: str
    """How it would end now, in one sentence."""


class ProposalsPage(Page):
    """All proposals, newest first."""

    proposals: list[ProposalRow]
    page: int
    num_pages: int


class Effect(Model):
    """One call that a proposal makes when it is executed."""

    target: str
    contract: str
    function: str
    args: dict[str, Any]
    calldata: Hex
    value: Big


class Change(Model):
    """One difference between two specs."""

    path: str
    before: str | None
    after: str | None


class SpecDiff(Model):
    """What a proposal would change in a run's spec."""

    run_id: int
    current_cid: str
    current_version: int
    proposed_cid: str
    comparable: bool
    """False while one of the two specs is missing."""
    changes: list[Change]


class VoteRow(Model):
    """A counted ballot."""

    who: Who
    choice: str
    weight: Big
    reason: str
    time: int


class ProposalPage(Page):
    """One proposal: what it does, what it changes, how the vote stands."""

    proposal: ProposalRow
    sponsors: list[Who]
    """Who signed it besides the proposer."""
    description: str
    effects: list[Effect]
    diffs: list[SpecDiff]
    votes: list[VoteRow]
    queued_at: int | None
    executed_at: int | None
