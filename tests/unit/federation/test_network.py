"""Which processes make up a network and a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.network import OPERATORS, node_services, require_free_name
from node.config import Home
from node.errors import ConfigError
from node.local_ports import Ports


def test_a_node_is_an_ipfs_node_a_worker_and_a_supernode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPFS_API", raising=False)
    home = Home(tmp_path)

    services = node_services(home, "alice")

    assert [s.name for s in services] == ["ipfs-alice", "worker-alice", "supernode-alice"]
    assert services[1].after == ("ipfs-alice",)


def test_an_ipfs_node_keeps_its_ports_over_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPFS_API", raising=False)
    home = Home(tmp_path)

    first, second = (node_services(home, "alice")[0].argv for _ in range(2))

    assert first == second


def test_no_ipfs_node_is_started_where_ipfs_api_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_API", "/ip4/127.0.0.1/tcp/5001")

    services = node_services(Home(tmp_path), "alice")

    assert [s.name for s in services] == ["worker-alice", "supernode-alice"]
    assert services[0].after == ()


def test_the_ports_of_a_network_are_chosen_once(tmp_path: Path) -> None:
    first = Ports.of(Home(tmp_path), {"api": 18_080})

    assert Ports.of(Home(tmp_path), {"api": 18_081}) == first
    assert first.api_url == "http://127.0.0.1:18080"


@pytest.mark.parametrize("name", OPERATORS)
def test_a_member_cannot_take_a_name_of_the_operator(name: str) -> None:
    with pytest.raises(ConfigError, match=f"got '{name}'"):
        require_free_name(name)
