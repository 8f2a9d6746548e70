"""Runs are opened; rounds are committed, co-signed or closed as failed: one suite for every ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.records.members import Role
from tests.support.acts import cid, commit_of, commit_round, cosign, digest, join, params_of, refusal
from tests.support.ledger_sites import ADA, BO, CY, FAY, OPERATOR, OUTSIDER, SPEC_PARAMS, TWR, Site


def test_a_new_run_starts_from_its_genesis(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    state = ledger.run(1)
    assert ledger.num_runs() == 1
    assert state.params == params_of()
    assert (state.spec_version, state.spec_cid) == (1, cid("spec 1"))
    assert (state.head_round, state.head_cid) == (0, cid("genesis"))


def test_an_unknown_run_is_refused(running: Site) -> None:
    assert refusal(lambda: running.ledger(OUTSIDER).run(2)) == ("UnknownRun", {"runId": 2})
    assert running.ledger(OUTSIDER).round(2, 1) is None


def test_only_a_curator_opens_a_run(community: Site) -> None:
    rule, values = refusal(lambda: community.ledger(ADA).create_run(params_of()))
    assert (rule, values["account"]) == ("AccessControlUnauthorizedAccount", ADA.address)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"quorum": 0}, ("InvalidQuorum", {"quorum": 0})),
        ({"vested_bps": 10_001}, ("InvalidVesting", {"vestedBps": 10_001, "vestingSeconds": 0})),
        ({"vested_bps": 1}, ("InvalidVesting", {"vestedBps": 1, "vestingSeconds": 0})),
        (
            {"spec_params": replace(SPEC_PARAMS, batch_size=0)},
            ("ParamOutOfBounds", {"position": 3, "value": 0, "least": 1, "most": 4096}),
        ),
        ({"dataset_digest": b"\x07" * 32}, ("NotADataset", {"digest": b"\x07" * 32})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_run_parameters_against_the_rules_are_refused(
    community: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: community.ledger(OPERATOR).create_run(params_of(**changes))) == refused


def test_run_parameters_too_wide_are_the_callers_mistake(community: Site) -> None:
    with pytest.raises(ValueError, match="expected"):
        community.ledger(OPERATOR).create_run(params_of(quorum=256))


def test_a_committed_round_moves_the_head(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    tx_hash = ledger.commit_round(commit, cosign(ledger, commit, ADA, BO, CY))
    state = ledger.round(1, 1)
    assert (ledger.run(1).head_round, ledger.run(1).head_cid) == (1, cid("checkpoint 1"))
    assert state is not None
    assert (state.commit, state.tx_hash, state.final) == (commit, tx_hash, False)
    assert ledger.block_at(state.block_number).timestamp == state.committed_at


def test_a_round_is_final_after_its_dispute_window(running: Site) -> None:
    commit_round(running)
    running.advance(50)
    state = running.ledger(OUTSIDER).round(1, 1)
    assert state is not None
    assert state.final


def test_a_second_round_builds_on_the_first(running: Site) -> None:
    commit_round(running)
    second = commit_round(running)
    assert (second.round, second.parent_digest) == (2, digest("checkpoint 1"))
    assert running.ledger(OUTSIDER).round(1, 3) is None


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"run_id": 9}, ("UnknownRun", {"runId": 9})),
        ({"round": 2}, ("WrongRound", {"runId": 1, "round": 2, "expected": 1})),
        (
            {"parent_digest": b"\x07" * 32},
            ("WrongParent", {"runId": 1, "parentDigest": b"\x07" * 32, "headDigest": digest("genesis")}),
        ),
        (
            {"spec_digest": b"\x07" * 32},
            ("WrongSpec", {"runId": 1, "specDigest": b"\x07" * 32, "currentDigest": digest("spec 1")}),
        ),
        (
            {"dataset_digest": b"\x07" * 32},
            ("WrongDataset", {"runId": 1, "datasetDigest": b"\x07" * 32, "currentDigest": digest("dataset")}),
        ),
        (
            {"reward": 10 * TWR + 1},
            ("RewardAboveCap", {"runId": 1, "reward": 10 * TWR + 1, "rewardCap": 10 * TWR}),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_commit_against_the_rules_is_refused(
    running: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: commit_round(running, **changes)) == refused


def test_too_few_co_signers_are_refused(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, ADA)))
    assert refused == ("QuorumNotReached", {"given": 1, "needed": 2})


def test_one_co_signer_does_not_count_twice(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, ADA, ADA)))
    assert refused == ("SignersNotAscending", {"previous": ADA.address, "signer": ADA.address})


def test_co_signers_out_of_order_are_refused(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    signatures = cosign(ledger, commit, ADA, BO)
    assert refusal(lambda: ledger.commit_round(commit, signatures[::-1]))[0] == "SignersNotAscending"


def test_a_co_signer_who_is_no_evaluator_is_refused(running: Site) -> None:
    join(running, FAY, roles=Role.TRAINER)
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, FAY, FAY)[:1] * 2))
    assert refused == ("NotAnActiveEvaluator", {"signer": FAY.address})


def test_a_failed_round_leaves_the_head_and_an_event(running: Site) -> None:
    ledger = running.ledger(OPERATOR)
    ledger.close_failed(1, 1, cid("what happened"), "too-few-updates")
    event = ledger.events(0)[-1]
    assert ledger.run(1).head_round == 0
    assert (event.contract, event.name) == ("TrainingRuns", "RoundFailed")
    assert event.args == {
        "runId": 1,
        "round": 1,
        "recordCid": cids.to_bytes(cid("what happened")),
        "reason": b"too-few-updates".ljust(32, b"\0"),
    }


def test_only_a_curator_closes_a_round_as_failed(running: Site) -> None:
    refused = refusal(lambda: running.ledger(ADA).close_failed(1, 1, cid("x"), "reason"))
    assert refused[0] == "AccessControlUnauthorizedAccount"


def test_a_reason_longer_than_a_word_is_the_callers_mistake(running: Site) -> None:
    with pytest.raises(ValueError, match="32 ASCII"):
        running.ledger(OPERATOR).close_failed(1, 1, cid("x"), "r" * 33)
