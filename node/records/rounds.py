"""Rounds: what clients sign, what evaluators co-sign, the leaves of contributions, and where a round stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from node.records.chain import Address
from node.records.content import Cid


class RoundStatus(IntEnum):
    """Where a round stands; the numbers are the contract's."""

    NONE = 0
    COMMITTED = 1
    """Its dispute window is open."""
    DISPUTED = 2
    FINAL = 3
    VOIDED = 4


@dataclass(frozen=True, kw_only=True)
class RoundCommit:
    """What the evaluators co-sign and one transaction commits."""

    run_id: int
    round: int
    spec_digest: bytes
    dataset_digest: bytes
    parent_digest: bytes
    checkpoint_cid: Cid
    contributions_root: bytes
    record_cid: Cid
    num_clients: int
    reward: int
    """Sum of this round's rewards, in wei."""
    heldout_loss_micro: int
    """Held-out loss of the committed checkpoint, in millionths."""


@dataclass(frozen=True, kw_only=True)
class RoundData:
    """What a round's seal on chain is made of."""

    contributions_root: bytes
    checkpoint_digest: bytes
    parent_digest: bytes
    cumulative_reward: int
    """Of this and all earlier rounds that count, in wei."""
    reward: int


@dataclass(frozen=True, kw_only=True)
class RoundState:
    """A committed round, from its event, and where it stands now."""

    commit: RoundCommit
    parent_round: int
    """The round that counted as newest when this one was committed; 0 for none."""
    cumulative_reward: int
    committed_at: int
    block_number: int
    tx_hash: bytes
    status: RoundStatus

    @property
    def final(self) -> bool:
        """Whether its rewards can be claimed and its merit counted."""
        return self.status == RoundStatus.FINAL


@dataclass(frozen=True, kw_only=True)
class ContributionLeaf:
    """One member's line of a round's contributions tree. A member who ever earned in the run keeps a line."""

    run_id: int
    round: int
    member_id: int
    account: Address
    samples: int
    steps: int
    score: int
    """Micro-units of held-out gain for trainers; basis points of agreement for evaluators."""
    update_digest: bytes
    """32 zero bytes for who sent no update this round."""
    reward: int
    cumulative_reward: int


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a trainer signs over its update. The CID is opened to all at the round's deadline."""

    run_id: int
    round: int
    account: Address
    spec_digest: bytes
    base_digest: bytes
    update_digest: bytes
    num_samples: int
    num_steps: int
    start_loss_micro: int
    end_loss_micro: int


@dataclass(frozen=True, kw_only=True)
class SheetStatement:
    """What an evaluator signs over its score sheet."""

    run_id: int
    round: int
    account: Address
    sheet_digest: bytes
    """sha256 of the sheet's canonical JSON."""
