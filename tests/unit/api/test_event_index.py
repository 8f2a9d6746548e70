"""The index: every event once, equal state after a restart, and what a reorg took back is gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from api.index.event_log import EventLog, same_as_stored
from api.index.fold import Fold
from api.index.follower import Follower
from node.errors import ConfigError, DaemonUnavailable
from node.local_ledger import ManualClock
from node.records.chain import Address, Block, Event
from node.records.proposals import Support
from tests.support.history import History


class Switch:
    """A ledger that can be exchanged for another under the reader's eyes: a reorg."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)


class Counted(Switch):
    """Notes which blocks are asked for."""

    def __init__(self, ledger: Any) -> None:
        super().__init__(ledger)
        self.asked: list[tuple[int, int | None]] = []

    def events(self, from_block: int, to_block: int | None = None) -> Sequence[Event]:
        self.asked.append((from_block, to_block))
        events: Sequence[Event] = self.ledger.events(from_block, to_block)
        return events


def founded(clock: ManualClock | None = None) -> History:
    """Members, a dataset and a run; the same blocks each time."""
    history = History(clock=clock or ManualClock())
    for name in history.names:
        history.join(name)
    history.register_dataset()
    history.create_run()
    return history


def test_the_events_alone_rebuild_what_the_chain_says() -> None:
    history = History().play()
    ledger = history.ledger

    shown = Fold(ledger.events(0)).history()

    assert list(shown.members.values()) == list(ledger.members())
    assert shown.artifacts[history.dataset_digest].artifact == ledger.artifact(history.dataset_digest)
    run, state = shown.runs[1], ledger.run(1)
    assert (run.params, run.head_round, run.head_cid) == (state.params, state.head_round, state.head_cid)
    assert (run.specs[-1].version, run.specs[-1].cid) == (state.spec_version, state.spec_cid)
    assert [run.rounds[n].commit for n in (1, 2)] == [ledger.round(1, n).commit for n in (1, 2)]  # type: ignore[union-attr]
    assert [f.reason for f in run.failures] == ["too-few-updates"]
    assert run.funded == ledger.funded(1)
    assert dict(run.claimed) == {1: 31 * 10**18}
    assert shown.epochs[1].commit == ledger.epoch(1)
    proposal = shown.proposals[history.proposal_id]
    assert [(vote.support, vote.weight) for vote in proposal.votes] == [(Support.FOR, 30), (Support.AGAINST, 20)]


def test_a_governed_change_follows_from_its_events() -> None:
    history = History().play()
    history.vote("emil", Support.FOR)
    history.clock.advance(3700)
    history.ledger.queue(history.proposal_id)
    history.clock.advance(100)
    history.ledger.execute(history.proposal_id)

    shown = Fold(history.ledger.events(0)).history()

    assert [spec.version for spec in shown.runs[1].specs] == [1, 2]
    assert shown.runs[1].specs[-1].cid == history.ledger.run(1).spec_cid
    assert shown.proposals[history.proposal_id].executed_at == history.clock()


def test_a_restart_replays_the_stored_events_into_equal_state(tmp_path: Path) -> None:
    history = History().play()
    url = f"sqlite:///{tmp_path}/index.sqlite"
    before = Follower(history.ledger, EventLog(url))
    before.poll()
    counted = Counted(history.ledger)

    after = Follower(counted, EventLog(url))
    after.poll()

    assert before.view is not None
    assert after.view is not None
    assert after.view.history == before.view.history
    assert after.view.live == before.view.live
    assert counted.asked == []  # all came from the log


def test_reading_goes_on_after_the_cursor(tmp_path: Path) -> None:
    history = founded()
    counted = Counted(history.ledger)
    follower = Follower(counted, EventLog(f"sqlite:///{tmp_path}/index.sqlite"))
    follower.poll()
    first = history.ledger.latest_block().number

    history.commit_round(gains={"alice": 40_000})
    follower.poll()

    assert counted.asked[-1][0] == first + 1
    assert follower.view is not None
    assert follower.view.history.runs[1].head_round == 1


def test_an_event_is_stored_once_and_comes_out_as_it_went_in() -> None:
    history = founded()
    log = EventLog()
    Follower(history.ledger, log).poll()
    Follower(history.ledger, log).poll()

    assert list(log.events()) == [same_as_stored(event) for event in history.ledger.events(0)]


def test_a_reorg_takes_back_what_it_undid_and_shows_what_came_instead() -> None:
    old, new = founded(), founded()
    switch, log = Switch(old.ledger), EventLog()
    follower = Follower(switch, log)
    follower.poll()
    old.commit_round(gains={"alice": 40_000})
    follower.poll()
    new.commit_round(gains={"bob": 10_000})
    new.commit_round(gains={"bob": 20_000})

    switch.ledger = new.ledger
    follower.poll()

    straight = Follower(new.ledger, EventLog())
    straight.poll()
    assert follower.view is not None
    assert straight.view is not None
    assert follower.view.history.runs == straight.view.history.runs
    assert follower.view.live == straight.view.live
    assert log.num_reorgs() == 1
    assert list(log.events()) == [same_as_stored(event) for event in new.ledger.events(0)]


def test_a_shorter_chain_is_a_reorg_too() -> None:
    old, new = founded(), founded()
    switch = Switch(old.ledger)
    follower = Follower(switch, EventLog())
    follower.poll()
    old.commit_round(gains={"alice": 40_000})
    follower.poll()

    switch.ledger = new.ledger
    follower.poll()

    assert follower.view is not None
    assert follower.view.history.runs[1].head_round == 0


def test_a_chain_without_a_common_block_is_read_from_its_beginning() -> None:
    old, new = founded(), founded(ManualClock(1_760_000_000))
    switch, log = Switch(old.ledger), EventLog()
    follower = Follower(switch, log)
    follower.poll()

    switch.ledger = new.ledger
    follower.poll()

    assert list(log.events()) == [same_as_stored(event) for event in new.ledger.events(0)]


def test_a_reorg_never_deletes_a_row(tmp_path: Path) -> None:
    old, new = founded(), founded()
    switch = Switch(old.ledger)
    url = f"sqlite:///{tmp_path}/index.sqlite"
    follower = Follower(switch, EventLog(url))
    follower.poll()
    old.commit_round(gains={"alice": 40_000})
    follower.poll()
    switch.ledger = new.ledger
    follower.poll()

    with create_engine(url).connect() as connection:
        undone = connection.execute(text("SELECT name FROM event WHERE reorg_id = 1")).scalars().all()

    assert undone == ["RoundCommitted"]


def test_an_index_of_another_deployment_is_refused_with_both_named() -> None:
    log = EventLog()
    log.claim(1, Address("0x" + "11" * 20))

    with pytest.raises(ConfigError, match=r"chain 31337 .* got one of chain 1 with 0x1111"):
        log.claim(31337, Address("0x" + "22" * 20))


def test_only_the_newest_marks_are_kept() -> None:
    log = EventLog()
    for number in range(1005):
        log.append([], Block(number=number, hash=number.to_bytes(32, "big"), timestamp=number))

    numbers = [mark.number for mark in log.marks(limit=2000)]

    assert (len(numbers), numbers[0], numbers[-1]) == (1000, 1004, 5)


def test_an_outage_is_noted_once_with_its_beginning_and_ends_with_an_answer() -> None:
    history = founded()
    switch, now = Switch(history.ledger), [100.0]
    follower = Follower(switch, EventLog(), now=lambda: now[0])
    follower.poll()

    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise DaemonUnavailable("connection refused")

    switch.ledger = Gone()
    first = follower.poll()
    now[0] = 160.0
    follower.poll()

    assert first is False
    assert follower.outage is not None
    assert (follower.outage.what, follower.outage.since) == ("chain", 100.0)
    assert follower.view is not None
    assert follower.view.polled_at == 100.0
    switch.ledger = history.ledger
    assert follower.poll() is True
    assert follower.outage is None


def test_a_database_that_fails_is_an_outage_of_the_index(tmp_path: Path) -> None:
    history = founded()
    url = f"sqlite:///{tmp_path}/index.sqlite"
    follower = Follower(history.ledger, EventLog(url))
    with create_engine(url).begin() as connection:
        connection.execute(text("DROP TABLE mark"))

    assert follower.poll() is False
    assert follower.outage is not None
    assert follower.outage.what == "index"


def test_a_round_becomes_final_without_a_new_event() -> None:
    history = founded()
    history.commit_round(gains={"alice": 40_000})
    follower = Follower(history.ledger, EventLog())
    follower.poll()
    assert follower.view is not None
    before, version = follower.view.live.final_rounds, follower.view.version

    history.clock.advance(61)
    follower.poll()

    assert before == frozenset()
    assert follower.view.live.final_rounds == {(1, 1)}
    assert follower.view.version != version
