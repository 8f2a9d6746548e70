"""Rounds as data: a run's list, and one with its receipts, refusals, score sheets and times."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page, Who


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
