"""A chain of one test: anvil on a free port, with accounts that can pay for gas."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.chain_rpc import Rpc
from node.errors import DaemonUnavailable
from node.identity import Identity
from node.stack import free_port

ROOT = Path(__file__).resolve().parents[2]
ETHER = 10**18


class AnvilClock:
    """The time of a chain, which tests move."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def __call__(self) -> int:
        return self._rpc.now()

    def advance(self, seconds: int) -> None:
        self._rpc.request("evm_increaseTime", seconds)
        self._rpc.request("evm_mine")


@contextmanager
def running_anvil(rich: Sequence[Identity], *arguments: str, port: int | None = None) -> Iterator[str]:
    """The chain's RPC URL. Skips the test where anvil is not installed."""
    found = [*(ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"), shutil.which("anvil")]
    if found[0] is None:
        pytest.skip("needs anvil: run `npm ci`")
    chosen = free_port() if port is None else port
    command = [str(found[0]), "--port", str(chosen), "--silent", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{chosen}"
            _wait_for(url)
            for identity in rich:
                Rpc(url).request("anvil_setBalance", identity.address, hex(100 * ETHER))
            yield url
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            Rpc(url).chain_id()
            return
        except DaemonUnavailable:
            if time.monotonic() > deadline:
                raise
