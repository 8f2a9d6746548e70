"""Verbs of `tenwings` that need neither torch nor Flower, a file per noun."""

from __future__ import annotations

import typer

from node.verbs import artifacts, chain, guardian, incidents, members, network, proposals, rewards, runs


def add_verbs(app: typer.Typer, run_app: typer.Typer) -> None:
    """Called by `node.cli`; `run_app` is the group `run`, to which others add, too."""
    runs.add_verbs(run_app)
    for nouns in (network, chain, rewards, members, proposals, guardian, incidents, artifacts):
        nouns.add_verbs(app)
