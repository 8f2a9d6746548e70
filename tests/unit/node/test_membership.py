"""What a member does with a signature alone, over a relay that pays."""

from __future__ import annotations

import pytest

from node import cid as cids
from node.errors import ConfigError, LedgerRefused, NoRewards
from node.membership import VALID_SECONDS, MemberDesk, claim_for_all
from node.records.artifacts import ArtifactKind
from node.records.members import Role
from node.records.proposals import ProposalState, Support
from tests.support.desk import desk_of
from tests.support.history import HOUR, OPERATOR, TOKEN, History, identity


@pytest.fixture
def history() -> History:
    return History().play()


def desk(history: History, name: str) -> MemberDesk:
    return desk_of(identity(name), history.ledger, history.store)


# joining


def test_a_stranger_joins_by_two_signatures_and_pays_nothing(history: History) -> None:
    number = desk(history, "frida").join("frida", Role.TRAINER | Role.CURATOR, bytes([8]) * 32, OPERATOR)

    member = history.ledger.member(identity("frida").address)
    assert member is not None
    assert (member.member_id, number, member.name, member.active) == (6, 6, "frida", True)
    assert member.roles == Role.TRAINER | Role.CURATOR
    assert member.node_key_digest == bytes([8]) * 32


def test_joining_again_returns_the_same_id_and_sends_nothing(history: History) -> None:
    blocks = history.ledger.latest_block().number

    assert desk(history, "alice").join("other name", Role.EVALUATOR, bytes(32), OPERATOR) == 1
    assert history.ledger.latest_block().number == blocks


def test_a_voucher_of_nobody_with_that_right_is_refused(history: History) -> None:
    with pytest.raises(LedgerRefused):
        desk(history, "frida").join("frida", Role.TRAINER, bytes([8]) * 32, identity("alice"))


# registering


def test_an_artifact_is_registered_under_the_members_name(history: History) -> None:
    cid = history.store.put(b"a video")

    digest = desk(history, "bob").register(ArtifactKind.VIDEO, cid, "CC0-1.0", [history.dataset_digest])

    artifact = history.ledger.artifact(digest)
    assert artifact is not None
    assert digest == cids.digest(cid)
    assert (artifact.kind, artifact.account, artifact.licence) == (
        ArtifactKind.VIDEO,
        identity("bob").address,
        "CC0-1.0",
    )


def test_a_licence_that_the_community_does_not_allow_is_refused(history: History) -> None:
    with pytest.raises(LedgerRefused):
        desk(history, "bob").register(ArtifactKind.DATASET, history.store.put(b"x"), "Proprietary")


# voting


def test_a_proposal_carries_its_proposer_and_can_be_voted_through(history: History) -> None:
    action = history.ledger.set_spec_action(1, history.store.put(b'{"another":"spec"}'))

    number = desk(history, "carol").propose([action], "Another spec", 1)

    assert history.ledger.proposal(number).description.endswith(f"#proposer={identity('carol').address.lower()}")
    history.clock.advance(120)
    assert history.ledger.proposal(number).state == ProposalState.ACTIVE
    assert desk(history, "alice").vote(number, Support.FOR, "yes") == 30
    assert desk(history, "dora").vote(number, Support.AGAINST) == 20
    history.clock.advance(2 * HOUR)
    assert history.ledger.proposal(number).state == ProposalState.SUCCEEDED


def test_a_second_vote_of_the_same_member_is_refused(history: History) -> None:
    assert desk(history, "bob").vote(history.proposal_id, Support.FOR) == 20
    with pytest.raises(LedgerRefused, match="AlreadyCast"):
        desk(history, "bob").vote(history.proposal_id, Support.AGAINST)


def test_who_has_no_merit_at_the_snapshot_has_no_vote(history: History) -> None:
    history.join("frida")

    with pytest.raises(ConfigError, match=r"has no merit at proposal .* snapshot, hence no vote on it"):
        desk(history, "frida").vote(history.proposal_id, Support.FOR)


def test_a_proposal_that_does_not_exist_cannot_be_voted_on(history: History) -> None:
    with pytest.raises(LedgerRefused, match="GovernorNonexistentProposal"):
        desk(history, "alice").vote(12345, Support.FOR)


# claiming


def test_a_claim_pays_all_that_is_final_and_only_once(history: History) -> None:
    leaf = next(x for x in history.head_leaves if x.account == identity("bob").address)
    assert leaf.cumulative_reward > TOKEN

    assert desk(history, "bob").claim(1) == leaf.cumulative_reward
    assert history.ledger.reward_balance(identity("bob").address) == leaf.cumulative_reward
    assert desk(history, "bob").claim(1) == 0


def test_a_claim_takes_only_what_is_new(history: History) -> None:
    before = history.ledger.claimed(1, 1)
    history.commit_round(gains={"alice": 5_000, "bob": 5_000})
    history.clock.advance(HOUR)
    leaf = next(x for x in history.head_leaves if x.account == identity("alice").address)

    assert desk(history, "alice").claim(1) == leaf.cumulative_reward - before
    assert history.ledger.claimed(1, 1) == leaf.cumulative_reward


def test_a_round_that_can_still_be_disputed_is_not_claimed(history: History) -> None:
    desk(history, "bob").claim(1)
    history.commit_round(gains={"alice": 5_000, "bob": 5_000})

    assert desk(history, "bob").claim(1) == 0


def test_who_never_earned_claims_nothing(history: History) -> None:
    history.join("frida")

    assert desk(history, "frida").claim(1) == 0


def test_a_run_without_rounds_pays_nothing() -> None:
    history = History()
    for name in history.names:
        history.join(name)
    history.register_dataset()
    history.create_run()

    assert desk(history, "alice").claim(1) == 0


def test_a_run_that_does_not_exist_is_refused(history: History) -> None:
    with pytest.raises(LedgerRefused, match="UnknownRun"):
        desk(history, "alice").claim(9)


def test_a_message_waits_an_hour_for_its_relay(history: History) -> None:
    assert desk(history, "alice").deadline() == history.ledger.latest_block().timestamp + VALID_SECONDS
    assert VALID_SECONDS == HOUR


def test_a_network_without_a_token_says_that_it_pays_no_rewards() -> None:
    history = History(zero_token=True).play()

    with pytest.raises(NoRewards, match="one without a token: merit and votes work here"):
        desk(history, "alice").claim(1)
    assert history.ledger.final_epoch() == 1
    assert [state.commit.reward for state in history.ledger.rounds(1)] == [0, 0]


def test_one_claim_for_all_pays_everybody_what_is_open(history: History) -> None:
    open_wei = sum(leaf.cumulative_reward for leaf in history.head_leaves if leaf.member_id != 1)

    assert claim_for_all(history.ledger, history.store, 1) == open_wei
    assert claim_for_all(history.ledger, history.store, 1) == 0
    assert history.ledger.claimed(1, 2) == history.head_leaves[1].cumulative_reward
