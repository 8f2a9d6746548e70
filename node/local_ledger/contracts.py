"""All contracts of one local deployment, and what the timelock may call on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from node.abi_codec import snake_case
from node.chain_records import bounds_from, data_from, spec_params_from
from node.deployment import DeploySettings
from node.errors import NoRewards
from node.local_ledger.artifacts import ArtifactRegistry
from node.local_ledger.charter import Charter
from node.local_ledger.epochs import MeritEpochs
from node.local_ledger.governor import Executable, Governor
from node.local_ledger.guardian import Guardian
from node.local_ledger.incidents import IncidentManager
from node.local_ledger.registries import INCIDENT_ROLE, MemberRegistry
from node.local_ledger.rules import struct_of
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.vault import NOBODY, RewardToken, RewardVault
from node.local_ledger.world import Tx, World
from node.records.chain import Address
from node.records.governance import GovernorRules
from node.records.members import JoinRequest, Role
from node.records.merit import MeritBounds
from node.signed_requests import (
    AccessGrant,
    AccessRequest,
    AccessRevocation,
    BondWithdrawal,
    IncidentReport,
    Leaving,
    MoveAcceptance,
    MoveRequest,
    MoveStop,
    NodeKeyRotation,
    RecoveryChoice,
    Supersession,
    Withdrawal,
)

Taking = Callable[[Tx, Any, bytes], Any]
"""Takes a signed request."""


class Contracts:
    """One of each."""

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self.members = MemberRegistry(world, settings)
        self.artifacts = ArtifactRegistry(world, settings, self.members)
        self.runs = TrainingRuns(world, settings, self.members, self.artifacts)
        self._money = None if settings.zero_token else _Money(world, settings, self.runs, self.members)
        self.incidents = IncidentManager(
            world=world,
            settings=settings,
            members=self.members,
            artifacts=self.artifacts,
            runs=self.runs,
            vault=self._money.vault if self._money else None,
            token=self._money.token if self._money else None,
        )
        held: list[Any] = [self.members, self.artifacts, self.runs, *([self._money.vault] if self._money else [])]
        for contract in held:
            contract.roles.hold(INCIDENT_ROLE, world.addresses[IncidentManager.NAME])
        self.epochs = MeritEpochs(world, settings, self.members, self.runs)
        self.charter = Charter(world, settings)
        self.governor = Governor(world, settings, self.members, self.epochs, self.charter)
        self.guardian = Guardian(world, settings, self.governor, self.runs)
        self.runs.roles.hold(INCIDENT_ROLE, world.addresses[Guardian.NAME])

    @property
    def pays_rewards(self) -> bool:
        """Whether there is a token."""
        return self._money is not None

    @property
    def token(self) -> RewardToken:
        """Raises NoRewards."""
        return self._the_money.token

    @property
    def vault(self) -> RewardVault:
        """Raises NoRewards."""
        return self._the_money.vault

    @property
    def _the_money(self) -> _Money:
        if self._money is None:
            raise NoRewards
        return self._money

    def announce(self, tx: Tx, settings: DeploySettings) -> None:
        """The events of a deployment that pages are built from."""
        for number, licence in enumerate(settings.licences, start=1):
            tx.emit("ArtifactRegistry", "LicenceSet", licenceId=number, licence=licence, allowed=True)
        self.runs.announce_bounds(tx)
        if self.pays_rewards:
            supply = settings.reward_supply_wei
            tx.emit("RewardToken", "Transfer", from_=NOBODY, to=settings.token_holder, value=supply)
        tx.emit("MeritEpochs", "MeritBoundsSet", bounds=struct_of(settings.merit_bounds))
        self.charter.announce(tx)
        tx.emit("TenWingsGovernor", "RulesSet", rules=struct_of(settings.rules))

    def governed(self) -> Mapping[tuple[str, str], Executable]:
        """By contract and function, what a proposal can change here."""
        registries: list[Any] = [self.members, self.artifacts, self.runs, self.epochs, self.incidents, self.guardian]
        if self.pays_rewards:
            registries.append(self.vault)
        grants = {(r.NAME, "grantRole"): _role_call(r.roles.grant) for r in registries}
        revokes = {(r.NAME, "revokeRole"): _role_call(r.roles.revoke) for r in registries}
        return {
            **grants,
            **revokes,
            **_of_runs(self.runs),
            **(_of_money(self.token, self.vault) if self.pays_rewards else {}),
            ("MemberRegistry", "setActive"): lambda tx, a: self.members.set_active(tx, a["memberId"], a["active"]),
            ("MemberRegistry", "join"): lambda tx, a: self.members.join(
                tx, _join_request(a["request"]), a["memberSignature"], a["voucherSignature"]
            ),
            ("MemberRegistry", "moveMember"): lambda tx, a: self.members.move_member(tx, a["memberId"], a["to"]),
            ("MemberRegistry", "setRecoveryDelay"): lambda tx, a: self.members.set_recovery_delay(tx, *a.values()),
            ("IncidentManager", "adjudicate"): lambda tx, a: self.incidents.adjudicate(tx, *a.values()),
            ("IncidentManager", "setSettings"): lambda tx, a: self.incidents.set_settings(tx, *a.values()),
            ("ArtifactRegistry", "takeDown"): lambda tx, a: self.artifacts.take_down(tx, *a.values()),
            ("ArtifactRegistry", "certifyRelease"): lambda tx, a: self.artifacts.certify_release(tx, *a.values()),
            ("ArtifactRegistry", "setLicence"): lambda tx, a: self.artifacts.set_licence(tx, *a.values()),
            ("MeritEpochs", "setBounds"): lambda tx, a: self.epochs.set_bounds(
                tx, MeritBounds(**_plain(a["newBounds"]))
            ),
            ("Charter", "setCharter"): lambda tx, a: self.charter.set(tx, *a.values()),
            ("TenWingsGovernor", "setRules"): lambda tx, a: self.governor.set_rules(
                tx, GovernorRules(**_plain(a["newRules"]))
            ),
            ("TenWingsGovernor", "setKind"): lambda tx, a: self.governor.kinds.set(tx, *a["setting"].values()),
            ("Guardian", "appoint"): lambda tx, a: self.guardian.appoint(tx, *a.values()),
        }

    def takes(self) -> Mapping[type, Taking]:
        """What takes each kind of signed request."""
        return {
            Supersession: self.artifacts.supersede,
            Withdrawal: self.artifacts.revoke,
            AccessRequest: self.artifacts.access.request,
            AccessGrant: self.artifacts.access.grant,
            AccessRevocation: self.artifacts.access.revoke,
            NodeKeyRotation: self.members.rotate_node_key,
            RecoveryChoice: self.members.recoveries.choose,
            MoveRequest: self.members.recoveries.start,
            MoveStop: self.members.recoveries.stop,
            MoveAcceptance: self.members.recoveries.accept,
            Leaving: self.members.leave,
            IncidentReport: self.incidents.report,
            BondWithdrawal: self.incidents.bonds.request_withdrawal,
        }

    def nonce(self, contract: str, account: Address) -> int:
        """Raises ValueError for a contract without nonces."""
        nonces = {
            "MemberRegistry": self.members.nonces.of,
            "ArtifactRegistry": self.artifacts.nonces.of,
            "IncidentManager": self.incidents.bonds.nonces.of,
        }
        if contract not in nonces:
            raise ValueError(f"expected one of {', '.join(nonces)}, got {contract!r}")
        return nonces[contract](account)


def _join_request(args: Mapping[str, Any]) -> JoinRequest:
    return JoinRequest(
        account=args["account"],
        roles=Role(args["roles"]),
        node_key_digest=args["nodeKeyDigest"],
        name=args["name"],
        deadline=args["deadline"],
    )


def _plain(struct: Mapping[str, Any]) -> dict[str, Any]:
    """A struct's fields under our records' names."""
    return {snake_case(name): value for name, value in struct.items()}


class _Money:
    """The token and the vault."""

    def __init__(self, world: World, settings: DeploySettings, runs: TrainingRuns, members: MemberRegistry) -> None:
        self.token = RewardToken(settings)
        self.vault = RewardVault(world, self.token, runs, members)


def _of_runs(runs: TrainingRuns) -> Mapping[tuple[str, str], Executable]:
    """What a vote, or an incident, can do to runs."""
    calls: dict[str, Executable] = {
        "setSpec": lambda tx, a: runs.set_spec(tx, a["runId"], a["specCid"], spec_params_from(a["params"])),
        "setBounds": lambda tx, a: runs.set_bounds(tx, bounds_from(a["bounds_"])),
        "setDataset": lambda tx, a: runs.set_dataset(tx, a["runId"], a["datasetDigest"]),
        "setQuorum": lambda tx, a: runs.set_quorum(tx, a["runId"], a["quorum"]),
        "setRewardCap": lambda tx, a: runs.set_reward_cap(tx, a["runId"], a["rewardCap"]),
        "rollBack": lambda tx, a: runs.roll_back(tx, a["runId"], a["number"], data_from(a["data"])),
        "promote": lambda tx, a: runs.promote(tx, a["runId"], a["checkpointCid"]),
        "dispute": lambda tx, a: runs.dispute(tx, a["runId"], a["number"]),
        "settleDispute": lambda tx, a: runs.settle_dispute(tx, a["runId"], a["number"], a["voided"]),
        "pause": lambda tx, a: runs.pause(tx, a["runId"], a["until"]),
        "unpause": lambda tx, a: runs.unpause(tx, a["runId"]),
    }
    return {(TrainingRuns.NAME, function): call for function, call in calls.items()}


def _of_money(token: RewardToken, vault: RewardVault) -> Mapping[tuple[str, str], Executable]:
    """What a vote can do with the treasury, and an incident to rewards."""
    return {
        (RewardToken.NAME, "approve"): lambda tx, a: token.approve(tx, a["spender"], a["value"]),
        (RewardVault.NAME, "fund"): lambda tx, a: vault.fund(tx, a["runId"], a["amount"]),
        (RewardVault.NAME, "slashUnvested"): lambda tx, a: vault.slash_unvested(
            tx, a["runId"], a["memberId"], a["amount"]
        ),
    }


def _role_call(change: Callable[[Tx, bytes, Address], None]) -> Executable:
    return lambda tx, args: change(tx, args["role"], args["account"])
