"""Proposals and ballots on a ledger: made, signed, cast, passed and executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eth_utils.crypto import keccak

from node.abi_codec import encode_call
from node.governance import ballot_params, describe
from node.identity import Identity
from node.merkle import Tree
from node.ports import Ledger
from node.records.proposals import Action, Ballot, ProposalKind, ProposalStatement, Sponsor, Support
from node.typed_data import sign
from tests.support.acts import MERIT, cid, merit_hash
from tests.support.ledger_sites import ADA, BO, OUTSIDER, Site

INCIDENT_ROLE = keccak(text="INCIDENT_ROLE")


def propose(
    site: Site,
    who: Identity = ADA,
    actions: Sequence[Action] = (),
    text: str = "Change the spec",
    article: int = 1,
    others: Sequence[Identity] | None = None,
) -> int:
    """Signed by one more member where the kind asks for it, unless `others` are named."""
    ledger = site.ledger(OUTSIDER)
    chosen = actions or (ledger.set_spec_action(1, cid("spec 2")),)
    description = describe(text, who.address, article)
    statement = ProposalStatement(
        proposer=who.address, proposal_id=ledger.proposal_id(chosen, description), deadline=site.now() + 100
    )
    if others is None:
        others = [BO if who == ADA else ADA] if ledger.kind_of(chosen) == ProposalKind.CONSTITUTIONAL else []
    return ledger.propose(statement, chosen, description, signed_by(ledger, statement, who, *others))


def signed_by(ledger: Ledger, statement: ProposalStatement, *who: Identity) -> list[Sponsor]:
    domain = ledger.domain("TenWingsGovernor")
    ascending = sorted(who, key=lambda one: int(one.address, 16))
    return [Sponsor(account=one.address, signature=sign(one, domain, statement)) for one in ascending]


def call_of(ledger: Ledger, contract: str, function: str, *args: Any) -> Action:
    return Action(target=ledger.addresses()[contract], calldata=encode_call(contract, function, *args))


def allow_mit(site: Site) -> list[Action]:
    """A standard proposal."""
    return [call_of(site.ledger(OUTSIDER), "ArtifactRegistry", "setLicence", "MIT", True)]


def rules_call(site: Site, **changes: int) -> list[Action]:
    """A constitutional proposal."""
    ledger = site.ledger(OUTSIDER)
    rules = replace(ledger.rules(), **changes)
    return [call_of(ledger, "TenWingsGovernor", "setRules", tuple(vars(rules).values()))]


def ballot_of(ledger: Ledger, number: int, who: Identity, support: Support, **changes: Any) -> Ballot:
    leaf = next((leaf for leaf in MERIT if leaf.account == who.address), MERIT[0])
    tree = Tree([merit_hash(ledger, leaf) for leaf in MERIT])
    ballot = Ballot(
        proposal_id=number,
        support=support,
        voter=who.address,
        reason="because ✓",
        params=ballot_params(leaf, tree.proof(merit_hash(ledger, leaf))),
    )
    return replace(ballot, **changes)


def vote(site: Site, number: int, who: Identity, support: Support = Support.FOR, **changes: Any) -> int:
    ledger = site.ledger(OUTSIDER)
    ballot = ballot_of(ledger, number, who, support, **changes)
    return ledger.cast_ballot(ballot, sign(who, ledger.domain("TenWingsGovernor"), ballot))


def decided(site: Site, number: int) -> None:
    """Past the voting period."""
    site.advance(1_002)


def pass_proposal(site: Site, number: int) -> None:
    site.advance(102)
    vote(site, number, ADA)
    vote(site, number, BO)
    decided(site, number)
    site.ledger(OUTSIDER).queue(number)
    site.advance(200)
    site.ledger(OUTSIDER).execute(number)


def on_runs(site: Site, function: str, *args: Any) -> Action:
    """A call of the runs contract."""
    target = site.ledger(OUTSIDER).domain("TrainingRuns").verifying_contract
    return Action(target=target, calldata=encode_call("TrainingRuns", function, *args))


def on_vault(site: Site, function: str, *args: Any) -> Action:
    """A call of the vault."""
    return Action(target=site.address("RewardVault"), calldata=encode_call("RewardVault", function, *args))


def incidents(site: Site) -> list[Action]:
    """The timelock takes the role of the incident contract, so that a proposal can do what incidents do."""
    timelock = site.address("TimelockController")
    return [
        on_runs(site, "grantRole", INCIDENT_ROLE, timelock),
        on_vault(site, "grantRole", INCIDENT_ROLE, timelock),
    ]


def void(site: Site, *rounds: int) -> None:
    calls = incidents(site)
    for number in rounds:
        calls += [on_runs(site, "dispute", 2, number), on_runs(site, "settleDispute", 2, number, True)]
    pass_proposal(site, propose(site, actions=calls))
