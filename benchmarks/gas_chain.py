"""An anvil of one benchmark, and the gas of what is sent to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.abi_codec import encode_constructor
from node.artifacts import artifact
from node.chain_rpc import LATEST, Rpc
from node.chain_sender import Sender
from node.identity import Identity
from node.records.chain import Address
from tests.support.anvil import running_anvil

NUM_RICH = 16


class Chain:
    """One fresh chain with accounts that can pay for gas."""

    def __init__(self, url: str, rich: list[Identity]) -> None:
        self.rpc = Rpc(url)
        self.url = url
        self.rich = rich
        self._senders: dict[Address, Sender] = {}

    def create(self, who: Identity, code: bytes) -> Address:
        """Deploy `code`."""
        made = self._sender(who).send(None, code).contract_address
        assert made is not None, "a creation that succeeded has an address"
        return Address(to_checksum_address(made))

    def create_ours(self, contract: str, *args: Any) -> Address:
        """Deploy a contract of the committed artifacts."""
        return self.create(self.rich[0], artifact(contract).creation + encode_constructor(contract, *args))

    def call(self, who: Identity, target: Address, signature: str, *args: Any) -> int:
        """Send one call by its signature; returns the gas of the whole transaction."""
        types = _types(signature[signature.index("(") + 1 : -1])
        return self.send(who, target, keccak(text=signature)[:4] + encode(types, args))

    def send(self, who: Identity, target: Address, calldata: bytes) -> int:
        """Send calldata; returns the gas of the whole transaction."""
        return self._sender(who).send(target, calldata).gas_used

    def gas_of(self, action: Callable[[], object]) -> int:
        """Gas of all transactions that `action` sends."""
        before = int(self.rpc.request("eth_blockNumber"), 16)
        action()
        after = int(self.rpc.request("eth_blockNumber"), 16)
        blocks = [self.rpc.request("eth_getBlockByNumber", hex(n), False) for n in range(before + 1, after + 1)]
        return sum(int(block["gasUsed"], 16) for block in blocks)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.rpc.request("evm_increaseTime", seconds)
        self.rpc.request("evm_mine")

    def now(self) -> int:
        """Unix time of the newest block."""
        block = self.rpc.block(LATEST)
        assert block is not None, "a chain has a first block"
        return block.timestamp

    def _sender(self, who: Identity) -> Sender:
        if who.address not in self._senders:
            self._senders[who.address] = Sender(self.rpc, who, self.rpc.chain_id())
        return self._senders[who.address]


@contextmanager
def fresh_chain() -> Iterator[Chain]:
    """Ends its anvil."""
    rich = [Identity((1000 + number).to_bytes(32, "big")) for number in range(NUM_RICH)]
    with running_anvil(rich) as url:
        yield Chain(url, rich)


def _types(inner: str) -> list[str]:
    return inner.split(",") if inner else []
