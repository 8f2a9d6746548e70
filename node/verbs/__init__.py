"""Verbs of `tenwings` that need neither torch nor Flower, a file per noun."""

from __future__ import annotations

import typer

from node.verbs import artifacts, guardian, incidents, members


def add_verbs(app: typer.Typer) -> None:
    """Called by `node.cli.main`."""
    artifacts.add_verbs(app)
    guardian.add_verbs(app)
    incidents.add_verbs(app)
    members.add_verbs(app)
