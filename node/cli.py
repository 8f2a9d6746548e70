"""The `tenwings` command: verbs that need neither torch nor Flower; other packages add theirs by entry point."""

from __future__ import annotations

from importlib.metadata import entry_points

import typer

from node import verbs
from node.console import Panel


def main() -> None:
    """Entry point of the command."""
    build()()


def build() -> typer.Typer:
    """The whole command: our own verbs, then those of the packages that the entry points name."""
    app = typer.Typer(
        name="tenwings",
        help="Train one video model together: Flower trains, a chain accounts, IPFS stores.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    run_app = typer.Typer(help="Training runs.", no_args_is_help=True)
    app.add_typer(run_app, name="run", rich_help_panel=Panel.TRAIN)
    verbs.add_verbs(app, run_app)
    for point in sorted(entry_points(group="tenwings.verbs"), key=lambda p: p.name):
        point.load()(app, run_app)
    return app
