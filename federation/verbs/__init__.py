"""The verbs of `tenwings` that need Flower or torch, a file per noun; torch is imported only by those that use it."""

from __future__ import annotations

import typer

from federation.verbs import codec, data, evaluate, model, network, proposals, provenance, sampling, text


def add_verbs(app: typer.Typer, run_app: typer.Typer) -> None:
    """Called by `node.cli.main` through the entry point."""
    network.add_verbs(app, run_app)
    for nouns in (codec, data, evaluate, model, proposals, provenance, sampling, text):
        nouns.add_verbs(app)
