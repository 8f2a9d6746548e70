"""The verb `verify`: where a video says it comes from, and whether that holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from node.console import HomeOption, JsonOption, Out, Panel, find_home, verb
from node.errors import SignatureInvalid


def add_verbs(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(rich_help_panel=Panel.CHECK)(verify)


@verb
def verify(
    video: Annotated[Path, typer.Argument(help="MP4 file.")],
    trust: Annotated[Path | None, typer.Option(help="PEM file of further roots to trust.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a video's signed manifest and its watermark; fails when they do not hold."""
    from federation.provenance import verify_video

    verdict = verify_video(find_home(home), video, trust)
    Out(as_json=as_json).result(verdict.as_object(), escape(verdict.as_text()))
    if verdict.problem:
        raise SignatureInvalid(verdict.problem)
