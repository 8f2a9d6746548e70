"""IncidentManager in memory; rules, their order and their names are the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from eth_utils.crypto import keccak

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.incidents import CaseStatus, IncidentKind, IncidentSettings, Target
from node.local_ledger.artifacts import ArtifactRegistry
from node.local_ledger.bonds import NAME, Bonds, Token
from node.local_ledger.registries import GOVERNANCE_ROLE, INCIDENT_ROLE, MemberRegistry
from node.local_ledger.world import Roles, Tx, World, require_signed
from node.records.content import Cid
from node.signed_requests import IncidentReport

RESPONDER_ROLE = keccak(text="RESPONDER_ROLE")

_MAX_CONTAINMENT_SECONDS = 7 * 86400
_COOLDOWN_SECONDS = 30 * 86400
_REPORT_INTERVAL_SECONDS = 86400
_MAX_SEVERITY = 4
_DECIDED = (CaseStatus.UPHELD, CaseStatus.DISMISSED, CaseStatus.MALICIOUS)


class Runs(Protocol):
    """What an incident does to runs."""

    roles: Roles

    def dispute(self, tx: Tx, run_id: int, round_number: int) -> None: ...
    def settle_dispute(self, tx: Tx, run_id: int, round_number: int, voided: bool) -> None: ...
    def pause(self, tx: Tx, run_id: int, until: int) -> None: ...
    def unpause(self, tx: Tx, run_id: int) -> None: ...


class Rewards(Protocol):
    """What an incident does to rewards."""

    def slash_unvested(self, tx: Tx, run_id: int, member_id: int, amount: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class _Case:
    reporter_id: int
    report: IncidentReport
    bond: int
    deadline: int
    status: CaseStatus = CaseStatus.OPEN
    closed: bool = False
    contained: tuple[Target, ...] = ()


@dataclass(kw_only=True)
class IncidentManager:
    """Cases, and what was contained when."""

    NAME = NAME

    world: World
    settings: DeploySettings
    members: MemberRegistry
    artifacts: ArtifactRegistry
    runs: Runs
    vault: Rewards | None
    token: Token | None

    def __post_init__(self) -> None:
        self._address = self.world.addresses[NAME]
        self._domain = self.world.domain(NAME)
        self._report_bond = self.settings.report_bond
        self._case_seconds = self.settings.case_seconds
        self.bonds = Bonds(
            members=self.members,
            token=self.token,
            address=self._address,
            domain=self._domain,
            withdrawal_seconds=self.settings.bond_withdrawal_seconds,
        )
        timelock = self.world.addresses["TimelockController"]
        self.roles = Roles(NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self.roles.hold(RESPONDER_ROLE, self.settings.operator)
        self._cases: dict[int, _Case] = {}
        self._last: dict[tuple[Target, Any], tuple[int, int]] = {}
        self._reportable_from: dict[int, int] = {}

    def report(self, tx: Tx, report: IncidentReport, signature: bytes) -> int:
        """Returns the case id."""
        self.members.require_active(report.account)
        reporter_id = self.members.require_member(report.account)
        self._require_report(report, reporter_id)
        self.bonds.nonces.require(report.account, report.nonce)
        require_signed(tx, self._domain, report, report.deadline, signature, report.account)
        if self._report_bond == 0 and tx.timestamp < (start := self._reportable_from.get(reporter_id, 0)):
            raise LedgerRefused("ReportedRecently", {"memberId": reporter_id, "from": start})
        self.bonds.require_stakeable(reporter_id, self._report_bond)
        if report.kind == IncidentKind.BAD_ROUND:
            self.runs.dispute(tx.from_contract(self._address), report.run_id, report.round)
        return self._open(tx, report, reporter_id)

    def _open(self, tx: Tx, report: IncidentReport, reporter_id: int) -> int:
        self.bonds.nonces.use(report.account)
        self._reportable_from[reporter_id] = tx.timestamp + _REPORT_INTERVAL_SECONDS
        self.bonds.stake(reporter_id, self._report_bond)
        self.bonds.accuse(report.accused_id, 1)
        case_id, deadline = len(self._cases) + 1, tx.timestamp + self._case_seconds
        self._cases[case_id] = _Case(reporter_id=reporter_id, report=report, bond=self._report_bond, deadline=deadline)
        reported = {
            "caseId": case_id,
            "reporterId": reporter_id,
            "accusedId": report.accused_id,
            "kind": int(report.kind),
            "severity": report.severity,
            "runId": report.run_id,
            "round": report.round,
            "artifact": report.artifact,
            "evidenceCid": cids.to_bytes(report.evidence_cid),
            "bond": self._report_bond,
            "deadline": deadline,
        }
        disputed = [log for log in tx.logs if log[1] == "RoundDisputed"]  # the contract logs the case first
        for log in disputed:
            tx.logs.remove(log)
        tx.emit(NAME, "IncidentReported", **reported)
        tx.logs.extend(disputed)
        return case_id

    def contain(self, tx: Tx, case_id: int, target: Target, until: int) -> None:
        """At once, for a while."""
        self.roles.require(RESPONDER_ROLE, tx.sender)
        target, case = Target(target), self._require_open(tx, case_id)
        latest = min(tx.timestamp + _MAX_CONTAINMENT_SECONDS, case.deadline)
        if not tx.timestamp < until <= latest:
            raise LedgerRefused("InvalidContainment", {"until": until, "latest": latest})
        subject = _subject(case, target)
        if not any(subject):
            raise LedgerRefused("NothingToContain", {"caseId": case_id, "target": int(target)})
        _, again = self._last.get((target, subject), (0, 0))
        if tx.timestamp < again:
            raise LedgerRefused("ContainedRecently", {"target": int(target), "subject": subject, "from": again})
        tx.emit(NAME, "IncidentContained", caseId=case_id, target=int(target), until=until, responder=tx.sender)
        mine, report = tx.from_contract(self._address), case.report
        if target == Target.RUN:
            self.runs.pause(mine, report.run_id, until)
        elif target == Target.MEMBER:
            self.members.bar(mine, report.accused_id, until)
        else:
            self.artifacts.freeze(mine, report.artifact, until)
        self._last[target, subject] = (case_id, until + _COOLDOWN_SECONDS)
        self._cases[case_id] = replace(case, contained=(*case.contained, target))

    def adjudicate(self, tx: Tx, case_id: int, verdict: int, slash: Mapping[str, int]) -> None:
        """By a vote."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        case = self._require_open(tx, case_id)
        if verdict not in _DECIDED:
            raise LedgerRefused("NotAVerdict", {"verdict": int(verdict)})
        slashed = self._slash_bond(case_id, case, CaseStatus(verdict), slash)
        case = self._settle(case_id, case, CaseStatus(verdict))
        returned, reward = self._repay(case)
        tx.emit(
            NAME,
            "IncidentAdjudicated",
            caseId=case_id,
            verdict=int(verdict),
            slashedBond=slashed,
            bondReturned=returned,
            reward=reward,
        )
        upheld = case.status == CaseStatus.UPHELD
        if not upheld:
            self._release(tx, case_id)
        self._end_dispute(tx, case, upheld)
        if slash["fromUnvested"]:
            assert self.vault is not None, "there is nothing unvested without a vault"
            mine = tx.from_contract(self._address)
            self.vault.slash_unvested(mine, slash["runId"], case.report.accused_id, slash["fromUnvested"])

    def lapse(self, tx: Tx, case_id: int) -> None:
        """Past the deadline, by anyone."""
        case = self._existing(case_id)
        if case.status != CaseStatus.OPEN or tx.timestamp <= case.deadline:
            raise _wrong_state(case_id, case)
        case = self._settle(case_id, case, CaseStatus.LAPSED)
        self._repay(case)
        tx.emit(NAME, "IncidentLapsed", caseId=case_id)
        self._release(tx, case_id)
        self._end_dispute(tx, case, voided=False)

    def close(self, tx: Tx, case_id: int, post_mortem_cid: Cid) -> None:
        """With what was learned."""
        if not self.roles.has(RESPONDER_ROLE, tx.sender):
            self.roles.require(GOVERNANCE_ROLE, tx.sender)
        case = self._existing(case_id)
        if case.status == CaseStatus.OPEN or case.closed:
            raise _wrong_state(case_id, case)
        self._cases[case_id] = replace(case, closed=True)
        tx.emit(NAME, "IncidentClosed", caseId=case_id, postMortemCid=cids.to_bytes(post_mortem_cid))
        self._release(tx, case_id)

    def set_settings(self, tx: Tx, settings: Mapping[str, int]) -> None:
        """For cases to come."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        bond, case_seconds, withdrawal = settings["reportBond"], settings["caseSeconds"], settings["withdrawalSeconds"]
        in_bounds = 0 < case_seconds <= 30 * 86400 and 0 < withdrawal <= 90 * 86400
        if not in_bounds or bool(bond) != (self.token is not None):
            raise LedgerRefused("InvalidSettings", dict(settings))
        self._report_bond, self._case_seconds, self.bonds.withdrawal_seconds = bond, case_seconds, withdrawal
        tx.emit(NAME, "IncidentSettingsSet", **settings)

    def settings_in_force(self) -> IncidentSettings:
        """For cases and withdrawals to come."""
        return IncidentSettings(
            report_bond=self._report_bond,
            case_seconds=self._case_seconds,
            withdrawal_seconds=self.bonds.withdrawal_seconds,
        )

    def _require_report(self, r: IncidentReport, reporter_id: int) -> None:
        known = r.kind in list(IncidentKind) and 1 <= r.severity <= _MAX_SEVERITY
        if not known or r.accused_id == reporter_id or (r.kind == IncidentKind.BAD_ROUND) != (r.round != 0):
            values = {"kind": int(r.kind), "severity": r.severity, "accusedId": r.accused_id}
            raise LedgerRefused("InvalidReport", {**values, "runId": r.run_id, "round": r.round})
        if r.accused_id:
            self.members.account_of(r.accused_id)

    def _slash_bond(self, case_id: int, case: _Case, verdict: CaseStatus, slash: Mapping[str, int]) -> int:
        """What it took: as much as was asked for, or what is left."""
        accused = case.report.accused_id
        if not slash["fromBond"] and not slash["fromUnvested"]:
            return 0
        if verdict != CaseStatus.UPHELD or not accused:
            raise LedgerRefused("CannotSlash", {"caseId": case_id})
        taken = min(slash["fromBond"], self.bonds.of(accused).amount)
        self.bonds.change(accused, -taken)
        self.bonds.pool += taken
        return taken

    def _settle(self, case_id: int, case: _Case, status: CaseStatus) -> _Case:
        self._cases[case_id] = replace(case, status=status)
        self.bonds.accuse(case.report.accused_id, -1)
        return self._cases[case_id]

    def _repay(self, case: _Case) -> tuple[int, int]:
        """(bond returned, reward): upheld, as much again as the pool has; malicious, nothing."""
        self.bonds.stake(case.reporter_id, -case.bond)
        if case.status == CaseStatus.MALICIOUS:
            forfeited = min(case.bond, self.bonds.of(case.reporter_id).amount)
            self.bonds.change(case.reporter_id, -forfeited)
            self.bonds.pool += forfeited
            return 0, 0
        reward = min(case.bond, self.bonds.pool) if case.status == CaseStatus.UPHELD else 0
        self.bonds.pool -= reward
        self.bonds.change(case.reporter_id, reward)
        return case.bond, reward

    def _release(self, tx: Tx, case_id: int) -> None:
        case = self._cases[case_id]
        if not case.contained:
            return
        self._cases[case_id] = replace(case, contained=())
        tx.emit(NAME, "IncidentReleased", caseId=case_id)
        mine, report = tx.from_contract(self._address), case.report
        for target in sorted(set(case.contained)):
            newest, again = self._last[target, _subject(case, target)]
            if newest != case_id or tx.timestamp + _COOLDOWN_SECONDS >= again:
                continue  # a later case has contained the same thing since, or this containment is over
            if not self._acts_on(target):
                continue
            if target == Target.RUN:
                self.runs.unpause(mine, report.run_id)
            elif target == Target.MEMBER:
                self.members.unbar(mine, report.accused_id)
            else:
                self.artifacts.unfreeze(mine, report.artifact)

    def _end_dispute(self, tx: Tx, case: _Case, voided: bool) -> None:
        if case.report.kind == IncidentKind.BAD_ROUND and self._acts_on(Target.RUN):
            mine = tx.from_contract(self._address)
            self.runs.settle_dispute(mine, case.report.run_id, case.report.round, voided)

    def _acts_on(self, target: Target) -> bool:
        """Not once a vote has replaced this contract: its cases end, and what they stopped is no longer its own."""
        roles = {
            Target.RUN: self.runs.roles,
            Target.MEMBER: self.members.roles,
            Target.ARTIFACT: self.artifacts.roles,
        }
        return roles[target].has(INCIDENT_ROLE, self._address)

    def _existing(self, case_id: int) -> _Case:
        if case_id not in self._cases:
            raise LedgerRefused("UnknownCase", {"caseId": case_id})
        return self._cases[case_id]

    def _require_open(self, tx: Tx, case_id: int) -> _Case:
        case = self._existing(case_id)
        if case.status != CaseStatus.OPEN or tx.timestamp > case.deadline:
            raise _wrong_state(case_id, case)
        return case


def _subject(case: _Case, target: Target) -> bytes:
    """What is contained, as the contract keys it."""
    if target == Target.ARTIFACT:
        return case.report.artifact
    number = case.report.run_id if target == Target.RUN else case.report.accused_id
    return number.to_bytes(32, "big")


def _wrong_state(case_id: int, case: _Case) -> LedgerRefused:
    values = {"caseId": case_id, "status": int(case.status), "deadline": case.deadline, "closed": case.closed}
    return LedgerRefused("WrongCaseState", values)
