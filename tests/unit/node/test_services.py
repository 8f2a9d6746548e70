"""How the local daemons are asked for: on loopback, with their ports known and their state kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from node import services
from node.config import Home
from node.errors import PrerequisiteError


def test_the_chain_keeps_its_state_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    service = services.anvil_service(home, 8545)
    assert service.argv[1:4] == ("-m", "node.anvil", str(home.chain_state))
    options = dict(zip(service.argv[5::2], service.argv[6::2], strict=False))
    assert (options["--host"], options["--port"], options["--chain-id"]) == ("127.0.0.1", "8545", "31337")
    assert options["--state"] == str(home.chain_state)
    assert int(options["--state-interval"]) <= 2
    assert (service.ports, service.restart) == ({"--chain-port": 8545}, True)


def test_an_ipfs_node_has_a_folder_of_its_own_and_is_ready_when_it_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    service = services.sidecar_service(home, "alice", api_port=5001, swarm_port=4001)
    assert str(home.ipfs("alice")) in service.argv
    assert service.ready.kind == "log"
    assert sorted(service.ports.values()) == [4001, 5001]


def test_a_port_left_to_the_system_is_not_looked_for_beforehand(tmp_path: Path) -> None:
    service = services.sidecar_service(Home(tmp_path), "alice", api_port=0, swarm_port=4001)
    assert list(service.ports.values()) == [4001]


def test_the_api_is_ready_when_its_health_page_is(tmp_path: Path) -> None:
    service = services.api_service(Home(tmp_path), 8080)
    assert service.ready.target == "http://127.0.0.1:8080/health"
    assert service.argv[-4:] == ("--home", str(tmp_path), "--port", "8080")


def test_without_anvil_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(services, "REPOSITORY", tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(PrerequisiteError, match="npm ci"):
        services.find_anvil()
