"""The whole network for real: chain, IPFS nodes, Flower processes, workers, API; with clients that fail and processes
that are killed. One network for the whole file; the tests are its history and run in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from federation.config import RunSpec
from federation.datasets import LICENCE, DatasetPlan, build
from federation.joining import join, parse_roles
from federation.network import down, federation_of, node_group, start_nodes, up
from federation.runs import create_run, train
from node import cid as cids
from node.config import Home
from node.errors import DaemonUnavailable
from node.local_ports import Ports
from node.records.artifacts import ArtifactKind
from node.round_record import RoundRecord
from node.stack import group_status, service_pid
from node.wiring import COORDINATOR, open_desk, open_ledger, open_store

pytestmark = pytest.mark.real

CAST = {"alice": "trainer", "bruno": "trainer", "chen": "trainer", "dora": "evaluator", "emeka": "evaluator"}
SPEC = RunSpec(name="real").with_changes(
    {
        "inner.num_steps": "3",
        "inner.batch_size": "8",
        "inner.learning_rate": "0.001",
        "round.min_updates": "2",
        "round.deadline_seconds": "60",
        "round.grace_seconds": "8",
        "score.num_clips": "8",
        "score.heldout_draws": "2",
    }
)
DATA = DatasetPlan(clips_per_shard=12, num_score_clips=8, num_heldout_clips=8)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("network"))
    os.environ["TENWINGS_WORKER_MODULE"] = "tests.support.faulty_worker"
    try:
        up(found, attached=True, tell=lambda _: None)
        for name, role in CAST.items():
            join(found, name, parse_roles(role), attached=True, start=False)
        start_nodes(found, list(CAST), attached=True)
        desk = open_desk(found, "alice")
        cid, _ = build(desk.store, DATA, lambda _: None)
        desk.register(ArtifactKind.DATASET, cid, LICENCE)
        create_run(found, SPEC, cid)
        yield found
    finally:
        del os.environ["TENWINGS_WORKER_MODULE"]
        down(found)


def rounds(home: Home, number: int) -> list[Mapping[str, Any]]:
    """Train `number` rounds; the events told."""
    events: list[Mapping[str, Any]] = []
    train(home, 1, number, tell=events.append)
    return events


def reasons(home: Home, round_number: int) -> dict[str, str]:
    """Member name -> reason code in a committed round's record."""
    ledger = open_ledger(home)
    state = ledger.round(1, round_number)
    assert state is not None
    record = RoundRecord.from_bytes(open_store(home, COORDINATOR).get(state.commit.record_cid))
    names = {m.account: m.name for m in ledger.members()}
    return {names[r.account]: r.reason for r in record.refusals}


def tenwings(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    command = [str(Path(sys.executable).with_name("tenwings")), *arguments, "--home", str(home.root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def online(home: Home) -> int:
    with federation_of(home) as flower:
        return len(flower.online_nodes())


def until(what: str, holds: Any, seconds: float = 90.0) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, f"{what}: not within {seconds} s"
        time.sleep(0.3)


def test_a_round_is_trained_scored_and_committed_by_real_processes(home: Home) -> None:
    events = rounds(home, 1)

    committed = next(e for e in events if e["event"] == "committed")
    assert committed["num_clients"] == 3
    assert committed["refusals"] == []
    assert open_ledger(home).run(1).head_cid == committed["checkpoint_cid"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("nan", "not-finite"), ("shape", "wrong-shape"), ("stale", "stale-base"), ("signature", "bad-signature")],
)
def test_a_bad_client_is_refused_with_a_reason_in_cli_api_and_page(home: Home, fault: str, reason: str) -> None:
    fault_file = home.member("chen").root / "fault"
    fault_file.write_text(fault)
    rounds(home, 1)
    fault_file.unlink()

    head = open_ledger(home).run(1).head_round
    assert reasons(home, head) == {"chen": reason}
    shown = tenwings(home, "run", "show", "1", "--json")
    assert f"chen: {reason}" in json.loads(shown.stdout.splitlines()[-1])["refused"]
    url = Ports.of(home).api_url
    until("the index", lambda: requests.get(f"{url}/api/runs/1/rounds/{head}", timeout=10).ok)
    for path in (f"/api/runs/1/rounds/{head}", f"/runs/1/rounds/{head}"):
        assert reason in requests.get(url + path, timeout=10).text


def test_a_supernode_killed_in_a_round_is_missed_by_that_round_alone(home: Home) -> None:
    (home.member("chen").root / "fault").write_text("slow")
    killed = []

    def kill_chen(event: Mapping[str, Any]) -> None:
        if event["event"] == "training" and not killed:
            pid = service_pid(home, node_group("chen"), "supernode-chen")
            worker = service_pid(home, node_group("chen"), "worker-chen")
            assert pid is not None
            assert worker is not None
            time.sleep(2)
            killed.append(pid)
            (home.member("chen").root / "fault").unlink()
            os.kill(pid, signal.SIGKILL)
            os.kill(worker, signal.SIGKILL)

    train(home, 1, 1, tell=kill_chen)
    head = open_ledger(home).run(1).head_round
    missed = reasons(home, head)
    until("chen back online", lambda: online(home) == 5)
    rounds(home, 1)

    assert killed
    assert set(missed) == {"chen"}
    assert missed["chen"] in ("no-reply", "client-error")
    assert reasons(home, head + 1) == {}


def test_a_killed_coordinator_goes_on_from_the_chains_head(home: Home) -> None:
    before = open_ledger(home).run(1).head_round

    def kill_after_the_first(event: Mapping[str, Any]) -> None:
        if event["event"] == "committed" and event["round"] == before + 1:
            superexec = service_pid(home, "base", "superexec")
            assert superexec is not None
            for task in psutil.Process(superexec).children(recursive=True):
                task.kill()

    with pytest.raises(DaemonUnavailable, match="chain's head"):
        train(home, 1, 3, tell=kill_after_the_first)
    head = open_ledger(home).run(1).head_round
    events = rounds(home, 1)

    assert head >= before + 1
    assert [e["round"] for e in events if e["event"] == "committed"] == [head + 1]


def test_the_audit_holds_and_one_flipped_byte_on_disk_fails_it_by_name(home: Home) -> None:
    sound = tenwings(home, "audit")
    assert sound.returncode == 0, sound.stdout + sound.stderr

    state = open_ledger(home).round(1, 2)
    assert state is not None
    record = RoundRecord.from_bytes(open_store(home, COORDINATOR).get(state.commit.record_cid))
    update = record.receipts[0].update_cid
    block = _block_file(home, update)
    data = bytearray(block.read_bytes())
    data[len(data) // 2] ^= 1
    block.write_bytes(bytes(data))
    flipped = tenwings(home, "audit", "--json")

    verdicts = [json.loads(line) for line in flipped.stdout.splitlines()]
    bad = [v for v in verdicts if v.get("holds") is False]
    assert flipped.returncode == 9
    assert bad[0]["round"] == 2
    assert bad[0]["subject"].startswith("update of 0x")
    assert update in bad[0]["detail"]
    assert "Traceback" not in flipped.stderr


def _block_file(home: Home, cid: Any) -> Path:
    """The file in which the coordinator's IPFS node keeps an update (one raw block)."""
    digest = cids.digest(cid)
    for path in (home.ipfs(COORDINATOR) / "blocks").rglob("*"):
        if path.is_file() and cids.digest(cids.of(path.read_bytes())) == digest:
            return path
    raise AssertionError(f"no block of {cid}")


def test_mistakes_at_the_command_line_are_one_line_and_an_exit_code(home: Home) -> None:
    cases = {
        ("claim", "--as", "nobody"): 2,
        ("propose", "inner.num_steps=0", "--as", "alice"): 2,
        ("propose", "inner.unknown=1", "--as", "alice"): 2,
        ("run", "create", "--dataset", "bafy-not-a-cid"): 2,
        ("run", "create", "--dataset", cids.of(b"unregistered")): 2,
        ("audit", "--run", "99"): 2,
        ("join", "coordinator"): 2,
        ("join", "Not A Name"): 2,
    }
    for arguments, code in cases.items():
        done = tenwings(home, *arguments)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        assert done.stderr.startswith("error: expected") or "error:" in done.stderr
        assert "Traceback" not in done.stderr + done.stdout


def test_nothing_is_left_running_after_down(home: Home) -> None:
    marks = {group.mark for group in group_status(home)}
    assert len(marks) == 7

    down(home)

    left = [p for p in psutil.process_iter() if _mark_of(p) in marks]
    assert left == []


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("TENWINGS_STACK")
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None
