"""Runs as data: all of them, and one with its spec and its losses."""

from __future__ import annotations

from api.schemas.page import Big, Hex, Model, Page, Who


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
