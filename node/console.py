"""What every verb of the `tenwings` command shares: options, output for people or scripts, errors as one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from node.config import HOME_VARIABLE, Home
from node.errors import TenWingsError

F = TypeVar("F", bound=Callable[..., Any])

HomeOption = Annotated[
    Path | None, typer.Option("--home", envvar=HOME_VARIABLE, help="State folder (default: ./.tenwings).")
]
AsOption = Annotated[str, typer.Option("--as", help="Member whose key signs.")]
RunOption = Annotated[int, typer.Option("--run", help="Run id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines for scripts, on stdout.")]
CALLER_MISTAKE = 2
INTERRUPTED = 130


class Panel(StrEnum):
    """What verbs are for: `tenwings --help` lists them so."""

    NETWORK = "A network on this machine"
    TRAIN = "Train together"
    DECIDE = "Decide together"
    INCIDENTS = "Incidents"
    CHECK = "Check"
    MODELS = "Models and videos"


@dataclass(frozen=True, kw_only=True)
class Out:
    """Where a verb writes: words for people, or one JSON object a line."""

    as_json: bool

    @property
    def console(self) -> Console:
        return Console(stderr=self.as_json, highlight=False)

    def say(self, text: str) -> None:
        """Words for people; nothing under --json."""
        if not self.as_json:
            self.console.print(text)

    def result(self, value: Mapping[str, Any], text: str | None = None) -> None:
        """A verb's result: the object under --json, else the text or the object's fields."""
        if self.as_json:
            typer.echo(json.dumps(value, sort_keys=True))
        elif text is not None:
            self.console.print(text)
        else:
            for key, item in value.items():
                self.console.print(f"[dim]{key}[/dim] {escape(str(item))}")

    def table(self, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of equal keys: a table for people, one object a line under --json."""
        if self.as_json:
            for row in rows:
                typer.echo(json.dumps(row, sort_keys=True))
            return
        if not rows:
            self.console.print(f"{title}: none")
            return
        table = Table(title=escape(title), title_justify="left")
        for key in rows[0]:
            table.add_column(key, overflow="fold")
        for row in rows:
            table.add_row(*(escape(str(v)) for v in row.values()))
        self.console.print(table)


def verb(function: F) -> F:
    """Turns errors of the world and of the caller into one line and an exit code; bugs keep their traceback."""

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TenWingsError as error:
            _fail(str(error), error.exit_code, bool(kwargs.get("as_json")), type(error).__name__)
        except (ValueError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
            if os.environ.get("TENWINGS_TRACEBACK"):
                raise
            _fail(str(error), CALLER_MISTAKE, bool(kwargs.get("as_json")), type(error).__name__)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED, bool(kwargs.get("as_json")), "Interrupted")

    return guarded  # type: ignore[return-value]


def _fail(message: str, code: int, as_json: bool, kind: str) -> None:
    if as_json:
        typer.echo(json.dumps({"error": message, "kind": kind, "exit_code": code}, sort_keys=True))
    else:
        Console(stderr=True, highlight=False).print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)
    raise typer.Exit(code)


def find_home(home: Path | None) -> Home:
    """The state folder of a verb."""
    return Home.find(home)


def short(text: str, keep: int = 6) -> str:
    """The ends of a CID or an address."""
    return text if len(text) <= 2 * keep + 3 else f"{text[: keep + 2]}…{text[-keep:]}"


def loss(micro: int) -> str:
    """Millionths with four decimals."""
    return f"{micro / 1e6:.4f}"


def tokens(wei: int) -> str:
    """Wei of the reward token as tokens."""
    return f"{wei / 10**18:.4f} TWR"
