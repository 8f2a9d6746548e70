"""Rounds: opened by a curator, co-signed by evaluators, final after the dispute window."""

from __future__ import annotations

from dataclasses import replace

from dao_house import DISPUTE_WINDOW, GENESIS, RECORD, SPEC, SPEC_PARAMS, K, later, refused

from node import cid

ROOT = b"\x01" * 32


def test_a_run_starts_at_its_genesis_by_its_first_spec(house, run_id):
    assert house.runs.head(run_id) == (0, "0x" + cid.digest(GENESIS).hex())
    assert house.runs.specOf(run_id) == (1, "0x" + cid.digest(SPEC).hex())


def test_only_a_curator_opens_a_run(house, run_id):
    with refused("AccessControlUnauthorizedAccount", house.relayer.address):
        house.runs.createRun(("", b"", SPEC_PARAMS, b"", bytes(32), 0, 1, 0, 0, 0), {"from": house.relayer})


def test_a_co_signed_round_becomes_the_head(house, run_id, evaluators):
    commit = house.next_commit(run_id, ROOT, reward=5)
    transaction = house.commit_round(commit, evaluators)

    assert house.runs.head(run_id) == (1, "0x" + cid.digest(commit.checkpoint_cid).hex())
    event = transaction.events["RoundCommitted"]
    assert event["recordDigest"] == "0x" + cid.digest(RECORD).hex()
    assert (event["numClients"], event["reward"], event["heldoutLossMicro"]) == (2, 5, 123_456)
    assert event["parentRound"] == 0


def test_a_round_is_final_after_the_dispute_window(house, run_id, evaluators):
    house.commit_round(house.next_commit(run_id, ROOT), evaluators)
    assert not house.runs.isFinal(run_id, 1)
    later(DISPUTE_WINDOW)
    assert house.runs.isFinal(run_id, 1)


def test_one_evaluator_is_not_a_quorum(house, run_id, evaluators):
    with refused("QuorumNotReached", 1, K):
        house.commit_round(house.next_commit(run_id, ROOT), evaluators[:1])


def test_a_trainer_does_not_count_as_evaluator(house, run_id, trainers, evaluators):
    with refused("NotAnActiveEvaluator", trainers[0].address):
        house.commit_round(house.next_commit(run_id, ROOT), [evaluators[0], trainers[0]])


def test_a_round_trained_from_another_checkpoint_is_refused(house, run_id, evaluators):
    commit = replace(house.next_commit(run_id, ROOT), parent_digest=b"\x02" * 32)
    with refused("WrongParent", 1):
        house.commit_round(commit, evaluators)


def test_a_round_cannot_be_skipped(house, run_id, evaluators):
    with refused("WrongRound", 1, 2, 1):
        house.commit_round(replace(house.next_commit(run_id, ROOT), round=2), evaluators)


def test_a_failed_round_is_tried_again(house, run_id, evaluators):
    transaction = house.runs.closeFailed(
        run_id, 1, cid.to_bytes(RECORD), b"no-quorum".ljust(32, b"\0"), {"from": house.operator.address}
    )
    assert transaction.events["RoundFailed"]["round"] == 1
    house.commit_round(house.next_commit(run_id, ROOT), evaluators)
    assert house.runs.head(run_id)[0] == 1
