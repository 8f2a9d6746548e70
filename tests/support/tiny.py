"""Small pieces of a round with real signatures: accounts, a checkpoint of 64 numbers a tensor, receipts and sheets."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from federation.config import RunSpec
from federation.wire import encode
from model.checkpoint import Checkpoint, initial, read
from model.config import ModelConfig
from node import cid as cids
from node.identity import Identity
from node.records.chain import Address, Domain
from node.records.content import Cid
from node.records.rounds import Receipt
from node.round_record import ScoreSheet, SignedReceipt, UpdateScore
from node.typed_data import sign

SMALL = ModelConfig(preset="custom", width=32, num_layers=1, num_heads=2)
DOMAIN = Domain(
    name="TenWings TrainingRuns",
    version="1",
    chain_id=31337,
    verifying_contract=Address("0x" + "11" * 20),
)
SPEC = RunSpec().with_changes(
    {
        "inner.num_steps": "14",
        "wire.top_k": "512",
        "outer.alpha": "1",
        "round.min_updates": "2",
        "reward.per_round": str(100 * 10**18),
        "reward.trainers_bps": "8000",
        "reward.evaluators_bps": "2000",
    }
)
"""Pinned where a test's numbers follow from it, whatever the defaults are."""
SPEC_CID, BASE_CID = cids.of(b"spec"), cids.of(b"base")
SEED = bytes([7]) * 32


def identity(name: str) -> Identity:
    """The same account for the same name, always."""
    return Identity(hashlib.sha256(f"a tiny test's key: {name}".encode()).digest())


def small_base() -> Checkpoint:
    """The genesis checkpoint of the smallest model."""
    return read(initial(SMALL, 0))


def constant_update(base: Checkpoint, value: float) -> dict[str, NDArray[np.float32]]:
    """A dense update of one number everywhere."""
    return {name: np.full_like(tensor, value) for name, tensor in base.tensors.items()}


def payload(update: dict[str, NDArray[np.float32]], top_k: int = 512) -> bytes:
    """The update on the wire."""
    return encode(update, top_k=top_k)


def receipt(account: Address, update_cid: Cid, **changes: object) -> Receipt:
    """What a trainer of run 1, round 1 states."""
    values: dict[str, object] = {
        "run_id": 1,
        "round": 1,
        "account": account,
        "spec_digest": cids.digest(SPEC_CID),
        "base_digest": cids.digest(BASE_CID),
        "update_digest": cids.digest(update_cid),
        "num_samples": 16,
        "num_steps": 2,
        "start_loss_micro": 1_500_000,
        "end_loss_micro": 1_400_000,
    }
    return Receipt(**{**values, **changes})  # type: ignore[arg-type]


def signed_receipt(
    name: str, update: bytes = b"update", *, domain: Domain = DOMAIN, **changes: object
) -> SignedReceipt:
    """A receipt over `update`, signed by `name`."""
    cid, who = cids.of(update), identity(name)
    statement = receipt(who.address, cid, **changes)
    return SignedReceipt(receipt=statement, update_cid=cid, signature=sign(who, domain, statement))


def score(name: str, gain: int, error: int = 0, update: bytes = b"update") -> UpdateScore:
    """One line of a sheet."""
    return UpdateScore(
        account=identity(name).address, update_digest=cids.digest(cids.of(update)), gain_micro=gain, error_micro=error
    )


def sheet(by: str, *scores: UpdateScore, **changes: object) -> ScoreSheet:
    """What `by` measured in round 1."""
    values: dict[str, object] = {
        "run_id": 1,
        "round": 1,
        "account": identity(by).address,
        "base_cid": BASE_CID,
        "seed": SEED,
        "base_loss_micro": 1_500_000,
        "num_draws": 8,
        "scores": tuple(sorted(scores, key=lambda s: s.account)),
    }
    return ScoreSheet(**{**values, **changes})  # type: ignore[arg-type]
