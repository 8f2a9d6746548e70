"""What follows from a round's inputs: one pure function for the coordinator, the evaluators and the audit alike.

Given the spec, the base, the admitted updates and the score sheets, everything else of a round is arithmetic: which
updates count, the next checkpoint bit by bit, who earns what, the tree and its root. Whoever redoes it gets the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.aggregate import AGGREGATION_RULES, update_norm
from federation.config import RunSpec
from federation.merit import reward_shares
from federation.outer import outer_rule
from federation.scoring import agreement_bps, is_harmful, median_scores
from model.checkpoint import Checkpoint, from_numpy
from node.records.chain import Address
from node.records.rounds import ContributionLeaf, Receipt
from node.round_record import ScoreSheet, UpdateScore

Tensors = dict[str, NDArray[np.float32]]
NO_UPDATE = bytes(32)


class TooFewUpdates(ValueError):
    """Fewer updates help than the spec's minimum."""


@dataclass(frozen=True, kw_only=True)
class RoundInputs:
    """Everything that decides a round, all of it named in the round record."""

    spec: RunSpec
    run_id: int
    round: int
    base: Checkpoint
    receipts: Mapping[Address, Receipt]
    """Admitted by the gate."""
    updates: Mapping[Address, Tensors]
    """Dense, decoded; same accounts as `receipts`."""
    sheets: Sequence[ScoreSheet]
    member_ids: Mapping[Address, int]
    previous: Sequence[ContributionLeaf]
    """Leaves of the last committed round; empty before the first."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the inputs make."""

    scores: tuple[UpdateScore, ...]
    counted: tuple[Address, ...]
    """Whose updates entered the aggregate; the others were harmful."""
    checkpoint: bytes
    leaves: tuple[ContributionLeaf, ...]


def counted_accounts(scores: Iterable[UpdateScore]) -> tuple[Address, ...]:
    """Accounts whose updates are aggregated, in order."""
    return tuple(s.account for s in scores if not is_harmful(s))


def outcome(inputs: RoundInputs) -> Outcome:
    """Scores, next checkpoint and leaves. Raises TooFewUpdates, or ValueError when the mean is not finite."""
    scores = median_scores(inputs.sheets)
    counted = counted_accounts(scores)
    if len(counted) < inputs.spec.round.min_updates:
        raise TooFewUpdates(f"expected at least {inputs.spec.round.min_updates} updates that help, got {len(counted)}")
    shapes = {name: tensor.shape for name, tensor in inputs.base.tensors.items()}
    norms: dict[str, float] = {account: update_norm(inputs.updates[account]) for account in counted}
    rule = AGGREGATION_RULES[inputs.spec.outer.aggregation]
    mean = rule.combine(lambda account: inputs.updates[Address(account)], norms, shapes)
    stepped = outer_rule(inputs.spec.outer.strategy)(inputs.base.tensors, mean, float(inputs.spec.outer.alpha))
    return Outcome(
        scores=scores,
        counted=counted,
        checkpoint=from_numpy(stepped, inputs.base.config),
        leaves=tuple(_leaves(inputs, scores, counted)),
    )


def _leaves(
    inputs: RoundInputs, scores: Sequence[UpdateScore], counted: Sequence[Address]
) -> Iterable[ContributionLeaf]:
    medians = {s.account: s for s in scores}
    gains = {account: medians[account].gain_micro for account in counted}
    agreements = {sheet.account: agreement_bps(sheet, medians) for sheet in inputs.sheets}
    rewards = reward_shares(inputs.spec.reward, gains, agreements)
    before = {leaf.account: leaf for leaf in inputs.previous}
    for account in sorted({*medians, *agreements, *before}, key=lambda a: inputs.member_ids[a]):
        receipt = inputs.receipts.get(account)
        earlier = before[account].cumulative_reward if account in before else 0
        yield ContributionLeaf(
            run_id=inputs.run_id,
            round=inputs.round,
            member_id=inputs.member_ids[account],
            account=account,
            samples=receipt.num_samples if receipt else 0,
            steps=receipt.num_steps if receipt else 0,
            score=medians[account].gain_micro if account in medians else agreements.get(account, 0),
            update_digest=receipt.update_digest if receipt else NO_UPDATE,
            reward=rewards.get(account, 0),
            cumulative_reward=earlier + rewards.get(account, 0),
        )


def round_reward(leaves: Iterable[ContributionLeaf]) -> int:
    """Wei that the round pays in all."""
    return sum(leaf.reward for leaf in leaves)
