"""Incidents as they come: whatever members, responders and votes do, chain and twin agree, and no bond is lost."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from brownie import accounts, chain, web3
from brownie.exceptions import VirtualMachineError
from brownie.test import strategy
from hypothesis import HealthCheck

from node import cid
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.identity import Identity
from node.incidents import CaseStatus, IncidentKind, Target
from node.local_ledger import LocalLedger, ManualClock
from node.records.members import JoinRequest, Role, Voucher
from node.signed_requests import BondWithdrawal, IncidentReport, MemberRequest
from node.typed_data import sign

TOKEN = 10**18
BOND = 25 * TOKEN
ALLOWANCE, EVIDENCE, POST_MORTEM = 1000 * TOKEN, cid.of(b"evidence"), cid.of(b"what we learned")
MEMBERS = range(1, 5)
STORIES = {"max_examples": 13, "stateful_step_count": 20, "suppress_health_check": HealthCheck.all()}
"""Hypothesis keeps its first ten examples short; the others run to their last step. A story that outgrew its short
length would count against the health of the test: Hypothesis's own state machines leave these checks out, so do we."""


class Story:
    """One community twice: on the chain and in its twin. Every step is taken in both, and both answer alike."""

    st_who = strategy("uint8", min_value=1, max_value=4)
    st_other = strategy("uint8", max_value=4)
    st_case = strategy("uint8", min_value=1, max_value=3)
    st_verdict = strategy("uint8", min_value=int(CaseStatus.UPHELD), max_value=int(CaseStatus.MALICIOUS))
    st_tokens = strategy("uint8", max_value=20)
    st_days = strategy("uint8", min_value=1, max_value=9)

    def __init__(self, house: Any, people: list[Identity], timelock: Any) -> None:
        """Called on the class itself, once for all stories."""
        self.house, self.people, self.timelock = house, people, timelock

    def setup(self) -> None:
        """The twin is played up to where the fixtures left the chain; then two members are accused in both."""
        self.operator = self.house.operator
        self.clock = ManualClock(_now())
        self.twin = LocalLedger(DeploySettings(operator=self.operator.address), clock=self.clock)
        for person in self.people:
            _join(self.twin, self.operator, person, self.clock() + 3600)
        for member_id in MEMBERS:
            self.twin.deposit_bond(member_id, BOND)
        self.rule_report(1, 2)
        self.rule_report(3, 4)

    def rule_deposit(self, st_who: int, st_tokens: int) -> None:
        self._both(
            lambda: self.house.incidents.deposit(st_who, st_tokens * TOKEN, {"from": self.operator.address}),
            lambda: self.twin.deposit_bond(st_who, st_tokens * TOKEN),
        )

    def rule_take_a_bond_out(self, st_who: int, st_tokens: int, st_days: int) -> None:
        self._ask_for_a_bond(st_who, st_tokens)
        self.rule_wait(5 + st_days)  # sometimes a day too early
        self._both(
            lambda: self.house.incidents.withdraw(st_who, self._relayed), lambda: self.twin.withdraw_bond(st_who)
        )

    def rule_report(self, st_who: int, st_other: int) -> None:
        who, nonce = self.people[st_who - 1], self._nonce(st_who)
        report = IncidentReport(
            account=who.address,
            kind=int(IncidentKind.MISCONDUCT),
            severity=2,
            accused_id=st_other,
            run_id=0,
            round=0,
            artifact=bytes(32),
            evidence_cid=EVIDENCE,
            nonce=nonce,
            deadline=_soon(),
        )
        fields = {**vars(report), "evidence_cid": cid.to_bytes(EVIDENCE)}
        self._both(
            lambda: self.house.incidents.report(tuple(fields.values()), self._signed(who, report), self._relayed),
            lambda: self._submit(who, report),
        )

    def rule_bar_the_accused(self, st_case: int, st_days: int) -> None:
        until = _now() + st_days * 86_400 - 3600
        self._both(
            lambda: self.house.incidents.contain(st_case, int(Target.MEMBER), until, {"from": self.operator.address}),
            lambda: self.twin.contain(st_case, Target.MEMBER, until),
        )

    def rule_decide(self, st_case: int, st_verdict: int, st_tokens: int) -> None:
        self._decide(st_case, st_verdict, st_tokens * TOKEN)

    def rule_let_a_case_lapse(self, st_case: int, st_days: int) -> None:
        self.rule_wait(2 * st_days)  # mostly too early
        self._both(lambda: self.house.incidents.lapse(st_case, self._relayed), lambda: self.twin.lapse_case(st_case))

    def rule_decide_and_close(self, st_case: int, st_verdict: int) -> None:
        self._decide(st_case, st_verdict, 0)
        self.rule_close(st_case)

    def rule_close(self, st_case: int) -> None:
        learned = cid.to_bytes(POST_MORTEM)
        self._both(
            lambda: self.house.incidents.close(st_case, learned, {"from": self.operator.address}),
            lambda: self.twin.close_case(st_case, POST_MORTEM),
        )

    def rule_wait(self, st_days: int) -> None:
        chain.sleep(st_days * 86_400)
        chain.mine()
        self.clock.now = _now()

    def invariant_bonds_and_bars_are_the_same(self) -> None:
        for member_id in MEMBERS:
            bond = self.twin.bond(member_id)
            assert tuple(self.house.incidents.bondOf(member_id)) == (
                bond.amount,
                bond.leaving,
                bond.leaves_from,
                bond.open_cases,
                bond.staked,
            )
            member = self.twin.members()[member_id - 1]
            assert self.house.members.barredUntil(member_id) == member.barred_until
        assert self.house.incidents.pool() == self.twin._contracts.incidents.bonds.pool

    def invariant_cases_are_the_same(self) -> None:
        cases = self.twin.cases()
        assert self.house.incidents.numCases() == len(cases)
        for case in cases:
            found = self.house.incidents.caseOf(case.case_id).dict()
            assert (found["reporterId"], found["accusedId"], found["bond"], found["deadline"]) == (
                case.reporter_id,
                case.accused_id,
                case.bond,
                case.deadline,
            )
            assert (found["status"], found["closed"]) == (case.status, case.post_mortem_cid is not None)
            assert bool(found["contained"]) == bool(case.contained)

    def invariant_every_token_is_somebodys(self) -> None:
        """What the contract holds is members' bonds and the pool; what is staked stands for open cases."""
        bonds = [self.twin.bond(member_id) for member_id in MEMBERS]
        held = self.house.token.balanceOf(self.house.incidents)
        assert held == sum(bond.amount for bond in bonds) + self.twin._contracts.incidents.bonds.pool
        at_stake = sum(case.bond for case in self.twin.cases() if case.status == CaseStatus.OPEN)
        assert sum(bond.staked for bond in bonds) == at_stake

    def _ask_for_a_bond(self, member_id: int, tokens: int) -> None:
        who, nonce = self.people[member_id - 1], self._nonce(member_id)
        request = BondWithdrawal(account=who.address, amount=tokens * TOKEN, nonce=nonce, deadline=_soon())
        fields = (request.account, request.amount, request.nonce, request.deadline)
        self._both(
            lambda: self.house.incidents.requestWithdrawal(*fields, self._signed(who, request), self._relayed),
            lambda: self._submit(who, request),
        )

    def _decide(self, case_id: int, verdict: int, from_bond: int) -> None:
        slash = {"fromBond": from_bond, "runId": 0, "fromUnvested": 0}
        timelock, incidents = self.twin.addresses()["TimelockController"], self.twin._contracts.incidents
        self._both(
            lambda: self.house.incidents.adjudicate(case_id, verdict, tuple(slash.values()), {"from": self.timelock}),
            lambda: self.twin._write(
                "adjudicate",
                (),
                lambda tx: incidents.adjudicate(tx.from_contract(timelock), case_id, verdict, slash),
            ),
        )

    def _both(self, on_chain: Callable[[], Any], on_twin: Callable[[], Any]) -> None:
        """Take a step on the chain, then in the twin at the chain's second; both say yes, or both the same no."""
        said = _refusal(on_chain)
        self.clock.now = _now()
        assert said == _refusal(on_twin)

    @property
    def _relayed(self) -> dict[str, Any]:
        return {"from": self.house.relayer}

    def _nonce(self, member_id: int) -> int:
        return int(self.house.incidents.nonces(self.people[member_id - 1].address))

    def _signed(self, who: Identity, request: MemberRequest) -> bytes:
        return self.house.signed(who, "IncidentManager", request)

    def _submit(self, who: Identity, request: MemberRequest) -> bytes:
        return self.twin.submit(request, sign(who, self.twin.domain("IncidentManager"), request))


@pytest.fixture(scope="module")
def people(house, trainers, evaluators):
    """Four members with 25 tokens of bond each; the operator pays them and may pay more."""
    payer = {"from": house.operator.address}
    house.token.approve(house.incidents, ALLOWANCE, payer)
    for member_id in MEMBERS:
        house.incidents.deposit(member_id, BOND, payer)
    return [*trainers, *evaluators]


@pytest.fixture(scope="module")
def timelock(house):
    """Who carries votes out, with ether for its gas."""
    account = accounts.at(house.timelock.address, force=True)
    accounts[0].transfer(account, "1 ether")
    return account


def test_chain_and_twin_tell_the_same_story_of_incidents_and_no_bond_is_lost(state_machine, house, people, timelock):
    state_machine(Story, house, people, timelock, settings=STORIES)


def _now() -> int:
    return int(web3.eth.get_block("latest")["timestamp"])


def _soon() -> int:
    return int(chain.time()) + 3600


def _refusal(step: Callable[[], Any]) -> str | None:
    """The name of the error that a step ends in; None when it is taken."""
    try:
        step()
    except LedgerRefused as refused:
        return refused.rule
    except VirtualMachineError as refused:
        return str(refused.revert_msg).split(":")[0]
    return None


def _join(ledger: LocalLedger, operator: Identity, person: Identity, deadline: int) -> None:
    domain, key = ledger.domain("MemberRegistry"), sha256(person.address.encode()).digest()
    request = JoinRequest(
        account=person.address, roles=Role.TRAINER, node_key_digest=key, name="Ada", deadline=deadline
    )
    voucher = Voucher(account=person.address, roles=Role.TRAINER, deadline=deadline)
    ledger.join(request, sign(person, domain, request), sign(operator, domain, voucher))
