"""What a show on one machine needs: an own state folder, timed parts, patience, members' desks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from federation.network import down
from node.config import Home
from node.console import Out
from node.errors import ConfigError, TenWingsError
from node.membership import MemberDesk
from node.stack import group_status
from node.wiring import open_desk

WAIT_SECONDS = 120.0


@dataclass(kw_only=True)
class Stage:
    """Where a show plays, what it says, and how long its parts took."""

    home: Home
    out: Out
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, number: int, name: str, title: str) -> Iterator[None]:
        """A part with its heading; its seconds are added up by name."""
        self.out.say(f"\n[bold cyan]{number}[/bold cyan] [bold]{title}[/bold]")
        started = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started

    def desk(self, name: str) -> MemberDesk:
        """A member's desk."""
        return open_desk(self.home, name)

    @contextmanager
    def curtain(self, *, keep: bool) -> Iterator[None]:
        """From an empty state folder to a network that is taken down, unless it is kept, and on every error."""
        if any(group.running for group in group_status(self.home)):
            raise ConfigError(
                f"expected no network running in {self.home.root}; `tenwings down` stops it, or choose another --home"
            )
        _start_afresh(self.home, self.out)
        finished = False
        try:
            yield
            finished = True
        finally:
            if not (finished and keep):
                down(self.home)


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Raises TenWingsError when it does not hold in time."""
    give_up = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > give_up:
            raise TenWingsError(
                f"expected {what} within {WAIT_SECONDS:.0f} s; look at `tenwings proposals` and the logs"
            )
        time.sleep(0.3)


def _start_afresh(home: Home, out: Out) -> None:
    """Remove what an earlier show left; a state folder that is not a show's is never touched."""
    marker = home.root / "demo"
    if any(path.is_file() for path in home.root.rglob("*")):
        if not marker.exists():
            raise ConfigError(
                f"expected an empty state folder or an earlier demo's, {home.root} is neither; see --home"
            )
        out.say(f"starting afresh: the last demo's state in {home.root} is removed")
        shutil.rmtree(home.root)
    home.require()
    marker.touch()
