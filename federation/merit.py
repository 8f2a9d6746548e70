"""Integer rewards and merit: who gets what of a round, and what the rounds add up to.

Rewards follow the voted split between trainers and evaluators; merit follows the same shares but is not money: it
cannot be bought or sent, old rounds count for less, and a vote weighs its square root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt

from federation.config import BPS, RewardSpec
from node.records import Address, ContributionLeaf, MeritLeaf

MERIT_PER_ROUND = 1_000_000
"""Merit that one round hands out in full."""
MERIT_DECAY_BPS = 9_500
"""What a round's merit keeps when one more round is added."""
WEIGHT_SCALE = 10_000
"""Merit is multiplied by this before the square root, so that small merits differ."""


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


def epoch_leaves(epoch: int, rounds: Sequence[tuple[RewardSpec, Sequence[ContributionLeaf]]]) -> list[MeritLeaf]:
    """Merit of every member after these rounds (oldest first), from their trees alone, ordered by member id.

    A round hands out MERIT_PER_ROUND in its spec's split: to trainers by positive score, to evaluators by agreement;
    then all merit so far decays. Members without merit have no leaf.
    """
    merit: dict[tuple[int, Address], int] = {}
    for split, leaves in rounds:
        merit = {k: v * MERIT_DECAY_BPS // BPS for k, v in merit.items()}
        for key, share in _round_merit(leaves, split).items():
            merit[key] = merit.get(key, 0) + share
    return [
        MeritLeaf(epoch=epoch, member_id=i, account=a, merit=m, weight=isqrt(m * WEIGHT_SCALE))
        for (i, a), m in sorted(merit.items())
        if m > 0
    ]


def _round_merit(leaves: Sequence[ContributionLeaf], split: RewardSpec) -> dict[tuple[int, Address], int]:
    ids = {leaf.account: leaf.member_id for leaf in leaves}
    trainers = {leaf.account: leaf.score for leaf in leaves if any(leaf.update_digest)}
    evaluators = {leaf.account: leaf.score for leaf in leaves if not any(leaf.update_digest)}
    shares = _split(MERIT_PER_ROUND * split.trainers_bps // BPS, trainers)
    for account, share in _split(MERIT_PER_ROUND * split.evaluators_bps // BPS, evaluators).items():
        shares[account] = shares.get(account, 0) + share
    return {(ids[a], a): share for a, share in shares.items()}
