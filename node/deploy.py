"""Puts the contracts on a chain from their committed bytecode: no compiler, about 25 transactions.

At the end nobody but the timelock can grant or revoke a role, and only a vote moves the timelock: the deployer keeps no
power. The operator is admitter and curator until a vote says otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.abi_codec import encode_call, encode_constructor
from node.chain_rpc import Rpc
from node.chain_sender import Sender
from node.deployment import Deployment, DeploySettings
from node.errors import LedgerError, PrerequisiteError
from node.identity import Identity
from node.records import Address

ARTIFACT_FOLDER = Path(__file__).resolve().parent.parent / "contracts" / "artifacts"

_ANYONE = Address("0x" + "0" * 40)
_ADMIN_ROLE = bytes(32)
_ROLES = {name: keccak(text=name) for name in ("GOVERNANCE_ROLE", "ADMITTER_ROLE", "CURATOR_ROLE")}
_TIMELOCK_ROLES = {name: keccak(text=name) for name in ("PROPOSER_ROLE", "CANCELLER_ROLE")}


def deploy(rpc_url: str, deployer_key: Identity, *, settings: DeploySettings) -> Deployment:
    """Deploy all contracts and hand every power over. The deployer pays the gas (about 20 million).

    Raises DaemonUnavailable, LedgerError (e.g. no funds for gas), PrerequisiteError when the bytecode is missing.
    """
    rpc = Rpc(rpc_url)
    chain_id = rpc.chain_id()
    work = _Deploying(Sender(rpc, deployer_key, chain_id))
    _create(work, settings)
    _grant(work, settings)
    _renounce(work)
    return Deployment(
        chain_id=chain_id,
        rpc_url=rpc_url,
        deployed_at_block=work.first_block,
        addresses=work.addresses,
        settings=settings,
    )


class _Deploying:
    """A deployment under way."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.addresses: dict[str, Address] = {}
        self.first_block = 0

    def create(self, contract: str, *args: Any) -> None:
        receipt = self.sender.send(None, _bytecode(contract) + encode_constructor(contract, *args))
        if receipt.contract_address is None:
            raise LedgerError(f"expected the address of the new {contract} from the chain's node, got none")
        self.first_block = self.first_block or receipt.block_number
        self.addresses[contract] = Address(to_checksum_address(receipt.contract_address))

    def call(self, contract: str, function: str, *args: Any) -> None:
        self.sender.send(self.addresses[contract], encode_call(contract, function, *args))


def _create(work: _Deploying, settings: DeploySettings) -> None:
    """In the order of CONTRACTS; the deployer is the first admin of each."""
    deployer, made = work.sender.address, work.addresses
    work.create("MemberRegistry", deployer)
    work.create("ArtifactRegistry", made["MemberRegistry"], deployer, list(settings.licences))
    work.create("TrainingRuns", made["MemberRegistry"], made["ArtifactRegistry"], deployer)
    work.create("RewardToken", settings.token_holder, settings.reward_supply_wei)
    work.create("RewardVault", made["RewardToken"], made["TrainingRuns"])
    work.create("MeritEpochs", made["MemberRegistry"], made["TrainingRuns"], settings.epoch_finality_seconds)
    work.create("TimelockController", settings.timelock_delay_seconds, [], [_ANYONE], deployer)
    work.create(
        "TenWingsGovernor",
        made["MemberRegistry"],
        made["MeritEpochs"],
        made["TimelockController"],
        settings.voting_delay_seconds,
        settings.voting_period_seconds,
        settings.quorum_bps,
    )


def _grant(work: _Deploying, settings: DeploySettings) -> None:
    timelock, governor = work.addresses["TimelockController"], work.addresses["TenWingsGovernor"]
    for contract in ("MemberRegistry", "ArtifactRegistry", "TrainingRuns"):
        work.call(contract, "grantRole", _ROLES["GOVERNANCE_ROLE"], timelock)
        work.call(contract, "grantRole", _ADMIN_ROLE, timelock)
    work.call("MemberRegistry", "grantRole", _ROLES["ADMITTER_ROLE"], settings.operator)
    work.call("TrainingRuns", "grantRole", _ROLES["CURATOR_ROLE"], settings.operator)
    for role in _TIMELOCK_ROLES.values():
        work.call("TimelockController", "grantRole", role, governor)


def _renounce(work: _Deploying) -> None:
    for contract in ("MemberRegistry", "ArtifactRegistry", "TrainingRuns", "TimelockController"):
        work.call(contract, "renounceRole", _ADMIN_ROLE, work.sender.address)


def _bytecode(contract: str) -> bytes:
    path = ARTIFACT_FOLDER / f"{contract}.json"
    try:
        text: str = json.loads(path.read_text(encoding="utf-8"))["bytecode"]
        return bytes.fromhex(text.removeprefix("0x"))
    except (OSError, ValueError, KeyError) as error:
        raise PrerequisiteError(
            f"{path}: expected the bytecode of {contract}, got {error!r}; deploy from a checkout of the repository"
        ) from error
