"""Flower as we run it, for real: SuperLink, SuperExec and three SuperNodes with TLS and keys."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from federation.superlink import Federation, build_app_fab, superlink_services, supernode_service
from node import processes, stack
from node.config import Home
from node.identity import create_node_key

pytestmark = pytest.mark.real

APP = Path(__file__).resolve().parents[1] / "support" / "trivial_app"
MEMBERS = ("alice", "bob", "carol")
ADDRESSES = {name: f"0x{name.encode().hex():0>40}" for name in MEMBERS}


@dataclass(frozen=True, kw_only=True)
class Flower:
    home: Home
    federation: Federation
    marks: tuple[str, ...]
    approved: Path


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flower]:
    home = Home(tmp_path_factory.mktemp("home"))
    port = stack.free_port()
    address, approved = f"127.0.0.1:{port}", home.root / "approved"
    approved.write_text(hashlib.sha256(build_app_fab(APP)).hexdigest())
    link = stack.start_group(home, "flower", superlink_services(home, port), attached=True)
    with Federation(address, home.flower_tls / "ca.crt") as federation:
        nodes = []
        for name in MEMBERS:
            create_node_key(home.member(name).node_key)
            federation.register_node(home.member(name).node_key_public, ADDRESSES[name])
            config = {"member": name}
            nodes.append(supernode_service(home, name, address, config, approved_bundles=approved, after=()))
        members = stack.start_group(home, "members", nodes, attached=True)
        yield Flower(home=home, federation=federation, marks=(link.mark, members.mark), approved=approved)
    stack.stop_all(home)


def test_every_member_answers_and_is_known_by_its_address(flower: Flower) -> None:
    phase = phases(flower, {"num-phases": 2})[1]
    assert phase["answers"] == {ADDRESSES[name]: 2 for name in MEMBERS}
    assert phase["errors"] == {}


def test_a_node_killed_at_work_is_an_error_reply_the_others_answer_and_it_comes_back(flower: Flower) -> None:
    pid = stack.service_pid(flower.home, "members", "supernode-bob")
    assert pid is not None
    run_id = flower.federation.start_run(APP, {"work-seconds": 6.0})
    log = flower.federation.stream_logs(run_id)
    assert any("PUSHED" in piece for piece in log)
    time.sleep(2.0)
    os.kill(pid, signal.SIGKILL)
    (phase,) = parsed("".join(log))
    assert set(phase["answers"]) == {ADDRESSES["alice"], ADDRESSES["carol"]}
    assert set(phase["errors"]) == {ADDRESSES["bob"]}
    eventually(lambda: len(flower.federation.online_nodes()) == len(MEMBERS))
    assert stack.service_pid(flower.home, "members", "supernode-bob") != pid


def test_a_bundle_that_is_not_approved_does_not_run(flower: Flower) -> None:
    before = flower.approved.read_text()
    flower.approved.write_text("")
    (phase,) = phases(flower, {})
    flower.approved.write_text(before)
    assert phase["answers"] == {}
    assert all("is not among the 0 that this node approves" in text for text in phase["errors"].values())


def test_the_superlink_may_crash_and_the_run_goes_on(flower: Flower) -> None:
    pid = stack.service_pid(flower.home, "flower", "superlink")
    assert pid is not None
    run_id = flower.federation.start_run(APP, {"work-seconds": 2.0})
    assert any("PUSHED" in piece for piece in flower.federation.stream_logs(run_id))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: stack.service_pid(flower.home, "flower", "superlink") not in (None, pid))
    eventually(lambda: stack.group_status(flower.home)[0].services[0].state == "ready")
    eventually(lambda: flower.federation.run_status(run_id).finished)
    assert flower.federation.run_status(run_id).sub_status == "completed"


def test_everything_stops_and_nothing_is_left(flower: Flower) -> None:
    stack.stop_all(flower.home)
    assert [processes.marked(mark) for mark in flower.marks] == [[], []]


def phases(flower: Flower, run_config: dict[str, Any]) -> list[dict[str, Any]]:
    run_id = flower.federation.start_run(APP, run_config)
    found = parsed("".join(flower.federation.stream_logs(run_id)))
    status = flower.federation.run_status(run_id)
    assert (status.status, status.sub_status) == ("finished", "completed"), status
    return found


def parsed(log: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("PHASE ")) for line in log.splitlines() if line.startswith("PHASE ")]


def eventually(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
