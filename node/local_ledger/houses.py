"""TwoHouses in memory: what each kind of proposal must reach, and whether a tally does. Rules as in the contract."""

from __future__ import annotations

from node.records.governance import GovernorRules
from node.records.merit import EpochCommit
from node.records.proposals import Hurdles, ProposalKind, Tally

_BPS = 10_000


def hurdles_of(kind: ProposalKind, epoch: EpochCommit, rules: GovernorRules) -> Hurdles:
    """By the epoch and the rules at the proposal's snapshot."""
    total = epoch.total_weight
    if kind == ProposalKind.ROUTINE:
        return Hurdles(for_weight=0, for_heads=0, majority_bps=0, veto_weight=_share(total, rules.veto_bps))
    if kind == ProposalKind.STANDARD:
        return Hurdles(for_weight=_share(total, rules.quorum_bps), for_heads=0, majority_bps=0, veto_weight=0)
    return Hurdles(
        for_weight=_share(total, rules.constitutional_quorum_bps),
        for_heads=_share(epoch.count, rules.heads_quorum_bps),
        majority_bps=rules.majority_bps,
        veto_weight=0,
    )


def quorum_reached(tally: Tally, needed: Hurdles) -> bool:
    """Who abstains helps no side to it."""
    return tally.weight_for >= needed.for_weight and tally.heads_for >= needed.for_heads


def succeeded(kind: ProposalKind, tally: Tally, needed: Hurdles) -> bool:
    """Whether it would pass by its majority, or is not vetoed."""
    if kind == ProposalKind.ROUTINE:
        return tally.weight_against < needed.veto_weight
    if kind == ProposalKind.CONSTITUTIONAL:
        majority = (tally.weight_for + tally.weight_against) * needed.majority_bps
        return tally.heads_for > tally.heads_against and tally.weight_for * _BPS >= majority
    return tally.weight_for > tally.weight_against


def _share(whole: int, bps: int) -> int:
    """Rounded up: a share is never reached by less."""
    return -(-whole * bps // _BPS)
