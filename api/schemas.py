"""The pages as data: each model is what a page shows and what its JSON twin answers.

Numbers that can pass 2^53 (wei, proposal ids, weights) are decimal text in JSON, bytes are 0x hex; losses, gains and
scores are integers in millionths; times are Unix seconds unless a name says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer

Big = Annotated[int, PlainSerializer(str, return_type=str)]
Hex = Annotated[bytes, PlainSerializer(lambda data: "0x" + data.hex(), return_type=str)]


class Model(BaseModel):
    """Plain, frozen data."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AsOf(Model):
    """Which state of the chain the data is of."""

    block: int
    block_hash: Hex
    block_time: int
    polled_at: float
    age_seconds: int
    stale: bool
    words: str


class MissingContent(Model):
    """Content that could not be shown."""

    cid: str
    reason: str


class Page(Model):
    """What every page carries."""

    as_of: AsOf
    missing: list[MissingContent]


class Who(Model):
    """An account, with its member's name where it has one."""

    account: str
    member_id: int | None
    name: str


class RoundRow(Model):
    """A round in a list: committed, or an attempt that failed."""

    run_id: int
    round: int
    status: str
    """"final", "open to dispute", "disputed", "voided" or "failed"."""
    reason: str
    """The reason code of a failed attempt."""
    time: int
    heldout_loss_micro: int | None
    change_micro: int | None
    """Against the parent; negative is better."""
    num_clients: int
    reward: Big
    checkpoint_cid: str | None
    record_cid: str
    block_number: int
    tx_hash: Hex


class RunRow(Model):
    """A run in a list."""

    run_id: int
    name: str
    curator: Who
    created_at: int
    spec_version: int
    spec_cid: str
    head_round: int
    head_cid: str
    heldout_loss_micro: int | None
    num_failed: int
    funded: Big
    claimed: Big
    reward_cap: Big
    quorum: int
    dispute_window_seconds: int
    vested_bps: int
    vesting_seconds: int
    paused_until: int
    disputed_round: int
    """0 for none."""
    dataset_digest: Hex
    dataset_cid: str | None


class LossPoint(Model):
    """Held-out loss of a round's checkpoint; round 0 is where the run started."""

    round: int
    heldout_loss_micro: int


class ContributionRow(Model):
    """One member's line of a contributions tree."""

    who: Who
    samples: int
    steps: int
    score: int
    """Millionths of held-out gain for trainers, basis points of agreement for evaluators."""
    update_digest: Hex | None
    """None: no update this round."""
    reward: Big
    cumulative_reward: Big
    claimed: Big


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


class OverviewPage(Page):
    """The first screen."""

    run: RunRow | None
    last_round: RoundRow | None
    num_refused: int | None
    """None: the round record is not at hand."""
    open_votes: list[ProposalRow]
    last_vote: ProposalRow | None
    """The newest proposal whose vote is over."""
    top_contributions: list[ContributionRow]
    curve: list[LossPoint]
    other_runs: list[RunRow]
    num_members: int


class RunsPage(Page):
    """All runs, newest first."""

    runs: list[RunRow]


class SpecRow(Model):
    """A version of a run's spec."""

    version: int
    cid: str
    from_round: int
    changed_at: int
    tx_hash: Hex


class SpecLine(Model):
    """One setting of a spec."""

    path: str
    value: str


class RunPage(Page):
    """One run: what it trains, from what, by which spec."""

    run: RunRow
    genesis_cid: str
    specs: list[SpecRow]
    spec: list[SpecLine]
    curve: list[LossPoint]


class RoundsPage(Page):
    """A run's rounds and failed attempts, newest first."""

    run_id: int
    run_name: str
    rounds: list[RoundRow]
    page: int
    num_pages: int


class ReceiptRow(Model):
    """An admitted update, its trainer's own words and the evaluators' median."""

    who: Who
    update_cid: str
    num_samples: int
    num_steps: int
    start_loss_micro: int
    end_loss_micro: int
    gain_micro: int | None
    error_micro: int | None


class RefusalRow(Model):
    """Work that this round did not count, and why."""

    who: Who
    phase: str
    reason: str
    detail: str
    update_cid: str | None


class ScoreRow(Model):
    """An update's measured gain."""

    who: Who
    gain_micro: int
    error_micro: int


class SheetRow(Model):
    """One evaluator's score sheet."""

    evaluator: Who
    cid: str
    base_loss_micro: int | None
    num_draws: int | None
    seed: Hex | None
    scores: list[ScoreRow]


class Timing(Model):
    """Wall time of a part of the round on the coordinator."""

    part: str
    milliseconds: int


class RecordView(Model):
    """The round record, as far as a page shows it."""

    spec_version: int
    spec_cid: str
    base_cid: str
    deadline: int
    tree_cid: str
    seed_block_number: int
    seed_block_hash: Hex
    receipts: list[ReceiptRow]
    refusals: list[RefusalRow]
    sheets: list[SheetRow]
    timings: list[Timing]
    failure: str


class RoundPage(Page):
    """One round: its last word (committed), else its newest failed attempt."""

    round: RoundRow
    run_name: str
    quorum: int
    spec_digest: Hex | None
    dataset_digest: Hex | None
    parent_digest: Hex | None
    parent_round: int | None
    """The round that it was built on; 0 for the start."""
    contributions_root: Hex | None
    record: RecordView | None
    attempts: list[RoundRow]
    """Failed attempts at the same round, newest first."""
    previous_round: int | None
    next_round: int | None


class ContributionsPage(Page):
    """A round's contributions tree, largest reward first."""

    run_id: int
    run_name: str
    round: int
    head_round: int
    tree_cid: str | None
    contributions_root: Hex | None
    contributions: list[ContributionRow]
    page: int
    num_pages: int


class CheckpointRow(Model):
    """A checkpoint that can be downloaded."""

    round: int
    cid: str
    heldout_loss_micro: int | None
    time: int
    status: str
    url: str


class CheckpointsPage(Page):
    """A run's checkpoints, newest first; round 0 is the genesis."""

    run_id: int
    run_name: str
    checkpoints: list[CheckpointRow]
    page: int
    num_pages: int


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


class ArticleRow(Model):
    """An article of the charter."""

    article: int
    title: str
    """Empty while the text is not at hand."""
    num_proposals: int


class CharterPage(Page):
    """The charter in force."""

    cid: str
    version: int
    set_at: int
    text: str | None
    """None: not at hand."""
    articles: list[ArticleRow]


class MemberRow(Model):
    """A member: roles, merit, voting weight, rewards over all runs."""

    member_id: int
    name: str
    account: str
    roles: list[str]
    active: bool
    state: str
    """"active", "suspended", "barred" or "left"."""
    barred_until: int
    """Unix time at which a bar ends by itself; 0 without one."""
    joined_at: int
    node_key_digest: Hex
    merit: Big | None
    weight: Big | None
    weight_bps: int | None
    """Share of all voting weight, in basis points."""
    earned: Big
    claimed: Big


class MembersPage(Page):
    """All members by id."""

    epoch: int
    """The merit epoch shown; 0 when none is final."""
    epoch_tree_cid: str | None
    members: list[MemberRow]
    page: int
    num_pages: int


class ArtifactRow(Model):
    """A registered artifact."""

    digest: Hex
    kind: str
    cid: str
    licence: str
    who: Who
    registered_at: int
    parents: list[Hex]
    state: str
    restricted: bool
    certified: bool


class ArtifactsPage(Page):
    """All artifacts, newest first."""

    artifacts: list[ArtifactRow]
    page: int
    num_pages: int


class AccessRow(Model):
    """One member's access to a restricted dataset."""

    who: Who
    access: str
    """"requested" or "granted"."""
    purpose: str
    encryption_key: Hex
    changed_at: int


class KinRow(Model):
    """An artifact or a checkpoint that this one was made from, or that was made from it."""

    digest: Hex
    cid: str | None
    what: str
    state: str


class ArtifactPage(Page):
    """One artifact: its state, what it was made from and what was made from it, who may read it."""

    artifact: ArtifactRow
    frozen_until: int
    superseded_by: Hex | None
    report_cid: str | None
    parents: list[KinRow]
    descendants: list[KinRow]
    accesses: list[AccessRow]


class ContainmentRow(Model):
    """One thing that a responder stopped for a while."""

    target: str
    until: int
    responder: Who


class IncidentRow(Model):
    """A case in a list."""

    case_id: int
    kind: str
    severity: str
    state: str
    """"open", "overdue", "upheld", "dismissed", "malicious" or "lapsed"."""
    reporter: Who
    accused: Who | None
    run_id: int
    """0: none."""
    round: int
    """The disputed round; 0 for other kinds."""
    artifact: Hex | None
    reported_at: int
    deadline: int
    closed: bool


class IncidentsPage(Page):
    """All cases, newest first."""

    incidents: list[IncidentRow]
    page: int
    num_pages: int


class IncidentPage(Page):
    """One case: what was reported, contained, decided and learned."""

    incident: IncidentRow
    evidence_cid: str
    bond: Big
    slashed: Big
    reward: Big
    decided_at: int
    contained: list[ContainmentRow]
    post_mortem_cid: str | None


class Problem(Model):
    """What went wrong, for the reader."""

    error: str
    """A code: "not-found", "chain-unavailable", "chain-refused", ..."""
    message: str
    since: float | None = None
    """Unix time in seconds since which something does not answer."""
    details: dict[str, Any] = {}


class Health(Model):
    """Which of our parts answer."""

    ok: bool
    chain: str
    index: str
    content: str
    block: int | None


class Head(Model):
    """A cheap question: is a page worth loading again?"""

    token: str
    as_of: AsOf


class Accepted(Model):
    """What the relay brought to the chain."""

    what: str
    id: str
    """Member id, artifact digest, proposal id, counted weight or transaction hash."""
