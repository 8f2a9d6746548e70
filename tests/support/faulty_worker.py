"""A node's worker that cheats on demand: it does the work, then sends what the member's `fault` file asks for.

Started in place of `federation.worker` by TENWINGS_WORKER_MODULE; without a `fault` file it is the real one.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from federation.receipts import sign_receipt
from federation.wire import _HEADER, encode
from federation.worker import Handler, resident_handler, serve
from node import cid as cids
from node.config import Home
from node.identity import Identity
from node.ports import ContentStore
from node.round_record import signed_receipt_from_json, to_json
from node.wiring import open_identity, open_ledger, open_store

Reply = dict[str, Any]


def faulty_handler(home: Home, name: str) -> Handler:
    """The real handler with the fault of the moment applied to train replies."""
    honest = resident_handler(home, name)
    identity, store = open_identity(home, name), open_store(home, name)
    domain = open_ledger(home).domain("TrainingRuns")
    fault_file = home.member(name).root / "fault"

    def forge(reply: Reply, update: bytes | None = None, **changes: Any) -> Reply:
        return forged(identity, domain, store, reply, update, **changes)

    faults: Mapping[str, Callable[[Reply], Reply]] = {
        "nan": lambda reply: forge(reply, nan_update(store.get(signed_receipt_from_json(reply["receipt"]).update_cid))),
        "shape": lambda reply: forge(reply, encode({"alien": np.ones((4, 4), np.float32)}, top_k=1024)),
        "stale": lambda reply: forge(reply, base_digest=bytes(32)),
        "signature": lambda reply: {**reply, "receipt": {**reply["receipt"], "signature": "0x" + "11" * 65}},
    }

    def handle(request: Mapping[str, Any]) -> Reply:
        fault = fault_file.read_text().strip() if fault_file.exists() else ""
        if request["task"] == "train" and fault == "slow":
            time.sleep(600)
        reply = honest(request)
        return faults[fault](reply) if request["task"] == "train" and fault in faults else reply

    return handle


def forged(
    identity: Identity, domain: Any, store: ContentStore, reply: Reply, update: bytes | None, **changes: Any
) -> Reply:
    """The reply with another update or other receipt fields, signed with the member's own key."""
    signed = signed_receipt_from_json(reply["receipt"])
    cid = store.put(update) if update is not None else signed.update_cid
    receipt = replace(signed.receipt, update_digest=cids.digest(cid), **changes)
    return {**reply, "receipt": to_json(sign_receipt(identity, domain, receipt, cid))}


def nan_update(payload: bytes) -> bytes:
    """The payload with a bfloat16 NaN as the first level of its first codebook."""
    return payload[: _HEADER.size] + b"\xc0\x7f" + payload[_HEADER.size + 2 :]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--member", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    home = Home(arguments.home)
    serve(home.member(arguments.member).worker_socket, faulty_handler(home, arguments.member))


if __name__ == "__main__":
    main()
