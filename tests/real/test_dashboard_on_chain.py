"""`python -m api` over a real chain and a real IPFS node: the pages of the twins, and what happens when one is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.chain_ledger import ChainLedger
from node.chain_rpc import Rpc
from node.deploy import deploy
from node.identity import create_password_file, save_keystore
from node.ipfs import IpfsStore
from node.records.proposals import Support
from node.sidecar_process import sidecar_command, wait_for_sidecar
from node.stack import free_port
from tests.support.anvil import ROOT, AnvilClock, running_anvil
from tests.support.history import OPERATOR, SETTINGS, History
from tests.support.site import Site

pytestmark = pytest.mark.real

OF_THE_CHAIN = {"as_of", "block_number", "tx_hash", "seed_block_number", "seed_block_hash", "block_hash", "eta"}
"""What differs from chain to chain, with all that holds it: times, and the CIDs of records that name blocks."""


@dataclass
class Served:
    """A served dashboard and what it stands on."""

    history: History
    folder: Path
    url: str
    rpc: Rpc
    ipfs: subprocess.Popen[bytes]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)


@contextmanager
def running_ipfs(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = sidecar_command(folder, exit_with_stdin=True)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process
        process.terminate()


@contextmanager
def running_api(folder: Path) -> Iterator[str]:
    """The dashboard's URL, once it is healthy."""
    port = free_port()
    command = [sys.executable, "-m", "api", "--port", str(port), "--deployment", str(folder / "deployment.json")]
    command += ["--ipfs", str(folder / "ipfs"), "--relay-keystore", str(folder / "relayer.json")]
    command += ["--relay-password-file", str(folder / "password")]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: process.poll() is not None or healthy(url))
            assert process.poll() is None, "the api ended while it started"
            yield url
        finally:
            process.terminate()


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(what: Callable[[], bool], num_tries: int = 300) -> None:
    for _ in range(num_tries):
        if what():
            return
        threading.Event().wait(0.1)
    raise AssertionError("waited in vain")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    save_keystore(tmp_path / "relayer.json", OPERATOR, create_password_file(tmp_path / "password"))
    (tmp_path / "ipfs").mkdir()
    with running_anvil([OPERATOR]) as rpc_url, running_ipfs(tmp_path / "ipfs") as ipfs:
        deployment = deploy(rpc_url, OPERATOR, settings=SETTINGS)
        deployment.save(tmp_path / "deployment.json")
        store: IpfsStore = wait_for_sidecar(tmp_path / "ipfs")
        rpc = Rpc(rpc_url)
        history = History(clock=AnvilClock(rpc), store=store, ledger=ChainLedger(deployment, key=OPERATOR)).play()
        with running_api(tmp_path) as url:
            yield Served(history, tmp_path, url, rpc, ipfs)


def without_chain(value: Any) -> Any:
    """JSON without what differs from chain to chain."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in OF_THE_CHAIN}
        return {key: without_chain(item) for key, item in kept.items() if not key.endswith(("time", "_at", "deadline"))}
    if isinstance(value, list):
        return [without_chain(item) for item in value]
    return value


def test_pages_over_the_chain_show_what_they_show_over_the_twins(served: Served) -> None:
    twin = Site(History().play())

    for path in ("/api/runs/1/contributions", "/api/runs/1/checkpoints", "/api/members", "/api/artifacts"):
        real, local = served.get(path).json(), twin.get(path).json()
        hidden = {"contributions_root", "epoch_tree_cid"}  # bound to the chain's own addresses
        assert {k: v for k, v in without_chain(real).items() if k not in hidden} == {
            k: v for k, v in without_chain(local).items() if k not in hidden
        }, path
    real, local = (site.get("/api/runs/1/rounds/1").json() for site in (served, twin))
    for part in ("receipts", "refusals", "sheets", "timings"):
        assert without_chain(real["record"][part]) == without_chain(local["record"][part]), part
    assert "inner.num_steps" in served.get(f"/proposals/{served.history.proposal_id}").text
    assert served.get(f"/ipfs/{served.history.ledger.run(1).head_cid}").content == b"checkpoint 2"


def test_a_ballot_goes_through_the_relay_onto_the_chain_and_the_page(served: Served) -> None:
    ballot, signature = served.history.ballot("emil", Support.FOR, "yes")
    message = {
        "proposal_id": str(ballot.proposal_id),
        "support": 1,
        "voter": ballot.voter,
        "reason": ballot.reason,
        "params": "0x" + ballot.params.hex(),
        "signature": "0x" + signature.hex(),
    }

    answer = httpx.post(f"{served.url}/api/relay/ballot", json=message, timeout=30)

    assert answer.json() == {"what": "weight", "id": "20"}
    page = f"/api/proposals/{ballot.proposal_id}"
    wait_until(lambda: served.get(page).json()["proposal"]["votes_for"] == "50")


def test_a_reorganisation_of_the_chain_takes_its_ballot_off_the_page(served: Served) -> None:
    page = f"/api/proposals/{served.history.proposal_id}"
    snapshot = served.rpc.request("evm_snapshot")
    served.history.vote("emil", Support.FOR)
    wait_until(lambda: len(served.get(page).json()["votes"]) == 3)

    served.rpc.request("evm_revert", snapshot)
    served.rpc.request("evm_mine")

    wait_until(lambda: len(served.get(page).json()["votes"]) == 2)


def test_a_restart_goes_on_from_the_stored_index(served: Served) -> None:
    before = served.get("/api/overview").json()

    with running_api(served.folder) as url:
        after = httpx.get(f"{url}/api/overview", timeout=30).json()

    assert without_chain(after) == without_chain(before)
    assert len(list(served.folder.glob("index-*.sqlite"))) == 1


def test_without_ipfs_pages_stand_and_downloads_say_so_and_a_restarted_node_is_found(served: Served) -> None:
    head = served.history.ledger.run(1).head_cid
    served.ipfs.terminate()
    served.ipfs.wait()

    assert served.get(f"/ipfs/{head}").status_code == 503
    assert "Procedural worlds" in served.get("/").text
    with running_ipfs(served.folder / "ipfs"):
        wait_until(lambda: served.get(f"/ipfs/{head}").status_code == 200)


def test_without_the_chain_pages_are_stale_and_health_is_503(tmp_path: Path) -> None:
    save_keystore(tmp_path / "relayer.json", OPERATOR, create_password_file(tmp_path / "password"))
    (tmp_path / "ipfs").mkdir()
    with running_ipfs(tmp_path / "ipfs"), ExitStack() as held:
        wait_for_sidecar(tmp_path / "ipfs")
        with running_anvil([OPERATOR]) as rpc_url:
            deploy(rpc_url, OPERATOR, settings=SETTINGS).save(tmp_path / "deployment.json")
            url = held.enter_context(running_api(tmp_path))

        wait_until(lambda: not healthy(url))

        assert "Stale: the chain has not answered" in httpx.get(url, timeout=30).text
        assert httpx.get(f"{url}/health", timeout=30).status_code == 503
