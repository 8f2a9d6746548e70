"""The two ledgers side by side, and what only a real chain has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.abi_codec import decode_result, encode_call
from node.chain_ledger import ChainLedger
from node.deployment import DOMAIN_NAMES, Deployment
from node.errors import DaemonUnavailable
from node.records.chain import Address
from node.stack import free_port
from tests.support.acts import (
    LEAVES,
    cid,
    claim,
    commit_in_second_run,
    commit_round,
    cosign,
    epoch_of,
    join,
    params_of,
    register,
)
from tests.support.ledger_sites import ADA, BO, CY, DEE, EVE, FAY, OPERATOR, OUTSIDER, TWR, AnvilSite, LocalSite, Site
from tests.support.votes import pass_proposal, propose, rules_call, void


@pytest.mark.real
def test_both_ledgers_log_the_same_events_with_the_same_values(anvil_site: AnvilSite) -> None:
    local = LocalSite(anvil_site.now())
    logged = []
    for one in (local, anvil_site):
        tell_the_story(one)
        logged.append(comparable(one))
    assert logged[0] == logged[1]


def tell_the_story(site: Site) -> None:
    for who in (ADA, BO, CY, DEE):
        join(site, who, deadline=2**40)
    register(site, ADA, deadline=2**40)
    site.ledger(OPERATOR).create_run(params_of(dispute_window_seconds=0))
    commit_round(site)
    site.ledger(OPERATOR).fund(1, 50 * TWR)
    site.ledger(OPERATOR).close_failed(1, 2, cid("lost"), "no-quorum")
    ledger = site.ledger(OUTSIDER)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    site.advance(60)
    claim(site, LEAVES[1])
    pass_proposal(site, propose(site))
    pass_proposal(site, propose(site, actions=rules_call(site, veto_bps=4_000)))
    number = propose(site, text="Late")
    site.ledger(FAY).cancel_as_guardian(number)


def comparable(site: Site) -> list[Any]:
    """Names and values, without what differs from chain to chain: addresses, hashes over them, times."""
    ledger = site.ledger(OUTSIDER)
    ours = {ledger.domain(name).verifying_contract for name in DOMAIN_NAMES}
    variable = {"finalAt", "voteStart", "voteEnd", "etaSeconds", "proposalId", "contributionsRoot"}
    variable |= {"root", "id", "salt", "params", "from", "to", "treeCid"}
    start = next(e.block_number for e in ledger.events(0) if e.name == "MemberJoined")
    rows = []
    for event in ledger.events(start):
        if event.name != "Approval":
            args = {k: v for k, v in event.args.items() if k not in variable and not (isinstance(v, str) and v in ours)}
            rows.append((event.contract, event.name, event.log_index, without(args, ours), sorted(event.args)))
    return rows


def without(args: dict[str, Any], ours: set[Address]) -> dict[str, Any]:
    return {k: v for k, v in args.items() if not (isinstance(v, tuple) and set(v) & ours)}


@pytest.mark.real
def test_the_events_replayed_make_the_contracts_own_state(anvil_site: AnvilSite) -> None:
    for who in (ADA, BO, CY, DEE, EVE):
        join(anvil_site, who)
    register(anvil_site, ADA)
    anvil_site.ledger(OPERATOR).create_run(params_of())
    commit_round(anvil_site)
    ledger = anvil_site.ledger(OUTSIDER)
    anvil_site.advance(50)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    anvil_site.advance(60)
    anvil_site.ledger(OPERATOR).create_run(params_of(dispute_window_seconds=100_000))
    for _ in range(3):
        commit_in_second_run(anvil_site)
    void(anvil_site, 2)
    ledger.restore_head(2)
    commit_in_second_run(anvil_site)
    anvil_site.advance(100_000)
    anvil_site.rpc.request("evm_mine")
    state, states = ledger.run(2), ledger.rounds(2)
    runs = ledger.domain("TrainingRuns").verifying_contract
    calls = [encode_call("TrainingRuns", "run", 2)]
    calls += [encode_call("TrainingRuns", "statusOf", 2, s.commit.round) for s in states]
    stored, *found = anvil_site.rpc.calls(runs, calls)
    run = decode_result("TrainingRuns", "run", stored)
    assert (run["headRound"], run["lastRound"], run["quorum"]) == (state.head_round, state.last_round, state.quorum)
    assert run["headDigest"] == cids.digest(state.head_cid)
    assert run["specDigest"] == cids.digest(state.spec_cid)
    assert (run["rewardCap"], run["datasetDigest"]) == (state.reward_cap, state.dataset_digest)
    assert run["cumulativeReward"] == states[-1].cumulative_reward
    assert [decode_result("TrainingRuns", "statusOf", answer) for answer in found] == [s.status for s in states]


@pytest.mark.real
def test_the_domains_are_those_that_the_contracts_report(anvil_site: AnvilSite) -> None:
    ledger = anvil_site.ledger(OUTSIDER)
    for contract in DOMAIN_NAMES:
        domain = ledger.domain(contract)
        (answer,) = anvil_site.rpc.calls(domain.verifying_contract, [encode_call(contract, "eip712Domain")])
        _, name, version, chain_id, address, _, _ = decode_result(contract, "eip712Domain", answer)
        assert (domain.name, domain.version, domain.chain_id, domain.verifying_contract) == (
            name,
            version,
            chain_id,
            address,
        )


@pytest.mark.real
def test_the_deployer_keeps_no_power(anvil_site: AnvilSite) -> None:
    for contract in (
        "MemberRegistry",
        "ArtifactRegistry",
        "TrainingRuns",
        "RewardVault",
        "MeritEpochs",
        "TimelockController",
    ):
        address = anvil_site.deployment.addresses[contract]
        timelock = anvil_site.deployment.addresses["TimelockController"]
        calls = [encode_call(contract, "hasRole", bytes(32), who) for who in (OUTSIDER.address, timelock)]
        answers = anvil_site.rpc.calls(address, calls)
        assert [decode_result(contract, "hasRole", answer) for answer in answers] == [False, True]


@pytest.mark.real
def test_a_chain_that_does_not_answer_is_named(anvil: Deployment) -> None:
    elsewhere = replace(anvil, rpc_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DaemonUnavailable, match=elsewhere.rpc_url):
        ChainLedger(elsewhere)
