"""What every part of the ledger on a chain leans on: reading blocks, events and contracts, and sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_utils.crypto import keccak

from node.abi_codec import decode_result, encode_call
from node.chain_events import EventFetcher, EventLog
from node.chain_rpc import LATEST, Rpc
from node.chain_sender import Receipt, Sender
from node.deployment import DOMAIN_NAMES, Deployment
from node.errors import ConfigError, LedgerError
from node.identity import Identity
from node.records.chain import Address, Block, Domain, Event
from node.signed_requests import MemberRequest, route_of


class ChainLink:
    """A deployment of the contracts: read by anybody, written to by the holder of `key`."""

    def __init__(self, deployment: Deployment, *, key: Identity | None = None) -> None:
        """Asks the node for its chain. Raises ConfigError when it follows another one than the deployment's."""
        self._deployment = deployment
        self._rpc = Rpc(deployment.rpc_url)
        _require_chain(self._rpc, deployment)
        self._sender = None if key is None else Sender(self._rpc, key, deployment.chain_id)
        self._fetcher = EventFetcher(self._rpc, deployment)
        self._log = EventLog(self._rpc, deployment)

    def chain_id(self) -> int:
        return self._deployment.chain_id

    def domain(self, contract: str) -> Domain:
        if contract not in DOMAIN_NAMES:
            raise ValueError(f"expected one of {', '.join(DOMAIN_NAMES)}, got {contract!r}")
        return Domain(
            name=DOMAIN_NAMES[contract],
            version="1",
            chain_id=self._deployment.chain_id,
            verifying_contract=self._deployment.addresses[contract],
        )

    def addresses(self) -> Mapping[str, Address]:
        return dict(self._deployment.addresses)

    def code_hash(self, address: Address) -> bytes:
        code = self._rpc.code(address)
        return keccak(code) if code else bytes(32)

    def latest_block(self) -> Block:
        block = self._rpc.block(LATEST)
        if block is None:
            raise LedgerError(f"expected a latest block from {self._rpc.url}, got none")
        return block

    def block_at(self, number: int) -> Block:
        """Raises ValueError when there is no such block yet."""
        block = self._rpc.block(number) if number >= 0 else None
        if block is None:
            raise ValueError(f"expected a block number from 0 to {self.latest_block().number}, got {number}")
        return block

    def events(self, from_block: int, to_block: int | None = None) -> Sequence[Event]:
        return self._log.refreshed().between(from_block, to_block)

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        route = route_of(request)
        return self._send(route.contract, route.function, *route.arguments(request), signature).tx_hash

    def nonce(self, contract: str, account: Address) -> int:
        return int(self._call(contract, "nonces", account))

    def _sending(self) -> Sender:
        if self._sender is None:
            raise ConfigError("expected an account that pays for transactions, got none: name a keystore")
        return self._sender

    def _send(self, contract: str, function: str, *args: Any) -> Receipt:
        calldata = encode_call(contract, function, *args)
        return self._sending().send(self._deployment.addresses[contract], calldata)

    def _call(self, contract: str, function: str, *args: Any) -> Any:
        return self._call_several(contract, (function, *args))[0]

    def _call_several(self, contract: str, *calls: tuple[Any, ...]) -> list[Any]:
        """Results of (function, *arguments) on one contract, in one round trip."""
        address = self._deployment.addresses[contract]
        answers = self._rpc.calls(address, [encode_call(contract, *call) for call in calls])
        if not all(answers):
            raise LedgerError(
                f"expected {contract} at {address} of chain {self.chain_id()}, got no code there: the chain was "
                "reset since the deployment; deploy again or restore its state"
            )
        return [decode_result(contract, call[0], answer) for call, answer in zip(calls, answers, strict=True)]

    def _all_logged(self, receipt: Receipt, name: str) -> list[Event]:
        events = (self._fetcher.decode(log) for log in receipt.logs)
        return [event for event in events if event is not None and event.name == name]

    def _logged(self, receipt: Receipt, name: str) -> Event:
        found = next(iter(self._all_logged(receipt, name)), None)
        if found is None:
            raise LedgerError(
                f"expected the event {name} of transaction 0x{receipt.tx_hash.hex()}, got none: the addresses of the "
                "deployment are not those of our contracts"
            )
        return found


def _require_chain(rpc: Rpc, deployment: Deployment) -> None:
    found = rpc.chain_id()
    if found != deployment.chain_id:
        raise ConfigError(
            f"{rpc.url}: expected chain {deployment.chain_id} of the deployment, got chain {found}; correct rpc_url"
        )
