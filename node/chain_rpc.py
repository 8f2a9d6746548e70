"""JSON-RPC to a chain's node over HTTP: web3.py's provider, with our errors and nothing else.

A node that does not answer is DaemonUnavailable; a call that a contract refused is LedgerRefused with the rule's name;
any other refusal of the node is RpcError with its text.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import requests

from node.abi_codec import decode_error
from node.errors import DaemonUnavailable, LedgerError, LedgerRefused
from node.records.chain import Block

with warnings.catch_warnings():  # web3 7 imports a part of websockets that warns of its end; we use no websockets
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    from web3 import HTTPProvider
    from web3.providers.rpc.utils import ExceptionRetryConfiguration
    from web3.types import RPCEndpoint, RPCResponse

PENDING = "pending"
"""Reads go against the pending block: the latest state at the present time. The latest block's own time stands still
while nobody sends a transaction, and with it every deadline."""
LATEST = "latest"

_TIMEOUT_SECONDS = 30.0
_RETRIES = 4
_BACKOFF_SECONDS = 0.1
"""Doubled at each retry: a node that restarts within a second is not noticed."""
_REVERTED = 3
"""JSON-RPC error code of a reverted call."""


class RpcError(LedgerError):
    """The node refused a request for a reason of its own, e.g. a nonce or missing funds."""

    def __init__(self, method: str, message: str) -> None:
        self.message = message
        super().__init__(f"the chain's node refused {method}: {message}")


class Rpc:
    """One node of a chain. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        retrying = ExceptionRetryConfiguration(
            errors=(requests.ConnectionError, requests.HTTPError), retries=_RETRIES, backoff_factor=_BACKOFF_SECONDS
        )
        self._provider = HTTPProvider(
            url, request_kwargs={"timeout": _TIMEOUT_SECONDS}, exception_retry_configuration=retrying
        )

    def request(self, method: str, *params: Any) -> Any:
        """The result. Raises DaemonUnavailable, LedgerRefused, RpcError."""
        try:
            response = self._provider.make_request(cast(RPCEndpoint, method), list(params))
        except (requests.RequestException, json.JSONDecodeError) as error:
            raise self._unavailable(error) from error
        return _result(method, response)

    def batch(self, method: str, params: Sequence[Sequence[Any]]) -> list[Any]:
        """The results of several requests of one kind, in order, in one round trip."""
        if not params:
            return []
        calls = [(cast(RPCEndpoint, method), list(p)) for p in params]
        try:
            responses = self._provider.make_batch_request(calls)
        except (requests.RequestException, json.JSONDecodeError) as error:
            raise self._unavailable(error) from error
        if not isinstance(responses, list):
            raise RpcError(method, str(responses.get("error", responses)))
        return [_result(method, response) for response in responses]

    def chain_id(self) -> int:
        """The chain that the node follows."""
        return int(self.request("eth_chainId"), 16)

    def calls(self, to: str, datas: Sequence[bytes], *, block: str = PENDING) -> list[bytes]:
        """What a contract answers to each calldata, in one round trip. Raises LedgerRefused."""
        params = [({"to": to, "data": to_hex(data)}, block) for data in datas]
        if len(params) == 1:
            return [to_bytes(self.request("eth_call", *params[0]))]
        return [to_bytes(result) for result in self.batch("eth_call", params)]

    def code(self, address: str) -> bytes:
        """The code at an address as of the latest block; empty where there is none."""
        return to_bytes(self.request("eth_getCode", address, LATEST))

    def block(self, which: str | int) -> Block | None:
        """A block by number, or "latest"; None when there is no such block."""
        found = self.request("eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, False)
        if found is None:
            return None
        return Block(
            number=int(found["number"], 16), hash=to_bytes(found["hash"]), timestamp=int(found["timestamp"], 16)
        )

    def now(self) -> int:
        """The chain's present time, in Unix seconds: the pending block's."""
        return int(self.request("eth_getBlockByNumber", PENDING, False)["timestamp"], 16)

    def _unavailable(self, error: Exception) -> DaemonUnavailable:
        return DaemonUnavailable(
            f"expected a chain's JSON-RPC at {self.url}, got {type(error).__name__}: {error}; start it "
            "(`tenwings up`) or correct the deployment's rpc_url"
        )


def to_hex(data: bytes) -> str:
    """0x and two digits per byte."""
    return "0x" + data.hex()


def to_bytes(text: str) -> bytes:
    """From 0x and two digits per byte."""
    return bytes.fromhex(text.removeprefix("0x"))


def _result(method: str, response: RPCResponse) -> Any:
    error = response.get("error")
    if error is None:
        return response.get("result")
    if isinstance(error, str):
        raise RpcError(method, error)
    message = str(error.get("message", error))
    data = _revert_data(cast(Mapping[str, Any], error))
    if data is not None:
        raise LedgerRefused(*decode_error(data))
    if error.get("code") == _REVERTED or "revert" in message:
        raise LedgerRefused("Reverted")
    raise RpcError(method, message)


def _revert_data(error: Mapping[str, Any]) -> bytes | None:
    """What the contract said; some nodes wrap it once more."""
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        return None
    return to_bytes(data)
