"""Follows the chain: reads new events into the log, undoes what a reorg took back, publishes what pages show."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from api.index.entries import History
from api.index.event_log import EventLog, same_as_stored
from api.index.fold import Fold
from node.errors import DaemonUnavailable, LedgerError
from node.ports import Ledger
from node.records.chain import Block
from node.records.proposals import Proposal, ProposalState

LOG = logging.getLogger(__name__)

BLOCKS_A_STEP = 2000
"""How many blocks are asked for at once: public chains refuse wider ranges."""

_CLOSED = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED, ProposalState.EXECUTED)


@dataclass(frozen=True, kw_only=True)
class Live:
    """What depends on the chain's clock and so is asked of it, not read from events."""

    proposals: Mapping[int, Proposal] = field(default_factory=dict)
    final_rounds: frozenset[tuple[int, int]] = frozenset()
    """(run id, round) of the rounds whose dispute window is over."""
    final_epoch: int = 0
    """The newest merit epoch that may vote; 0 when there is none."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One consistent picture for one page: what was known at `block`."""

    history: History
    live: Live
    block: Block
    polled_at: float
    """Unix time in seconds at which the chain last answered."""
    version: str
    """Changes when history or live changed, and with a restart: then pages show something else."""


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Something we need that does not answer."""

    what: str
    """"chain" or "index"."""
    since: float
    """Unix time in seconds of the first failure."""
    detail: str


class Follower:
    """The one writer of a log. `poll()` is one step; `follow()` polls for ever."""

    def __init__(
        self, ledger: Ledger, log: EventLog, *, first_block: int = 0, now: Callable[[], float] = time.time
    ) -> None:
        """`first_block` is where the contracts were deployed, or earlier."""
        self._ledger = ledger
        self._log = log
        self._first_block = first_block
        self._now = now
        self._fold: Fold | None = None
        self._history = Fold().history()
        self._live = Live()
        self._view: View | None = None
        self._start = secrets.token_hex(4)
        self._num_changes = 0
        self._outage: Outage | None = None

    @property
    def view(self) -> View | None:
        """The newest picture; None until the chain answered once."""
        return self._view

    @property
    def outage(self) -> Outage | None:
        """What does not answer now; None when all is well."""
        return self._outage

    async def follow(self, interval_seconds: float = 1.0) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.to_thread(self.poll)
            await asyncio.sleep(interval_seconds)

    def poll(self) -> bool:
        """Read what is new. Returns False, and notes the outage, when the chain or the database does not answer."""
        try:
            self._catch_up()
        except (DaemonUnavailable, LedgerError) as error:
            return self._failed("chain", str(error))
        except SQLAlchemyError as error:
            self._fold = None  # it may be ahead of the log: start again from what is stored
            return self._failed("index", f"the database refused: {type(error).__name__}")
        if self._outage is not None:
            LOG.info("%s answers again", self._outage.what)
        self._outage = None
        return True

    def _catch_up(self) -> None:
        if self._fold is None:
            self._claim_and_replay()
        head = self._ledger.latest_block()
        self._undo_reorg()
        cursor = self._log.cursor()
        start = self._first_block if cursor is None else cursor.number + 1
        for first in range(start, head.number + 1, BLOCKS_A_STEP):
            self._read(first, min(first + BLOCKS_A_STEP - 1, head.number), head)
        live = _read_live(self._ledger, self._history, self._live, max(head.timestamp, int(self._now())))
        if live != self._live:
            self._live = live
            self._num_changes += 1
        version = f"{self._start}-{self._num_changes}"
        self._view = View(history=self._history, live=self._live, block=head, polled_at=self._now(), version=version)

    def _claim_and_replay(self) -> None:
        self._log.claim(self._ledger.chain_id(), self._ledger.domain("TrainingRuns").verifying_contract)
        self._replay()

    def _replay(self) -> None:
        self._fold = Fold(self._log.events())
        self._publish(self._fold)

    def _read(self, first: int, last: int, head: Block) -> None:
        assert self._fold is not None
        upto = head if last == head.number else self._ledger.block_at(last)
        events = [same_as_stored(event) for event in self._ledger.events(first, last)]
        self._log.append(events, upto)
        if events:
            self._fold.take(events)
            self._publish(self._fold)

    def _publish(self, fold: Fold) -> None:
        self._history = fold.history()
        self._num_changes += 1

    def _undo_reorg(self) -> None:
        """Roll back to the newest mark that the chain still knows by the same hash."""
        cursor = self._log.cursor()
        if cursor is None or self._stands(cursor):
            return
        kept = next((mark.number for mark in self._log.marks() if self._stands(mark)), -1)
        undone = self._log.roll_back(kept)
        LOG.warning("reorg: %d events after block %d were undone", undone, kept)
        self._live = Live()
        self._replay()

    def _stands(self, mark: Block) -> bool:
        try:
            return self._ledger.block_at(mark.number).hash == mark.hash
        except ValueError:  # the chain is shorter now
            return False

    def _failed(self, what: str, detail: str) -> bool:
        if self._outage is None or self._outage.what != what:
            LOG.warning("%s does not answer: %s", what, detail)
            self._outage = Outage(what=what, since=self._now(), detail=detail)
        return False


def _read_live(ledger: Ledger, history: History, before: Live, now: int) -> Live:
    """Ask only for what can have changed: closed proposals and final rounds never do, and no round is final before its
    window is over. `now` is the chain's time at the latest."""
    proposals = {
        number: before.proposals[number]
        if number in before.proposals and before.proposals[number].state in _CLOSED
        else ledger.proposal(number)
        for number in history.proposals
    }
    due = {
        (run.run_id, number)
        for run in history.runs.values()
        for number, entry in run.rounds.items()
        if number not in run.voided and entry.committed_at + run.params.dispute_window_seconds <= now
    }
    final = {key for key in due - before.final_rounds if _is_final(ledger, *key)}
    epoch = ledger.final_epoch() if history.epochs else 0
    return Live(proposals=proposals, final_rounds=before.final_rounds | frozenset(final), final_epoch=epoch)


def _is_final(ledger: Ledger, run_id: int, number: int) -> bool:
    state = ledger.round(run_id, number)
    return state is not None and state.final
