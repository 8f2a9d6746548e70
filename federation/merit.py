"""Integer rewards and merit: who gets what of a round, what the rounds add up to, and what a vote weighs.

Rewards follow the voted split between trainers and evaluators; merit follows the same shares but is not money: it
cannot be bought or sent, and old rounds count for less. A weight is the square root of merit, taken once; it grows over
a member's first epochs, the sum grows by a bounded factor, and no member weighs more than a share of the sum. All of it
is integers, recomputed by anyone from final rounds and the chain.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import TypeVar

from federation.config import BPS, RewardSpec
from node.records.chain import Address
from node.records.merit import MeritBounds, MeritLeaf
from node.records.rounds import ContributionLeaf

K = TypeVar("K", bound=Hashable)

MERIT_PER_ROUND = 1_000_000
"""Merit that one round hands out in full."""
MERIT_DECAY_BPS = 9_500
"""What a round's merit keeps when one more round is added."""
WEIGHT_SCALE = 10_000
"""Merit is multiplied by this before the square root, so that small merits differ."""
RAMP_EPOCHS = 4
"""A member's weight is whole from its fourth epoch with merit on; before, it is a quarter, a half, three quarters."""


@dataclass(frozen=True, kw_only=True)
class EpochPast:
    """What the chain says of the epochs before."""

    ends: tuple[int, ...] = ()
    """Last round counted by each earlier epoch of the run, oldest first."""
    total_weight: int = 0
    """Of the last epoch; 0 before the first."""
    bounds: MeritBounds


def reward_shares(
    reward: RewardSpec, gains: Mapping[Address, int], agreements: Mapping[Address, int]
) -> dict[Address, int]:
    """Wei per account: trainers by positive gain, evaluators by agreement. Never sums to more than `per_round`."""
    trainers = _split(reward.per_round * reward.trainers_bps // BPS, gains)
    evaluators = _split(reward.per_round * reward.evaluators_bps // BPS, agreements)
    return {a: trainers.get(a, 0) + evaluators.get(a, 0) for a in sorted({*trainers, *evaluators})}


def _split(pool: int, weights: Mapping[Address, int]) -> dict[Address, int]:
    """The pool by positive weights, rounded down; nothing when nobody has any."""
    positive = {a: max(0, w) for a, w in weights.items()}
    total = sum(positive.values())
    return {a: pool * w // total if total else 0 for a, w in positive.items()}


def epoch_leaves(
    epoch: int, rounds: Sequence[tuple[RewardSpec, Sequence[ContributionLeaf]]], past: EpochPast
) -> list[MeritLeaf]:
    """Merit and weight of every member after these rounds (from round 1 on), ordered by member id.

    A round hands out MERIT_PER_ROUND in its spec's split: to trainers by positive score, to evaluators by agreement;
    then all merit so far decays. Members without merit have no leaf.
    """
    merit: dict[tuple[int, Address], int] = {}
    first: dict[tuple[int, Address], int] = {}
    for number, (split, leaves) in enumerate(rounds, start=1):
        merit = {k: v * MERIT_DECAY_BPS // BPS for k, v in merit.items()}
        for key, share in _round_merit(leaves, split).items():
            merit[key] = merit.get(key, 0) + share
            if share:
                first.setdefault(key, number)
    held = {key: m for key, m in sorted(merit.items()) if m > 0}
    ramped = {key: ramped_weight(m, _tenure(first[key], past)) for key, m in held.items()}
    weights = bounded_weights(ramped, past)
    return [MeritLeaf(epoch=epoch, member_id=i, account=a, merit=m, weight=weights[i, a]) for (i, a), m in held.items()]


def ramped_weight(merit: int, tenure: int) -> int:
    """The square root of merit, in the part that a member's epochs so far allow."""
    return isqrt(merit * WEIGHT_SCALE) * min(tenure, RAMP_EPOCHS) // RAMP_EPOCHS


def bounded_weights(weights: Mapping[K, int], past: EpochPast) -> dict[K, int]:
    """All scaled alike where their sum grew too fast, then each cut to the largest share: what the chain accepts."""
    total = sum(weights.values())
    limit = past.total_weight * past.bounds.max_growth_bps // BPS if past.total_weight else total
    scaled = {k: w * limit // total if total > limit else w for k, w in weights.items()}
    most = _cap(list(scaled.values()), past.bounds.max_share_bps)
    return {k: min(w, most) for k, w in scaled.items()}


def _cap(weights: Sequence[int], share_bps: int) -> int:
    """The largest cut at which the largest weight keeps to the share, or to twice an equal share where that is more.

    What a cut leaves of the sum grows ever slower with the cut, so the cuts that keep to it are those up to one."""
    low, high = 0, max(weights, default=0)
    while low < high:
        cut = (low + high + 1) // 2
        total = sum(min(w, cut) for w in weights)
        fits = cut * BPS <= total * share_bps or cut * len(weights) <= total * 2
        low, high = (cut, high) if fits else (low, cut - 1)
    return low


def _tenure(first_round: int, past: EpochPast) -> int:
    """Epochs with the member's merit in them, this one included."""
    return 1 + sum(1 for end in past.ends if end >= first_round)


def _round_merit(leaves: Sequence[ContributionLeaf], split: RewardSpec) -> dict[tuple[int, Address], int]:
    ids = {leaf.account: leaf.member_id for leaf in leaves}
    trainers = {leaf.account: leaf.score for leaf in leaves if any(leaf.update_digest)}
    evaluators = {leaf.account: leaf.score for leaf in leaves if not any(leaf.update_digest)}
    shares = _split(MERIT_PER_ROUND * split.trainers_bps // BPS, trainers)
    for account, share in _split(MERIT_PER_ROUND * split.evaluators_bps // BPS, evaluators).items():
        shares[account] = shares.get(account, 0) + share
    return {(ids[a], a): share for a, share in shares.items()}
