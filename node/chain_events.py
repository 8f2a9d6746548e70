"""Our contracts' events from a chain: fetched in bounded ranges, kept, indexed by what they are about.

The events alone rebuild members, artifacts, runs, rounds and epochs. The log follows the chain's head with one small
request while nothing happens, and starts over when a reorganisation took away the block it stood on.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from node.abi_codec import decode_log
from node.chain_rpc import LATEST, Rpc, RpcError, to_bytes
from node.deployment import Deployment
from node.errors import LedgerError
from node.records.chain import Block, Event

_BLOCKS_PER_REQUEST = 2_000


class EventFetcher:
    """Reads and decodes logs."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self._rpc = rpc
        self._contracts = {address.lower(): name for name, address in deployment.addresses.items()}
        self._timestamps: dict[bytes, int] = {}

    def fetch(self, from_block: int, to_block: int) -> Iterator[Event]:
        """All our contracts' events of these blocks, both included, in order."""
        start = from_block
        while start <= to_block:
            end = min(start + _BLOCKS_PER_REQUEST - 1, to_block)
            for log in self._logs(start, end):
                event = self.decode(log)
                if event is not None:
                    yield event
            start = end + 1

    def decode(self, log: Mapping[str, Any]) -> Event | None:
        """None for an event that the ABI does not know."""
        contract = self._contracts.get(log["address"].lower())
        decoded = (
            None
            if contract is None
            else decode_log(contract, [to_bytes(topic) for topic in log["topics"]], to_bytes(log["data"]))
        )
        if contract is None or decoded is None:
            return None
        name, args = decoded
        return Event(
            contract=contract,
            name=name,
            block_number=int(log["blockNumber"], 16),
            block_hash=to_bytes(log["blockHash"]),
            log_index=int(log["logIndex"], 16),
            tx_hash=to_bytes(log["transactionHash"]),
            timestamp=self._timestamp(log),
            args=args,
        )

    def _logs(self, start: int, end: int) -> Sequence[Mapping[str, Any]]:
        """Halves the range while the node finds it too large."""
        query = {"fromBlock": hex(start), "toBlock": hex(end), "address": sorted(self._contracts)}
        try:
            found: list[Mapping[str, Any]] = self._rpc.request("eth_getLogs", query)
        except RpcError:
            if start == end:
                raise
            middle = (start + end) // 2
            return [*self._logs(start, middle), *self._logs(middle + 1, end)]
        return sorted(found, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))

    def _timestamp(self, log: Mapping[str, Any]) -> int:
        """Of the log's block; newer nodes send it along."""
        if log.get("blockTimestamp"):
            return int(log["blockTimestamp"], 16)
        block_hash = to_bytes(log["blockHash"])
        if block_hash not in self._timestamps:
            block = self._rpc.request("eth_getBlockByHash", log["blockHash"], False)
            self._timestamps[block_hash] = int(block["timestamp"], 16)
        return self._timestamps[block_hash]


class EventLog:
    """Every event since the deployment, as of the last `refreshed`. Safe from several threads."""

    def __init__(self, rpc: Rpc, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._fetcher = EventFetcher(rpc, deployment)
        self.generation = 0
        """Counts the reorganisations seen: what was concluded before one may not hold."""
        self._lock = threading.RLock()
        self._cursor: Block | None = None
        self._all: list[Event] = []
        self._by_name: dict[str, list[Event]] = defaultdict(list)
        self._by_key: dict[tuple[Any, ...], Event] = {}
        self._by_run: dict[int, list[Event]] = defaultdict(list)

    def refreshed(self) -> EventLog:
        """This log, up to date with the chain's latest block. Raises DaemonUnavailable."""
        with self._lock:
            self._refresh()
        return self

    def named(self, name: str) -> Sequence[Event]:
        """All events of this name, in order."""
        with self._lock:
            return tuple(self._by_name[name])

    def about(self, name: str, first: Any) -> Sequence[Event]:
        """All events of this name whose first argument is `first`, in order."""
        return tuple(event for event in self.named(name) if next(iter(event.args.values())) == first)

    def last(self, name: str, *key: Any) -> Event | None:
        """The newest event of this name whose first arguments are `key`."""
        with self._lock:
            return self._by_key.get((name, *key))

    def of_run(self, run_id: int, start: int = 0) -> Sequence[Event]:
        """Events of TrainingRuns about this run, in order, from the `start`-th on."""
        with self._lock:
            return tuple(self._by_run[run_id][start:])

    def between(self, from_block: int, to_block: int | None) -> Sequence[Event]:
        """Events of these blocks, both included, in order."""
        with self._lock:
            start = bisect_left(self._all, from_block, key=_block_number)
            end = len(self._all) if to_block is None else bisect_left(self._all, to_block + 1, key=_block_number)
            return tuple(self._all[start:end])

    def _refresh(self) -> None:
        head = self._rpc.block(LATEST)
        if head is None:
            raise LedgerError(f"expected a latest block from {self._rpc.url}, got none")
        if self._cursor is not None and head.hash != self._cursor.hash and not self._still_there(self._cursor):
            self._start_over()
        if self._cursor is None or head.number > self._cursor.number:
            start = self._deployment.deployed_at_block if self._cursor is None else self._cursor.number + 1
            for event in list(self._fetcher.fetch(start, head.number)):  # all or, if the node fails, none
                self._add(event)
        self._cursor = head

    def _still_there(self, block: Block) -> bool:
        found = self._rpc.block(block.number)
        return found is not None and found.hash == block.hash

    def _start_over(self) -> None:
        self.generation += 1
        self._cursor = None
        self._all.clear()
        self._by_name.clear()
        self._by_key.clear()
        self._by_run.clear()

    def _add(self, event: Event) -> None:
        self._all.append(event)
        self._by_name[event.name].append(event)
        if event.contract == "TrainingRuns" and "runId" in event.args:
            self._by_run[event.args["runId"]].append(event)
        values = tuple(event.args.values())
        for length in (1, 2):
            if all(isinstance(value, int | str | bytes) for value in values[:length]):
                self._by_key[(event.name, *values[:length])] = event


def _block_number(event: Event) -> int:
    return event.block_number
