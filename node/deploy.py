"""Puts the contracts on a chain from their committed bytecode: no compiler, about 25 transactions.

At the end nobody but the timelock can grant or revoke a role, and only a vote moves the timelock: the deployer keeps no
power. The operator is admitter and curator until a vote says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from eth_utils.address import to_checksum_address

from node import cid as cids
from node.abi_codec import encode_call, encode_constructor, selector
from node.artifacts import artifact
from node.chain_records import bounds_fields
from node.chain_rpc import Rpc
from node.chain_sender import Sender
from node.deploy_plan import ACTS_BY, ADMIN_ROLE, NOBODY, ROLES, grants, made_by_constructor, role_contracts
from node.deployment import KINDS, Deployment, DeploySettings
from node.errors import ConfigError, LedgerError
from node.identity import Identity
from node.records.chain import Address

CREATE_GAS, GAS_PER_CODE_BYTE, GAS_PER_DATA_BYTE = 53_000, 200, 16
CALL_GAS = 80_000
"""More than any call of a deployment takes."""


def deploy(rpc_url: str, deployer_key: Identity, *, settings: DeploySettings) -> Deployment:
    """Deploy all contracts and hand every power over. The deployer pays the gas (about 20 million).

    Raises DaemonUnavailable, LedgerError (e.g. no funds for gas), PrerequisiteError when the bytecode is missing.
    """
    rpc = Rpc(rpc_url)
    chain_id = rpc.chain_id()
    work = _Deploying(rpc, Sender(rpc, deployer_key, chain_id))
    _create(work, settings)
    _grant(work, settings, settings.contracts)
    _renounce(work, settings, settings.contracts)
    return Deployment(
        chain_id=chain_id,
        rpc_url=rpc_url,
        deployed_at_block=work.first_block,
        addresses=work.addresses,
        settings=settings,
    )


def deploy_module(deployment: Deployment, module: str, deployer_key: Identity) -> Address:
    """Deploy another copy of one module, wired to a deployment's contracts and handed to its timelock. It has no power
    over any of them until a vote gives it the roles of the one in place.

    Raises ConfigError for a contract that keeps what others rely on: it cannot be replaced by moving roles.
    """
    if module not in ACTS_BY:
        raise ConfigError(f"expected one of {', '.join(ACTS_BY)}, got {module!r}")
    rpc = Rpc(deployment.rpc_url)
    work = _Deploying(rpc, Sender(rpc, deployer_key, deployment.chain_id), deployment.addresses)
    work.create(module, *_arguments(module, deployment.settings, work.addresses, work.sender.address, work.now()))
    _grant(work, deployment.settings, (module,))
    _renounce(work, deployment.settings, (module,))
    return work.addresses[module]


class _Deploying:
    """A deployment under way."""

    def __init__(self, rpc: Rpc, sender: Sender, made: Mapping[str, Address] | None = None) -> None:
        self._rpc = rpc
        self.sender = sender
        self.addresses: dict[str, Address] = dict(made or {})
        self.first_block = 0

    def create(self, contract: str, *args: Any) -> None:
        receipt = self.sender.send(None, artifact(contract).creation + encode_constructor(contract, *args))
        if receipt.contract_address is None:
            raise LedgerError(f"expected the address of the new {contract} from the chain's node, got none")
        self.first_block = self.first_block or receipt.block_number
        self.addresses[contract] = Address(to_checksum_address(receipt.contract_address))

    def now(self) -> int:
        """The chain's time."""
        return self._rpc.now()

    def call(self, contract: str, function: str, *args: Any) -> None:
        self.sender.send(self.addresses[contract], encode_call(contract, function, *args))


def _create(work: _Deploying, settings: DeploySettings) -> None:
    """In the order of CONTRACTS; the deployer is the first admin of each."""
    for contract in settings.contracts:
        work.create(contract, *_arguments(contract, settings, work.addresses, work.sender.address, work.now()))


def _arguments(
    contract: str, settings: DeploySettings, made: Mapping[str, Address], deployer: Address, now: int
) -> tuple[Any, ...]:
    """What a contract's constructor takes; `made` holds all that it knows."""
    if contract == "MemberRegistry":
        return (deployer, settings.recovery_delay_seconds)
    if contract == "ArtifactRegistry":
        return (made["MemberRegistry"], deployer, list(settings.licences))
    if contract == "TrainingRuns":
        return (made["MemberRegistry"], made["ArtifactRegistry"], bounds_fields(settings.bounds), deployer)
    if contract == "RewardToken":
        return (settings.token_holder, settings.reward_supply_wei)
    if contract == "RewardVault":
        return (made["RewardToken"], made["TrainingRuns"], deployer)
    if contract == "IncidentManager":
        return _incident_arguments(settings, made, deployer)
    if contract == "MeritEpochs":
        merit_bounds = tuple(vars(settings.merit_bounds).values())
        runs = (made["MemberRegistry"], made["TrainingRuns"])
        return (*runs, settings.epoch_finality_seconds, merit_bounds, deployer)
    if contract == "TimelockController":
        return (settings.timelock_delay_seconds, [], [], deployer)
    if contract == "Charter":
        return (made["TimelockController"], cids.to_bytes(settings.charter_cid), settings.charter_articles)
    if contract == "TenWingsGovernor":
        return _governor_arguments(settings, made)
    ends_at = now + settings.guardian_term_seconds if settings.guardian else 0
    return (made["TenWingsGovernor"], made["TrainingRuns"], settings.guardian or NOBODY, ends_at, deployer)


def _incident_arguments(settings: DeploySettings, made: Mapping[str, Address], deployer: Address) -> tuple[Any, ...]:
    return (
        made["MemberRegistry"],
        made["ArtifactRegistry"],
        made["TrainingRuns"],
        made.get("RewardVault", NOBODY),
        made.get("RewardToken", NOBODY),
        (settings.report_bond, settings.case_seconds, settings.bond_withdrawal_seconds),
        deployer,
    )


def _governor_arguments(settings: DeploySettings, made: Mapping[str, Address]) -> tuple[Any, ...]:
    return (
        made["MemberRegistry"],
        made["MeritEpochs"],
        made["Charter"],
        made["TimelockController"],
        tuple(vars(settings.rules).values()),
        [(made[contract], selector(contract, function), int(kind)) for contract, function, kind in KINDS],
    )


def _grant(work: _Deploying, settings: DeploySettings, of: Collection[str]) -> None:
    for grant in grants(settings, work.addresses):
        if grant.contract in of and not made_by_constructor(grant, work.addresses):
            work.call(grant.contract, "grantRole", ROLES[grant.role], grant.holder)


def _renounce(work: _Deploying, settings: DeploySettings, of: Collection[str]) -> None:
    for contract in role_contracts(settings):
        if contract in of:
            work.call(contract, "renounceRole", ADMIN_ROLE, work.sender.address)


def gas_needed(settings: DeploySettings) -> int:
    """Gas that a deployment takes at most, about 10 % high: by the size of the code, and a call for every role."""
    total = 0
    for contract in settings.contracts:
        found = artifact(contract)
        words = 32 * 40 + sum(96 + len(licence) for licence in settings.licences)  # arguments and what they fill
        total += CREATE_GAS + GAS_PER_CODE_BYTE * len(found.runtime) + GAS_PER_DATA_BYTE * (len(found.creation) + words)
        total += 30_000 * (len(settings.licences) if contract == "ArtifactRegistry" else 5)
    return total + CALL_GAS * (2 * len(role_contracts(settings)) + 8)
