"""A local network from nothing: chain, contracts, IPFS, Flower and the API as groups of processes; and a member's node.

Two groups of the operator ("base": chain, IPFS node, SuperLink; "service": the coordinator's worker and the API, which
need the contracts) and one a member ("node-NAME": IPFS node, worker, SuperNode). Ports are chosen once and kept, so
that a network that was stopped comes back where it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from federation.superlink import Federation, superlink_services, supernode_service
from node.chain_rpc import Rpc
from node.charter_text import default_charter
from node.config import Home
from node.deploy import deploy
from node.deployment import PROFILES, Deployment, DeploySettings
from node.errors import ConfigError
from node.identity import Identity, create_keystore, create_node_key, create_password_file
from node.local_ports import Ports
from node.manifest import Manifest
from node.records.chain import Address
from node.services import anvil_service, api_service, sidecar_service
from node.stack import Ready, Service, free_port, group_status, start_group, stop_all, write_atomically
from node.wiring import COORDINATOR, IPFS_API_VARIABLE, open_identity, open_store

RELAYER = "relayer"
OPERATORS = (COORDINATOR, RELAYER)
"""Names of the operator's own accounts, which no member can take."""
LOCAL_FUNDS_WEI = 1_000 * 10**18
Tell = Callable[[str], None]


def up(
    home: Home,
    *,
    attached: bool,
    tell: Tell,
    ports: Mapping[str, int] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Ports:
    """Start the operator's services and every member's node that lives in this state folder. `settings` are the
    contracts', for the first start."""
    home.require()
    chosen = Ports.of(home, ports)
    running = {status.group for status in group_status(home) if status.running}
    for name in OPERATORS:
        ensure_identity(home, name)
    if "base" not in running:
        tell("chain, IPFS node, SuperLink")
        start_group(home, "base", _base_services(home, chosen), attached=attached)
    if not home.deployment.exists():
        tell("contracts")
        _deploy(home, chosen, {**PROFILES["local"], **(settings or {})})
        open_store(home, COORDINATOR).put(default_charter().data)
    if "service" not in running:
        tell("coordinator's worker, API and dashboard")
        start_group(home, "service", _service_services(home, chosen), attached=attached)
    stopped = [name for name in local_members(home) if node_group(name) not in running]
    if stopped:
        tell(f"nodes of {', '.join(stopped)}")
        start_nodes(home, stopped, attached=attached)
    return chosen


def down(home: Home) -> None:
    """Stop everything of this state folder."""
    stop_all(home)


def start_node(home: Home, name: str, *, attached: bool) -> None:
    """Start a member's IPFS node, worker and SuperNode."""
    start_group(home, node_group(name), node_services(home, name), attached=attached)


def start_nodes(home: Home, names: Sequence[str], *, attached: bool) -> None:
    """Start several members' nodes side by side; raises the first error when all have been tried."""
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        started = [pool.submit(start_node, home, name, attached=attached) for name in names]
    for future in started:
        future.result()


def node_group(name: str) -> str:
    """The process group of a member's node."""
    return f"node-{name}"


def local_members(home: Home) -> list[str]:
    """Members whose node lives in this state folder, in alphabetical order."""
    folder = home.root / "members"
    if not folder.exists():
        return []
    return sorted(p.name for p in folder.iterdir() if (p / "joined").exists())


def ensure_identity(home: Home, name: str) -> Identity:
    """The account kept under this name; a new one where there is none."""
    member = home.member(name)
    if not member.keystore.exists():
        return create_keystore(member.keystore, create_password_file(member.password))
    return open_identity(home, name)


def ensure_node_key(home: Home, name: str) -> Path:
    """The member's Flower node key; a new one where there is none."""
    member = home.member(name)
    if not member.node_key.exists():
        create_node_key(member.node_key)
    return member.node_key_public


def federation_of(home: Home) -> Federation:
    """A client of this network's SuperLink; close it."""
    return Federation(Ports.of(home).superlink_address, home.flower_tls / "ca.crt")


def require_free_name(name: str) -> None:
    """Raises ConfigError for a name that the operator uses itself."""
    if name in OPERATORS:
        raise ConfigError(
            f"expected another name than {', '.join(OPERATORS)}, which the network itself uses; got {name!r}"
        )


def _base_services(home: Home, ports: Ports) -> list[Service]:
    return [
        anvil_service(home, ports.chain, after=()),
        *_ipfs_services(home, COORDINATOR),
        *superlink_services(home, ports.superlink),
    ]


def _service_services(home: Home, ports: Ports) -> list[Service]:
    return [
        worker_service(home, COORDINATOR),
        api_service(home, ports.api, options=("--relay", RELAYER), after=()),
    ]


def node_services(home: Home, name: str) -> list[Service]:
    """A member's three processes."""
    config, ipfs = {"home": str(home.root), "member": name}, _ipfs_services(home, name)
    return [
        *ipfs,
        worker_service(home, name, after=tuple(service.name for service in ipfs)),
        supernode_service(home, name, Ports.of(home).superlink_address, config, after=()),
    ]


def _ipfs_services(home: Home, node: str) -> list[Service]:
    """The embedded IPFS node; none where IPFS_API names another."""
    if IPFS_API_VARIABLE in os.environ:
        return []
    api, swarm = _kept_port(home, node, "api"), _kept_port(home, node, "swarm")
    return [sidecar_service(home, node, api_port=api, swarm_port=swarm, after=())]


def worker_service(home: Home, name: str, after: tuple[str, ...] = ()) -> Service:
    """The resident worker of one node. Its module can be replaced by TENWINGS_WORKER_MODULE, for drills."""
    module = os.environ.get("TENWINGS_WORKER_MODULE", "federation.worker")
    return Service(
        name=f"worker-{name}",
        argv=(sys.executable, "-m", module, "--home", str(home.root), "--member", name),
        ready=Ready.log("worker ready"),
        restart=True,
        after=after,
    )


def _kept_port(home: Home, node: str, kind: str) -> int:
    """A port of an IPFS node, kept over restarts: others hold its address."""
    path = home.ipfs(node) / f"{kind}_port"
    if not path.exists():
        write_atomically(path, str(free_port()))
    return int(path.read_text())


def _deploy(home: Home, ports: Ports, settings: Mapping[str, Any]) -> Deployment:
    """Put the contracts on the local chain; the operator's accounts get their gas from it."""
    rpc = Rpc(ports.rpc_url)
    operator = open_identity(home, COORDINATOR)
    for name in OPERATORS:
        fund_local(rpc, open_identity(home, name).address)
    deployment = deploy(
        ports.rpc_url, operator, settings=replace(DeploySettings(operator=operator.address), **settings)
    )
    deployment.save(home.deployment)
    Manifest.of(deployment).save(home.manifest)
    return deployment


def fund_local(rpc: Rpc, account: Address) -> None:
    """Gas money on a development chain."""
    rpc.request("anvil_setBalance", account, hex(LOCAL_FUNDS_WEI))
