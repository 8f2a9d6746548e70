"""Checkpoints as data: a run's, with where to download each."""

from __future__ import annotations

from api.schemas.page import Model, Page


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
