"""All contracts of one local deployment, and what the timelock may call on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.deployment import DeploySettings
from node.local_ledger.epochs import MeritEpochs
from node.local_ledger.governor import Executable, Governor
from node.local_ledger.registries import ArtifactRegistry, MemberRegistry
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.vault import NOBODY, RewardToken, RewardVault
from node.local_ledger.world import Tx, World
from node.records import Address


class Contracts:
    """One of each."""

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self.members = MemberRegistry(world, settings)
        self.artifacts = ArtifactRegistry(world, settings, self.members)
        self.runs = TrainingRuns(world, settings, self.members, self.artifacts)
        self.token = RewardToken(settings)
        self.vault = RewardVault(world, self.token, self.runs)
        self.epochs = MeritEpochs(world, settings, self.members, self.runs)
        self.governor = Governor(world, settings, self.members, self.epochs)

    def announce(self, tx: Tx, settings: DeploySettings) -> None:
        """The events of a deployment that pages are built from."""
        for number, licence in enumerate(settings.licences, start=1):
            tx.emit("ArtifactRegistry", "LicenceSet", licenceId=number, licence=licence, allowed=True)
        tx.emit("RewardToken", "Transfer", from_=NOBODY, to=settings.token_holder, value=settings.reward_supply_wei)
        tx.emit("TenWingsGovernor", "QuorumBpsSet", oldQuorumBps=0, newQuorumBps=settings.quorum_bps)

    def governed(self) -> Mapping[tuple[str, str], Executable]:
        """By contract and function, what a proposal can change here."""
        registries = (self.members, self.artifacts, self.runs)
        grants = {(r.NAME, "grantRole"): _role_call(r.roles.grant) for r in registries}
        revokes = {(r.NAME, "revokeRole"): _role_call(r.roles.revoke) for r in registries}
        return {
            **grants,
            **revokes,
            ("TrainingRuns", "setSpec"): lambda tx, a: self.runs.set_spec(tx, a["runId"], a["specCid"]),
            ("MemberRegistry", "setActive"): lambda tx, a: self.members.set_active(tx, a["memberId"], a["active"]),
            ("ArtifactRegistry", "setLicence"): lambda tx, a: self.artifacts.set_licence(tx, *a.values()),
            ("TenWingsGovernor", "setQuorumBps"): lambda tx, a: self.governor.set_quorum_bps(tx, *a.values()),
            ("TenWingsGovernor", "setVotingDelay"): lambda tx, a: self.governor.set_voting_delay(tx, *a.values()),
            ("TenWingsGovernor", "setVotingPeriod"): lambda tx, a: self.governor.set_voting_period(tx, *a.values()),
        }


def _role_call(change: Callable[[Tx, bytes, Address], None]) -> Executable:
    return lambda tx, args: change(tx, args["role"], args["account"])
