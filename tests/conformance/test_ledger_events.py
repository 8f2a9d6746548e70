"""Blocks, events and signing domains of every ledger."""

from __future__ import annotations

import pytest

from tests.support.acts import LEAVES, claim
from tests.support.ledger_sites import OUTSIDER, Site
from tests.support.votes import pass_proposal, propose


def test_every_write_leaves_its_events_in_a_block_of_the_chain(voting: Site) -> None:
    claim(voting, LEAVES[0])
    pass_proposal(voting, propose(voting))
    ledger = voting.ledger(OUTSIDER)
    joined = next(e for e in ledger.events(0) if e.name == "MemberJoined")
    events = [e for e in ledger.events(joined.block_number) if e.name != "Approval"]
    assert [e.name for e in events] == [
        *["MemberJoined"] * 5,
        "ArtifactRegistered",
        *["RunCreated", "SpecChanged"],
        "RoundCommitted",
        *["RunFunded", "Transfer"],
        "EpochCommitted",
        *["RewardClaimed", "Transfer"],
        "ProposalCreated",
        *["VoteCastWithParams"] * 2,
        *["CallScheduled", "CallSalt", "ProposalQueued"],
        *["SpecChanged", "CallExecuted", "ProposalExecuted"],
    ]
    for event in events:
        block = ledger.block_at(event.block_number)
        assert (event.block_hash, event.timestamp) == (block.hash, block.timestamp)
    assert events == sorted(events, key=lambda e: (e.block_number, e.log_index))


def test_events_of_a_range_are_those_of_its_blocks(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    everything = ledger.events(0)
    first, last = everything[-4].block_number, everything[-2].block_number
    expected = [e for e in everything if first <= e.block_number <= last]
    assert list(ledger.events(first, last)) == expected
    assert ledger.events(ledger.latest_block().number + 1) == ()


def test_a_block_that_is_not_there_yet_is_the_callers_mistake(site: Site) -> None:
    ledger = site.ledger(OUTSIDER)
    assert ledger.block_at(ledger.latest_block().number).hash == ledger.latest_block().hash
    with pytest.raises(ValueError, match="expected a block number"):
        ledger.block_at(10**6)


def test_the_domain_of_a_contract_that_checks_no_signature_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="RewardToken"):
        site.ledger(OUTSIDER).domain("RewardToken")
