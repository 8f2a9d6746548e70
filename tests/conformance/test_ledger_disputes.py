"""Rounds are disputed, voided or cleared, and a run is paused: one suite for every ledger."""

from __future__ import annotations

from typing import Any

import pytest

from node.records.rounds import RoundStatus
from tests.support.acts import cid, commit_in_second_run, digest, refusal
from tests.support.ledger_sites import OUTSIDER, TWR, Site
from tests.support.votes import incidents, on_runs, pass_proposal, propose, void


def statuses(site: Site, run_id: int = 2) -> list[RoundStatus]:
    return [state.status for state in site.ledger(OUTSIDER).rounds(run_id)]


def test_a_disputed_round_stays_open_and_a_cleared_one_becomes_final_later(slow: Site) -> None:
    calls = [*incidents(slow), on_runs(slow, "dispute", 2, 2)]
    pass_proposal(slow, propose(slow, actions=calls))
    slow.advance(200_000)
    assert slow.ledger(OUTSIDER).run(2).disputed_round == 2
    assert statuses(slow) == [RoundStatus.COMMITTED, RoundStatus.DISPUTED, RoundStatus.COMMITTED]
    pass_proposal(slow, propose(slow, actions=[on_runs(slow, "settleDispute", 2, 2, False)], text="Cleared"))
    assert statuses(slow) == [RoundStatus.COMMITTED] * 3
    slow.advance(100_000)
    assert statuses(slow) == [RoundStatus.FINAL] * 3


def test_a_voided_round_takes_later_ones_with_it_and_rounds_go_on_from_its_parent(slow: Site) -> None:
    void(slow, 2)
    ledger = slow.ledger(OUTSIDER)
    state = ledger.run(2)
    assert statuses(slow) == [RoundStatus.COMMITTED, RoundStatus.VOIDED, RoundStatus.VOIDED]
    assert (state.head_round, state.last_round, state.next_round) == (1, 3, 4)
    assert (state.head_cid, state.head_known) == (cid("checkpoint 2.1"), False)
    assert refusal(lambda: commit_in_second_run(slow)) == ("HeadUnknown", {"runId": 2, "round": 2})
    ledger.restore_head(2)
    assert ledger.run(2).head_known
    commit = commit_in_second_run(slow)
    after = ledger.round(2, 4)
    assert after is not None
    assert (commit.parent_digest, after.parent_round) == (digest("checkpoint 2.1"), 1)
    assert after.cumulative_reward == 20 * TWR
    slow.advance(100_000)
    assert statuses(slow) == [RoundStatus.FINAL, RoundStatus.VOIDED, RoundStatus.VOIDED, RoundStatus.FINAL]


def test_a_head_that_is_known_is_not_restored(running: Site) -> None:
    assert refusal(lambda: running.ledger(OUTSIDER).restore_head(1)) == ("HeadKnown", {"runId": 1})


def test_only_incidents_dispute_rounds(slow: Site) -> None:
    rule, _ = refusal(lambda: pass_proposal(slow, propose(slow, actions=[on_runs(slow, "dispute", 2, 1)])))
    assert rule == "AccessControlUnauthorizedAccount"


@pytest.mark.parametrize(
    ("function", "args", "refused"),
    [
        ("dispute", (2, 9), ("RoundNotOpen", {"runId": 2, "round": 9, "status": 0})),
        ("dispute", (1, 1), ("RoundNotOpen", {"runId": 1, "round": 1, "status": 3})),
        ("dispute", (7, 1), ("UnknownRun", {"runId": 7})),
        ("settleDispute", (2, 1, True), ("NotDisputed", {"runId": 2, "round": 1})),
        ("settleDispute", (2, 0, True), ("NotDisputed", {"runId": 2, "round": 0})),
    ],
)
def test_a_dispute_against_the_rules_is_refused(
    slow: Site, function: str, args: tuple[Any, ...], refused: tuple[str, dict[str, object]]
) -> None:
    calls = [*incidents(slow), on_runs(slow, function, *args)]
    assert refusal(lambda: pass_proposal(slow, propose(slow, actions=calls))) == refused


def test_one_round_is_disputed_at_a_time(slow: Site) -> None:
    calls = [*incidents(slow), on_runs(slow, "dispute", 2, 2), on_runs(slow, "dispute", 2, 1)]
    refused = refusal(lambda: pass_proposal(slow, propose(slow, actions=calls)))
    assert refused == ("AnotherDispute", {"runId": 2, "round": 2})


def test_a_paused_run_commits_nothing_until_the_pause_ends(slow: Site) -> None:
    until = slow.now() + 5_000
    pass_proposal(slow, propose(slow, actions=[*incidents(slow), on_runs(slow, "pause", 2, until)]))
    assert slow.ledger(OUTSIDER).run(2).paused_until == until
    assert refusal(lambda: commit_in_second_run(slow)) == ("RunIsPaused", {"runId": 2, "until": until})
    slow.advance(5_000)
    assert commit_in_second_run(slow).round == 4


def test_a_pause_ended_early_ends_at_once(slow: Site) -> None:
    until = slow.now() + 50_000
    calls = [*incidents(slow), on_runs(slow, "pause", 2, until), on_runs(slow, "unpause", 2)]
    pass_proposal(slow, propose(slow, actions=calls))
    assert commit_in_second_run(slow).round == 4
