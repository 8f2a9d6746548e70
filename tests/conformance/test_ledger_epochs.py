"""Merit epochs are co-signed within their bounds: one suite for every ledger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.acts import commit_in_second_run, cosign, epoch_of, params_of, refusal
from tests.support.ledger_sites import ADA, BO, OPERATOR, OUTSIDER, Site


def test_an_epoch_is_final_after_its_delay(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    assert ledger.epoch(1) == commit
    assert ledger.epoch(2) is None
    assert ledger.final_epoch() == 0
    rewarded.advance(60)
    assert ledger.final_epoch() == 1
    assert ledger.final_epoch(rewarded.now() - 61) == 0


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"epoch": 2}, ("WrongEpoch", {"epoch": 2, "expected": 1})),
        ({"count": 0}, ("EmptyEpoch", {"epoch": 1})),
        ({"max_weight": 101}, ("InvalidWeights", {"maxWeight": 101, "totalWeight": 100})),
        ({"total_weight": 0, "max_weight": 0}, ("InvalidWeights", {"maxWeight": 0, "totalWeight": 0})),
        ({"total_weight": 2**56}, ("InvalidWeights", {"maxWeight": 40, "totalWeight": 2**56})),
        ({"max_weight": 51}, ("ShareAboveCap", {"maxWeight": 51, "totalWeight": 100, "count": 4})),
        ({"count": 6}, ("MoreLeavesThanMembers", {"count": 6, "numMembers": 5})),
        ({"upto_round": 2}, ("RoundNotFinal", {"runId": 1, "round": 2})),
        ({"run_id": 5}, ("RoundNotFinal", {"runId": 5, "round": 1})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_epoch_against_the_rules_is_refused(
    rewarded: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger, **changes)
    assert refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))) == refused


def test_an_epoch_whose_sum_grows_too_fast_is_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    commit = epoch_of(ledger, epoch=2, total_weight=201)
    refused = refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO)))
    assert refused == ("GrowthAboveCap", {"totalWeight": 201, "limit": 200})


def test_an_epoch_needs_the_runs_quorum(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    refused = refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA)))
    assert refused == ("QuorumNotReached", {"given": 1, "needed": 2})


def test_another_runs_smaller_quorum_signs_no_epoch(voting: Site) -> None:
    voting.ledger(OPERATOR).create_run(params_of(quorum=1))
    commit_in_second_run(voting)
    voting.advance(60)
    ledger = voting.ledger(OUTSIDER)
    commit = epoch_of(ledger, epoch=2, run_id=2)
    refused = refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA)))
    assert refused == ("QuorumNotReached", {"given": 1, "needed": 2})
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    assert ledger.epoch(2) == commit
