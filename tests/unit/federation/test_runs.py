"""Creating a run, and following its rounds while Flower runs them; the chain, IPFS and Flower are twins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from federation import runs
from federation.config import RunSpec
from federation.runs import create_run, require_run, train
from federation.server_app import ProgressFile, progress_path
from model.checkpoint import initial, read
from node import cid as cids
from node.config import Home
from node.errors import ConfigError, DaemonUnavailable, LedgerRefused
from node.records.content import Cid
from tests.support.played import OPERATOR, Played

FINISHED = {"event": "finished", "run_id": 1}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    monkeypatch.setattr(runs, "open_identity", lambda home, name: OPERATOR)
    monkeypatch.setattr(runs, "open_ledger", lambda home, identity=None: found.ledger)
    monkeypatch.setattr(runs, "open_store", lambda home, node: found.store)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def dataset(played: Played) -> Cid:
    artifact = played.ledger.artifact(played.ledger.run(1).params.dataset_digest)
    assert artifact is not None
    return artifact.cid


# creating


def test_a_new_run_starts_at_its_genesis_checkpoint_with_its_rewards_funded(played: Played, home: Home) -> None:
    spec = RunSpec().with_changes({"model.preset": "nano", "reward.per_round": "1000", "model.seed": "7"})

    run = create_run(home, spec, dataset(played), quorum=1, dispute_window_seconds=9)

    assert (run.run_id, run.head_round, run.params.quorum, run.params.dispute_window_seconds) == (2, 0, 1, 9)
    assert run.head_cid == run.params.genesis_cid
    assert read(played.store.get(run.head_cid)).config.preset == "nano"
    assert RunSpec.from_bytes(played.store.get(run.spec_cid)) == spec
    assert (run.params.reward_cap, played.ledger.funded(2)) == (1000, 100_000)


def test_the_dataset_is_pinned_with_all_its_shards(played: Played, home: Home) -> None:
    create_run(home, RunSpec(), dataset(played))

    played.store.collect_garbage()
    assert played.store.get(cids.of(b"train")) == b"train"


def test_a_dataset_that_is_not_registered_is_named_with_the_way_out(played: Played, home: Home) -> None:
    with pytest.raises(ConfigError, match=r"expected a registered dataset, got bafk.*`tenwings data add`"):
        create_run(home, RunSpec(), cids.of(b"not registered"))

    assert played.ledger.num_runs() == 1


def test_a_run_may_start_from_a_checkpoint_of_its_configuration(played: Played, home: Home) -> None:
    other = initial("nano", 9)
    run = create_run(home, RunSpec(), dataset(played), start=other)
    assert played.store.get(run.head_cid) == other
    with pytest.raises(ConfigError, match="--start: expected a checkpoint of the spec's configuration"):
        create_run(home, RunSpec().with_changes({"model.attention": "window"}), dataset(played), start=other)
    with pytest.raises(ConfigError, match="--start: not a checkpoint"):
        create_run(home, RunSpec(), dataset(played), start=b"a picture")


def test_a_preset_that_nobody_knows_is_named_before_anything_is_written(played: Played, home: Home) -> None:
    with pytest.raises(ConfigError, match="model: unknown preset 'huge'"):
        create_run(home, RunSpec().with_changes({"model.preset": "huge"}), dataset(played))

    assert played.ledger.num_runs() == 1


def test_a_run_that_is_not_on_chain_is_named(played: Played) -> None:
    assert require_run(played.ledger, 1).run_id == 1
    with pytest.raises(ConfigError, match=r"expected a run on chain, got 8; `tenwings run ls` shows them"):
        require_run(played.ledger, 8)


def test_a_quorum_of_nobody_is_refused_by_the_chain(played: Played, home: Home) -> None:
    with pytest.raises(LedgerRefused):
        create_run(home, RunSpec(), dataset(played), quorum=0)


# following


class Flower:
    """Flower's side of a run: what the coordinator writes, and when its process ends."""

    def __init__(self, path: Path, *, lines: Callable[[], list[bytes]], polls: int = 1) -> None:
        self.path, self.lines, self.polls = path, lines, polls
        self.started: list[Mapping[str, Any]] = []
        self.stopped: list[int] = []

    def __enter__(self) -> Flower:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def start_run(self, fab: bytes, config: Mapping[str, Any]) -> int:
        self.started.append(config)
        with self.path.open("ab") as file:
            file.writelines(self.lines())
        return 42

    def run_status(self, run_id: int) -> SimpleNamespace:
        self.polls -= 1
        return SimpleNamespace(finished=self.polls <= 0, sub_status="failed", details="")

    def stop_run(self, run_id: int) -> None:
        self.stopped.append(run_id)


def line(**event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


@pytest.fixture
def flower(monkeypatch: pytest.MonkeyPatch, home: Home) -> Iterator[Callable[..., Flower]]:
    times = iter(range(10**6))
    monkeypatch.setattr(runs.time, "monotonic", lambda: float(2 * next(times)))
    monkeypatch.setattr(runs.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(runs, "build_fab", lambda root: b"bundle")

    def make(*lines: bytes, polls: int = 3) -> Flower:
        fake = Flower(progress_path(home, 1), lines=lambda: list(lines), polls=polls)
        monkeypatch.setattr(runs, "federation_of", lambda home: fake)
        return fake

    yield make
    monkeypatch.undo()


@pytest.mark.usefixtures("played")
def test_training_tells_every_event_of_this_run_until_it_is_finished(home: Home, flower: Callable[..., Flower]) -> None:
    progress_path(home, 1).write_bytes(line(event="committed", round=1))
    fake = flower(line(event="training", round=2), line(event="committed", round=2), line(**FINISHED))
    told: list[Mapping[str, Any]] = []

    train(home, 1, 1, tell=told.append)

    assert [(e["event"], e.get("round")) for e in told] == [("training", 2), ("committed", 2), ("finished", None)]
    assert fake.started == [{"home": str(home.root), "run-id": 1, "num-rounds": 1}]


@pytest.mark.usefixtures("played")
def test_rounds_that_stop_are_told_with_the_coordinators_reason(home: Home, flower: Callable[..., Flower]) -> None:
    flower(line(event="stopped", error="round 1 failed 3 times", exit_code=1))

    with pytest.raises(DaemonUnavailable, match="the rounds stopped: round 1 failed 3 times"):
        train(home, 1, 1, tell=lambda event: None)


@pytest.mark.usefixtures("played")
def test_a_coordinator_that_dies_is_told_with_how_to_go_on(home: Home, flower: Callable[..., Flower]) -> None:
    flower(line(event="training", round=1), b'{"event": "comm')
    told: list[Mapping[str, Any]] = []

    with pytest.raises(DaemonUnavailable, match=r"process ended \(failed: no details\) too early; .*`tenwings train`"):
        train(home, 1, 1, tell=told.append)

    assert [e["event"] for e in told] == ["training"]


@pytest.mark.usefixtures("played")
def test_an_interrupt_stops_flowers_run(home: Home, flower: Callable[..., Flower]) -> None:
    fake = flower(line(event="training", round=1))

    def interrupt(event: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(home, 1, 1, tell=interrupt)

    assert fake.stopped == [42]


@pytest.mark.usefixtures("played")
def test_a_run_that_is_not_on_chain_is_not_trained(home: Home, flower: Callable[..., Flower]) -> None:
    fake = flower()

    with pytest.raises(ConfigError, match="expected a run on chain, got 5"):
        train(home, 5, 1, tell=lambda event: None)

    assert fake.started == []


def test_progress_is_one_json_line_an_event_with_its_time(tmp_path: Path) -> None:
    progress = ProgressFile(path=tmp_path / "progress.jsonl")

    progress("training", {"round": 1, "members": ["alice"]})
    progress("finished", {"run_id": 1})

    events = [json.loads(text) for text in progress.path.read_text().splitlines()]
    assert [(e["event"], e.get("members")) for e in events] == [("training", ["alice"]), ("finished", None)]
    assert all(e["at"] > 1_700_000_000 for e in events)
