"""Who holds which role after a deployment: one table, by which contracts are deployed and by which they are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eth_utils.crypto import keccak

from node.deployment import DeploySettings
from node.records.chain import Address

ADMIN_ROLE = bytes(32)
NOBODY = Address("0x" + "0" * 40)
ROLES: Mapping[str, bytes] = {
    "DEFAULT_ADMIN_ROLE": ADMIN_ROLE,
    **{
        name: keccak(text=name)
        for name in (
            "GOVERNANCE_ROLE",
            "INCIDENT_ROLE",
            "ADMITTER_ROLE",
            "CURATOR_ROLE",
            "RESPONDER_ROLE",
            "PROPOSER_ROLE",
            "CANCELLER_ROLE",
            "EXECUTOR_ROLE",
        )
    },
}
"""By name; OpenZeppelin's admin role is zero."""
WITH_ROLES = (
    "MemberRegistry",
    "ArtifactRegistry",
    "TrainingRuns",
    "RewardVault",
    "IncidentManager",
    "MeritEpochs",
    "TimelockController",
    "Guardian",
)
"""Contracts that know roles; the deployer is the first admin of each and gives that up."""
ACTS_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "IncidentManager": tuple(
        (contract, "INCIDENT_ROLE")
        for contract in ("MemberRegistry", "ArtifactRegistry", "TrainingRuns", "RewardVault")
    ),
    "TenWingsGovernor": tuple(
        ("TimelockController", role) for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")
    ),
    "Guardian": (("TimelockController", "CANCELLER_ROLE"), ("TrainingRuns", "INCIDENT_ROLE")),
}
"""By module: the (contract, role) through which alone it acts. A vote that moves these replaces it."""


@dataclass(frozen=True, order=True)
class Grant:
    """One holder of one role of one contract."""

    contract: str
    role: str
    holder: Address


def role_contracts(settings: DeploySettings) -> list[str]:
    """Contracts of this deployment that know roles."""
    return [name for name in settings.contracts if name in WITH_ROLES]


def grants(settings: DeploySettings, addresses: Mapping[str, Address]) -> Iterator[Grant]:
    """Every role that anybody holds at the end, the timelock's own over itself included."""
    timelock = addresses["TimelockController"]
    for contract in role_contracts(settings):
        yield Grant(contract, "DEFAULT_ADMIN_ROLE", timelock)
    for contract in (
        "MemberRegistry",
        "ArtifactRegistry",
        "TrainingRuns",
        "MeritEpochs",
        "IncidentManager",
        "Guardian",
    ):
        yield Grant(contract, "GOVERNANCE_ROLE", timelock)
    for module, roles in ACTS_BY.items():
        for contract, role in roles:
            if contract in settings.contracts:
                yield Grant(contract, role, addresses[module])
    yield Grant("MemberRegistry", "ADMITTER_ROLE", settings.operator)
    yield Grant("MemberRegistry", "ADMITTER_ROLE", timelock)
    yield Grant("TrainingRuns", "CURATOR_ROLE", settings.operator)
    yield Grant("IncidentManager", "RESPONDER_ROLE", settings.operator)


def made_by_constructor(grant: Grant, addresses: Mapping[str, Address]) -> bool:
    """The timelock is born as its own admin."""
    return (grant.contract, grant.holder) == ("TimelockController", addresses["TimelockController"])
