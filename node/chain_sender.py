"""Transactions of one account: nonces, fees, gas, receipts.

Several threads and several processes may send from one account. Within a process a locked counter hands out nonces;
when another process was faster, the node says so, the counter is read again and the transaction signed anew. A pending
transaction can also be replaced by another process's of the same nonce that offers more; then it is sent again, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from node.chain_rpc import LATEST, PENDING, Rpc, RpcError, to_hex
from node.errors import LedgerError, TenWingsError
from node.identity import Identity
from node.records.chain import Address

_SEND_ATTEMPTS = 8
_RECEIPT_TIMEOUT_SECONDS = 120.0
_FIRST_POLL_SECONDS = 0.005
_LONGEST_POLL_SECONDS = 0.5
_NONCE_TAKEN = ("nonce too low", "replacement transaction underpriced")
_ALREADY_SENT = ("already known", "already imported")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A mined transaction that succeeded."""

    tx_hash: bytes
    block_number: int
    gas_used: int
    logs: tuple[Mapping[str, Any], ...]
    """As JSON-RPC gives them."""
    contract_address: str | None
    """Of a contract that the transaction created."""


class Sender:
    """Signs and sends from one account."""

    def __init__(self, rpc: Rpc, identity: Identity, chain_id: int) -> None:
        self.address: Address = identity.address
        self._rpc = rpc
        self._key = identity.private_key
        self._chain_id = chain_id
        self._lock = threading.Lock()
        self._next_nonce: int | None = None

    def send(self, to: Address | None, data: bytes) -> Receipt:
        """Send, wait until mined. `to` None creates a contract.

        Raises LedgerRefused with the contract's rule (nothing was sent, or it was mined in vain), DaemonUnavailable,
        LedgerError when the transaction is not mined in time.
        """
        call = {"from": self.address, "data": to_hex(data), **({} if to is None else {"to": to})}
        estimate = int(self._rpc.request("eth_estimateGas", call, PENDING), 16)
        gas = estimate * 5 // 4 + 20_000  # headroom: what others write before us can make our writes dearer
        transaction = {**call, "value": 0, "gas": gas, "chainId": self._chain_id, **self._fees()}
        for _ in range(_SEND_ATTEMPTS):
            tx_hash, nonce = self._submit(transaction)
            found = self._await_receipt(tx_hash, nonce)
            if found is not None:
                return self._mined(tx_hash, found, call)
        raise self._outrun()

    def _fees(self) -> dict[str, Any]:
        """EIP-1559 fees that hold for several full blocks in a row; a gas price on chains without them."""
        base = self._rpc.request("eth_getBlockByNumber", LATEST, False).get("baseFeePerGas")
        if base is None:
            return {"gasPrice": int(self._rpc.request("eth_gasPrice"), 16)}
        tip = int(self._rpc.request("eth_maxPriorityFeePerGas"), 16)
        return {"maxFeePerGas": 2 * int(base, 16) + tip, "maxPriorityFeePerGas": tip, "type": 2}

    def _submit(self, transaction: Mapping[str, Any]) -> tuple[bytes, int]:
        """Returns the transaction's hash and nonce."""
        for _ in range(_SEND_ATTEMPTS):
            with self._lock:
                nonce = self._nonce()
                raw = self._signed({**transaction, "nonce": nonce})
                try:
                    self._rpc.request("eth_sendRawTransaction", to_hex(raw))
                except TenWingsError as error:
                    self._next_nonce = None  # read it again: another process may have sent, or the chain went back
                    if _says(error, _NONCE_TAKEN):
                        continue
                    if not _says(error, _ALREADY_SENT):
                        raise
                else:
                    self._next_nonce = nonce + 1
                return keccak(raw), nonce
        raise self._outrun()

    def _outrun(self) -> LedgerError:
        return LedgerError(
            f"expected to send from {self.address}, but {_SEND_ATTEMPTS} times another process took the nonce first; "
            "give each process an account of its own"
        )

    def _nonce(self) -> int:
        return self._chain_nonce() if self._next_nonce is None else self._next_nonce

    def _chain_nonce(self, block: str = PENDING) -> int:
        return int(self._rpc.request("eth_getTransactionCount", self.address, block), 16)

    def _signed(self, transaction: Mapping[str, Any]) -> bytes:
        fields = {key: value for key, value in transaction.items() if key != "from"}
        return bytes(Account.sign_transaction(fields, self._key).raw_transaction)

    def _mined(self, tx_hash: bytes, found: Mapping[str, Any], call: Mapping[str, Any]) -> Receipt:
        if int(found["status"], 16) == 0:
            # Replaying on the block that holds it usually names the rule: then this raises LedgerRefused.
            self._rpc.request("eth_call", call, found["blockNumber"])
            raise LedgerError(
                f"transaction {to_hex(tx_hash)} failed in block {int(found['blockNumber'], 16)}; try again"
            )
        return Receipt(
            tx_hash=tx_hash,
            block_number=int(found["blockNumber"], 16),
            gas_used=int(found["gasUsed"], 16),
            logs=tuple(found["logs"]),
            contract_address=found.get("contractAddress"),
        )

    def _await_receipt(self, tx_hash: bytes, nonce: int) -> Mapping[str, Any] | None:
        """None when another transaction of this nonce was mined, so that this one never will be."""
        deadline, pause = time.monotonic() + _RECEIPT_TIMEOUT_SECONDS, _FIRST_POLL_SECONDS
        while time.monotonic() < deadline:
            gone = pause == _LONGEST_POLL_SECONDS and self._chain_nonce(LATEST) > nonce  # asked before the receipt
            found: Mapping[str, Any] | None = self._rpc.request("eth_getTransactionReceipt", to_hex(tx_hash))
            if found is not None or gone:
                return found
            time.sleep(pause)
            if pause == _LONGEST_POLL_SECONDS and self._chain_nonce() < nonce:
                break  # it waits for one before it, which the chain lost
            pause = min(2 * pause, _LONGEST_POLL_SECONDS)
        with self._lock:
            self._next_nonce = None
        raise LedgerError(
            f"expected transaction {to_hex(tx_hash)} (nonce {nonce} of {self.address}) to be mined, it was not: the "
            "chain is slow, or it went back to an older state; look it up before you send it again"
        )


def _says(error: TenWingsError, texts: Sequence[str]) -> bool:
    return isinstance(error, RpcError) and any(text in error.message for text in texts)
