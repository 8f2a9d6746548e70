"""Merit: epochs, their leaves, and the bounds that an epoch keeps to."""

from __future__ import annotations

from dataclasses import dataclass

from node.records.chain import Address
from node.records.content import Cid


@dataclass(frozen=True, kw_only=True)
class MeritLeaf:
    """One member's line of a merit epoch's tree."""

    epoch: int
    member_id: int
    account: Address
    merit: int
    weight: int
    """Voting weight: the square root of merit."""


@dataclass(frozen=True, kw_only=True)
class EpochCommit:
    """A merit epoch, co-signed by evaluators."""

    epoch: int
    run_id: int
    upto_round: int
    root: bytes
    total_weight: int
    max_weight: int
    count: int
    tree_cid: Cid


@dataclass(frozen=True, kw_only=True)
class MeritBounds:
    """What a merit epoch must keep to; IMeritEpochs.Bounds."""

    max_share_bps: int
    """Largest share of all weight of one member; twice an equal share where so few cannot keep it."""
    max_growth_bps: int
    """The sum of all weights, as a share of the last epoch's."""
