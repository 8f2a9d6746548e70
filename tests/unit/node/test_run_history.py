"""A run's events, folded: they alone say where every round stands, through votes, disputes and voids."""

from __future__ import annotations

from node import cid as cids
from node.records.chain import Event
from node.records.rounds import RoundStatus
from node.run_history import RunHistory
from tests.support.played import Played

GAINS = {"alice": 3_000, "bob": 1_000}


def replayed(played: Played) -> RunHistory:
    return RunHistory.of(played.ledger.events(0), played.run_id)


def test_events_replayed_make_the_state_that_the_chain_answers() -> None:
    played = Played(window_seconds=100)
    played.commit(played.record(GAINS))
    played.void(1)
    played.commit(played.record(GAINS))
    played.mine()

    history, now = replayed(played), played.clock()

    assert history.state == played.ledger.run(1)
    assert [history.round(n, now) for n in sorted(history.rounds)] == list(played.ledger.rounds(1))


def test_a_round_after_a_void_stands_on_the_round_before_it_and_drops_its_rewards() -> None:
    played = Played(window_seconds=100)
    first = played.commit(played.record(GAINS))
    played.commit(played.record(GAINS))
    played.void(2)
    third = played.record(GAINS)
    played.commit(third)
    played.clock.advance(200)

    state = played.ledger.round(1, 3)

    assert state is not None
    assert (third.base_cid, state.parent_round) == (first.checkpoint_cid, 1)
    assert state.cumulative_reward == first.reward + third.reward
    assert [s.status for s in played.ledger.rounds(1)] == [
        RoundStatus.FINAL,
        RoundStatus.VOIDED,
        RoundStatus.FINAL,
    ]


def test_events_of_other_runs_and_contracts_change_nothing() -> None:
    played = Played()
    played.commit(played.record(GAINS))
    events = list(played.ledger.events(0))
    strange = [Event(**{**vars(e), "contract": "Elsewhere"}) for e in events if e.name == "RoundCommitted"]

    assert RunHistory.of([*events, *strange], 1).state == RunHistory.of(events, 1).state
    assert RunHistory.of(events, 2).state is None


def test_a_rollback_keeps_the_rewards_and_moves_the_head() -> None:
    played = Played()
    first = played.commit(played.record(GAINS))
    second = played.commit(played.record(GAINS))
    played.roll_back(1)
    third = played.record(GAINS)
    played.commit(third)

    after = played.ledger.round(1, 3)

    assert after is not None
    assert (third.base_cid, after.parent_round) == (first.checkpoint_cid, 2)
    assert after.cumulative_reward == first.reward + second.reward + third.reward
    assert cids.digest(third.base_cid) == after.commit.parent_digest
