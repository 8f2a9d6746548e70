"""What votes change of a run: quorum, cap, dataset, bounds, head: one suite for every ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.chain_records import bounds_fields, data_fields, data_of
from node.records.artifacts import ArtifactKind
from node.records.runs import ParamBounds
from tests.support.acts import (
    cid,
    commit_in_second_run,
    commit_round,
    cosign,
    digest,
    epoch_of,
    params_of,
    refusal,
    register,
)
from tests.support.ledger_sites import ADA, BO, OPERATOR, OUTSIDER, SPEC_PARAMS, TWR, Site
from tests.support.votes import on_runs, pass_proposal, propose


def test_a_vote_changes_quorum_cap_dataset_and_bounds_of_the_next_round(slow: Site) -> None:
    other = register(slow, BO, "another dataset")
    bounds = ParamBounds(least=SPEC_PARAMS, most=SPEC_PARAMS)
    calls = [
        on_runs(slow, "setQuorum", 2, 3),
        on_runs(slow, "setRewardCap", 2, 11 * TWR),
        on_runs(slow, "setDataset", 2, other),
        on_runs(slow, "setBounds", bounds_fields(bounds)),
    ]
    pass_proposal(slow, propose(slow, actions=calls))
    state = slow.ledger(OUTSIDER).run(2)
    assert (state.quorum, state.reward_cap, state.dataset_digest) == (3, 11 * TWR, other)
    assert state.params.dataset_digest == digest("dataset")
    refused = refusal(lambda: commit_in_second_run(slow, reward=11 * TWR))
    assert refused == ("QuorumNotReached", {"given": 2, "needed": 3})
    rule, values = refusal(
        lambda: slow.ledger(OPERATOR).create_run(params_of(spec_params=replace(SPEC_PARAMS, inner_steps=31)))
    )
    assert (rule, values) == ("ParamOutOfBounds", {"position": 1, "value": 31, "least": 30, "most": 30})


@pytest.mark.parametrize(
    ("function", "args", "refused"),
    [
        ("setQuorum", (2, 0), ("InvalidQuorum", {"quorum": 0})),
        ("setDataset", (2, b"\x07" * 32), ("NotADataset", {"digest": b"\x07" * 32})),
        ("promote", (2, cids.to_bytes(cid("dataset"))), ("NotACheckpoint", {"digest": digest("dataset")})),
        ("setRewardCap", (7, 1), ("UnknownRun", {"runId": 7})),
    ],
)
def test_a_vote_about_runs_against_the_rules_is_refused(
    slow: Site, function: str, args: tuple[Any, ...], refused: tuple[str, dict[str, object]]
) -> None:
    actions = [on_runs(slow, function, *args)]
    assert refusal(lambda: pass_proposal(slow, propose(slow, actions=actions))) == refused


def test_a_spec_out_of_bounds_is_refused_when_the_vote_is_executed(slow: Site) -> None:
    params = replace(SPEC_PARAMS, learning_rate_millionths=100_001)
    action = slow.ledger(OUTSIDER).set_spec_action(1, cid("spec 2"), params)
    refused = refusal(lambda: pass_proposal(slow, propose(slow, actions=[action])))
    assert refused == ("ParamOutOfBounds", {"position": 2, "value": 100_001, "least": 1, "most": 100_000})


def test_a_vote_rolls_the_head_back_to_a_final_round_and_keeps_its_rewards(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit_round(rewarded)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    rewarded.advance(60)
    first = ledger.round(1, 1)
    assert first is not None
    pass_proposal(
        rewarded, propose(rewarded, actions=[on_runs(rewarded, "rollBack", 1, 1, data_fields(data_of(first)))])
    )
    state = ledger.run(1)
    assert (state.head_round, state.head_cid) == (2, cid("checkpoint 1"))
    third = commit_round(rewarded)
    assert (third.round, third.parent_digest) == (3, digest("checkpoint 1"))
    after = ledger.round(1, 3)
    assert after is not None
    assert (after.parent_round, after.cumulative_reward) == (2, 30 * TWR)


def test_a_vote_promotes_a_registered_checkpoint(voting: Site) -> None:
    register(voting, ADA, "better", kind=ArtifactKind.CHECKPOINT)
    pass_proposal(voting, propose(voting, actions=[on_runs(voting, "promote", 1, cids.to_bytes(cid("better")))]))
    assert voting.ledger(OUTSIDER).run(1).head_cid == cid("better")
    assert commit_round(voting).parent_digest == digest("better")
