"""PackedTally, LateSwing and MeritVotes in memory: ballots proved, counted once, and the deadline that moves once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from node.errors import LedgerRefused
from node.local_ledger.epochs import MeritEpochs
from node.local_ledger.houses import quorum_reached, succeeded
from node.local_ledger.proposals import StoredProposal
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.world import Tx
from node.records.chain import Address
from node.records.merit import MeritLeaf
from node.records.proposals import Ballot, Hurdles, Support, Tally

_MAX_WEIGHT_BITS = 56
_SIDES = {Support.FOR: "for", Support.AGAINST: "against", Support.ABSTAIN: "abstain"}


def proved_leaf(
    members: MemberRegistry, epochs: MeritEpochs, voter: Address, snapshot: int, params: bytes
) -> MeritLeaf:
    """The voter's line of the epoch that is final at the snapshot, as the ballot's params prove it."""
    if not params:
        raise LedgerRefused("MeritProofRequired", {"account": voter})
    members.require_voter(voter)
    try:
        member_id, merit, weight, proof = decode(("uint256", "uint256", "uint256", "bytes32[]"), params)
    except (DecodingError, OverflowError) as error:
        raise LedgerRefused("Reverted") from error
    epoch = epochs.require_final(snapshot)
    leaf = MeritLeaf(epoch=epoch.epoch, member_id=member_id, account=voter, merit=merit, weight=weight)
    if not epochs.proves(epoch, leaf, proof):
        values = {"account": voter, "epoch": epoch.epoch, "memberId": member_id, "merit": merit, "weight": weight}
        raise LedgerRefused("InvalidMeritProof", values)
    return leaf


def count(tx: Tx, stored: StoredProposal, ballot: Ballot, leaf: MeritLeaf, hurdles: Callable[[], Hurdles]) -> bool:
    """Add a ballot to its proposal. Returns whether the vote is extended by it: late, when the outcome turns."""
    if ballot.support not in list(Support):
        raise LedgerRefused("GovernorInvalidVoteType")
    if leaf.member_id in stored.voted:
        raise LedgerRefused("GovernorAlreadyCastVote", {"voter": ballot.voter})
    tally = _added(stored.tally, ballot.support, leaf.weight)
    late = not stored.extended and tx.timestamp + stored.late_seconds > stored.vote_end
    turned = late and _standing(stored, stored.tally, hurdles()) != _standing(stored, tally, hurdles())
    stored.tally = tally
    stored.voted.add(leaf.member_id)
    stored.extended = stored.extended or turned
    return turned


def _standing(stored: StoredProposal, tally: Tally, needed: Hurdles) -> tuple[bool, bool]:
    return quorum_reached(tally, needed), succeeded(stored.kind, tally, needed)


def _added(tally: Tally, support: Support, weight: int) -> Tally:
    side = _SIDES[support]
    sums = vars(tally)
    total = sums[f"weight_{side}"] + weight
    if total.bit_length() > _MAX_WEIGHT_BITS:
        raise LedgerRefused("SafeCastOverflowedUintDowncast", {"bits": _MAX_WEIGHT_BITS, "value": total})
    return replace(tally, **{f"weight_{side}": total, f"heads_{side}": sums[f"heads_{side}"] + 1})
