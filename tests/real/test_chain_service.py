"""The local chain for real: killed in the middle of a write, it comes back with its transactions."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node import anvil, processes, stack
from node.config import Home
from node.services import anvil_service

pytestmark = pytest.mark.real


def test_a_chain_killed_while_it_wrote_its_state_comes_back_with_its_transactions(tmp_path: Path) -> None:
    home, port = Home(tmp_path), stack.free_port()
    status = stack.start_group(home, "chain", [anvil_service(home, port)], attached=True)
    try:
        sender, receiver, *_ = ask(port, "eth_accounts")
        for _ in range(3):
            sent = ask(port, "eth_sendTransaction", {"from": sender, "to": receiver, "value": "0x1"})
        eventually(lambda: anvil.copy_path(home.chain_state).exists() and num_kept_blocks(home) >= 3)
        os.kill(anvil_process(status.mark), signal.SIGKILL)
        half = home.chain_state.read_bytes()[:100]
        home.chain_state.write_bytes(half)
        eventually(lambda: stack.group_status(home)[0].services[0].restarts == 1)
        eventually(lambda: stack.group_status(home)[0].services[0].state == "ready")
        assert ask(port, "eth_getTransactionCount", sender, "latest") == "0x3"
        assert ask(port, "eth_getTransactionReceipt", sent)["status"] == "0x1"
    finally:
        stack.stop_group(home, "chain")
    assert processes.marked(status.mark) == []


def ask(port: int, method: str, *parameters: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}", body, headers)) as answer:
        return json.load(answer)["result"]


def num_kept_blocks(home: Home) -> int:
    return int(json.loads(anvil.copy_path(home.chain_state).read_text())["best_block_number"])


def anvil_process(mark: str) -> int:
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in processes.marked(mark)}
    return next(pid for pid, name in names.items() if name == "anvil")


def eventually(what: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
