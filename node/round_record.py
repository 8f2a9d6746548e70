"""The round record and its companions: the JSON objects that a round leaves on IPFS.

One record a round names everything that the round used and made, by CID; its own digest is in the commit that the
evaluators co-sign. Beside it stand the contributions tree (all leaves) and one score sheet an evaluator. All three are
canonical JSON (no floats): losses and gains are integers in millionths, times in milliseconds, money in wei (as text,
for readers whose numbers stop at 2^53).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from node.records.chain import Address
from node.records.content import Cid, canonical_json
from node.records.merit import MeritLeaf
from node.records.rounds import ContributionLeaf, Receipt

T = TypeVar("T")
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class SignedReceipt:
    """A trainer's receipt as admitted, with the CID of the update it covers."""

    receipt: Receipt
    update_cid: Cid
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A client whose work this round did not count, and why."""

    account: Address
    member_id: int
    phase: str
    """"train", "score" or "cosign"."""
    reason: str
    """A reason code of the gate, e.g. "not-finite"."""
    detail: str
    """What was expected and what came, for the owner."""
    update_cid: Cid | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateScore:
    """One update's place in a score sheet or, as medians over the sheets, in the record."""

    account: Address
    update_digest: bytes
    gain_micro: int
    """Loss of the base minus loss with this update alone, same clips, timesteps and noise; in millionths."""
    error_micro: int
    """Standard error of that paired difference, in millionths."""

    def __post_init__(self) -> None:
        for name, low in (("gain_micro", -(2**63)), ("error_micro", 0)):
            if not low <= getattr(self, name) < 2**63:
                raise ValueError(f"{name}: expected {low} to 2^63 - 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class SignedSheet:
    """Where an evaluator's score sheet lies and its signature over the sheet's digest."""

    account: Address
    cid: Cid
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class ScoreSheet:
    """What one evaluator measured in one round."""

    run_id: int
    round: int
    account: Address
    base_cid: Cid
    seed: bytes
    """32 bytes, drawn from the chain after all receipts were in."""
    base_loss_micro: int
    num_draws: int
    scores: tuple[UpdateScore, ...]
    """Ordered by account."""

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json({"version": VERSION, **to_json(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> ScoreSheet:
        """Raises ValueError when `data` is no score sheet."""
        raw = _parse(data, "a score sheet")
        with _explaining("a score sheet"):
            scores = tuple(_build(UpdateScore, s) for s in raw["scores"])
            return _build(cls, {**raw, "scores": scores})


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """Everything a round used and made."""

    chain_id: int
    run_id: int
    round: int
    spec_cid: Cid
    spec_version: int
    dataset_digest: bytes
    """Of the dataset in force."""
    base_cid: Cid
    """The parent checkpoint."""
    deadline: int
    """Unix time in seconds at which updates had to be in."""
    leases: Mapping[str, list[str]]
    """Account -> CIDs of the shards it was lent for this round."""
    receipts: tuple[SignedReceipt, ...]
    """Admitted, ordered by account."""
    refusals: tuple[Refusal, ...]
    seed_block_number: int
    seed_block_hash: bytes
    sheets: tuple[SignedSheet, ...]
    scores: tuple[UpdateScore, ...]
    """Medians over the sheets, ordered by account."""
    checkpoint_cid: Cid
    heldout_loss_micro: int
    """Held-out loss of the new checkpoint."""
    parent_heldout_loss_micro: int = 0
    """Held-out loss of the parent: for round 1, where the run started."""
    tree_cid: Cid
    contributions_root: bytes
    reward: int
    timings_ms: Mapping[str, int] = field(default_factory=dict)
    """Wall time of the round's parts on the coordinator: train, score, aggregate, cosign, ipfs, flower."""
    failure: str = ""
    """Empty for a committed round, else the reason code for which it closed as failed."""

    def to_bytes(self) -> bytes:
        """Canonical JSON; its CID is the commit's record CID."""
        return canonical_json({"version": VERSION, **to_json(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> RoundRecord:
        """Raises ValueError when `data` is no round record."""
        raw = _parse(data, "a round record")
        with _explaining("a round record"):
            return _build(
                cls,
                {
                    **raw,
                    "receipts": tuple(_signed_receipt(r) for r in raw["receipts"]),
                    "refusals": tuple(_build(Refusal, r) for r in raw["refusals"]),
                    "sheets": tuple(_build(SignedSheet, s) for s in raw["sheets"]),
                    "scores": tuple(_build(UpdateScore, s) for s in raw["scores"]),
                },
            )


def tree_to_bytes(leaves: list[ContributionLeaf]) -> bytes:
    """The contributions tree's object: all leaves of a round, ordered by member id."""
    ordered = sorted(leaves, key=lambda leaf: leaf.member_id)
    return canonical_json({"version": VERSION, "leaves": [to_json(leaf) for leaf in ordered]})


def tree_from_bytes(data: bytes) -> list[ContributionLeaf]:
    """Raises ValueError when `data` is no contributions tree."""
    raw = _parse(data, "a contributions tree")
    with _explaining("a contributions tree"):
        return [_build(ContributionLeaf, leaf) for leaf in raw["leaves"]]


def merit_tree_to_bytes(leaves: list[MeritLeaf]) -> bytes:
    """A merit epoch's object: all leaves, ordered by member id."""
    ordered = sorted(leaves, key=lambda leaf: leaf.member_id)
    return canonical_json({"version": VERSION, "merit": [to_json(leaf) for leaf in ordered]})


def merit_tree_from_bytes(data: bytes) -> list[MeritLeaf]:
    """Raises ValueError when `data` is no merit tree."""
    raw = _parse(data, "a merit tree")
    with _explaining("a merit tree"):
        return [_build(MeritLeaf, leaf) for leaf in raw["merit"]]


def signed_receipt_from_json(raw: Any) -> SignedReceipt:
    """What a trainer replied. Raises ValueError when it is no signed receipt."""
    with _explaining("a signed receipt"):
        return _signed_receipt(raw)


def signed_sheet_from_json(raw: Any) -> SignedSheet:
    """What an evaluator replied. Raises ValueError when it is no signed sheet."""
    with _explaining("a signed score sheet"):
        return _build(SignedSheet, raw)


def refusal_from_json(raw: Any) -> Refusal:
    """A refusal as `to_json` wrote it."""
    with _explaining("a refusal"):
        return _build(Refusal, raw)


def _signed_receipt(raw: Any) -> SignedReceipt:
    return _build(SignedReceipt, {**raw, "receipt": _build(Receipt, raw["receipt"])})


_WEI_FIELDS = {"reward", "cumulative_reward"}


def to_json(value: Any) -> Any:
    """Dataclasses, tuples, bytes (0x hex) and wei (decimal text) as JSON's own types."""
    if hasattr(value, "__dataclass_fields__"):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {k: str(v) if k in _WEI_FIELDS else to_json(v) for k, v in pairs}
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    return value


def _build(cls: type[T], raw: Mapping[str, Any]) -> T:
    values = {f.name: _typed(f.name, str(f.type), raw[f.name]) for f in fields(cls)}  # type: ignore[arg-type]
    return cls(**values)


def _typed(name: str, kind: str, value: Any) -> Any:
    if kind == "bytes" and isinstance(value, str):
        value = bytes.fromhex(value.removeprefix("0x"))
    if name in _WEI_FIELDS and isinstance(value, str):
        value = int(value)
    if kind in _IS and not _IS[kind](value):
        raise ValueError(f"{name}: expected {kind}, got {str(value)[:80]!r}")
    return value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_IS: Mapping[str, Callable[[Any], bool]] = {
    "int": _is_int,
    "str": _is_text,
    "Address": _is_text,
    "Cid": _is_text,
    "Cid | None": lambda value: value is None or _is_text(value),
    "bytes": lambda value: isinstance(value, bytes),
    "Mapping[str, int]": lambda value: isinstance(value, dict) and all(map(_is_int, value.values())),
    "Mapping[str, list[str]]": lambda value: isinstance(value, dict) and all(map(_is_list_of_text, value.values())),
}
"""What a field of this annotation may hold; the others are built by readers of their own."""


def _parse(data: bytes, what: str) -> dict[str, Any]:
    with _explaining(what):
        raw = json.loads(data, parse_float=_refuse_float, parse_constant=_refuse_float)
        if raw["version"] != VERSION:
            raise ValueError(f"expected version {VERSION}, got {raw['version']!r}")
        return dict(raw)


def _refuse_float(text: str) -> Any:
    raise ValueError(f"expected integers and text alone, got the number {text}")


class _explaining:  # noqa: N801 - reads as a phrase
    """Turns whatever a malformed object raises into one ValueError that says what was expected."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | TypeError | ValueError | AttributeError | RecursionError):
            raise ValueError(f"expected {self.what}: {type(error).__name__}: {error}") from error
