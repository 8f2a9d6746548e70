"""The manifest of a deployment: what everybody can check on the chain, and the check.

Code is compared with the committed bytecode (the constructor's values masked), the wiring and the settings are asked of
the contracts, and the holders of every role are rebuilt from events: a key that kept a power is found whoever has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from node.abi_codec import decode_result, encode_call
from node.artifacts import artifact
from node.chain_events import EventFetcher
from node.chain_records import bounds_from
from node.chain_rpc import LATEST, Rpc
from node.deploy_plan import ROLES, WITH_ROLES, Grant, grants
from node.deployment import Deployment
from node.errors import ConfigError, DeploymentDiffers
from node.records.chain import Address

Ask = Callable[[str, str], Any]
"""(contract, function without arguments) -> its answer."""


@dataclass(frozen=True, kw_only=True)
class ContractEntry:
    """One deployed contract."""

    name: str
    address: Address
    abi_digest: str
    """sha256 of the ABI's canonical JSON, in hex."""
    code_hash: str
    """keccak256 of the deployed code with the constructor's values masked, in hex."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a deployment is made of and who holds which power."""

    deployment: Deployment
    contracts: tuple[ContractEntry, ...]
    roles: tuple[Grant, ...]

    @classmethod
    def of(cls, deployment: Deployment) -> Manifest:
        """What follows from the settings and the committed bytecode. Raises PrerequisiteError without the latter."""
        entries = [
            ContractEntry(
                name=name,
                address=deployment.addresses[name],
                abi_digest=artifact(name).abi_digest.hex(),
                code_hash=artifact(name).runtime_hash.hex(),
            )
            for name in deployment.settings.contracts
        ]
        roles = sorted(grants(deployment.settings, deployment.addresses))
        return cls(deployment=deployment, contracts=tuple(entries), roles=tuple(roles))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Raises ConfigError when the file is missing or is no manifest."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                deployment=Deployment.from_json(raw["deployment"]),
                contracts=tuple(ContractEntry(**entry) for entry in raw["contracts"]),
                roles=tuple(Grant(**grant) for grant in raw["roles"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: expected a deployment's manifest, got {error!r}") from error


def verify(manifest: Manifest, rpc: Rpc) -> None:
    """Raises DeploymentDiffers with the first thing on the chain that is not as the manifest says."""
    deployment = manifest.deployment
    _same("chain id", rpc.chain_id(), deployment.chain_id)
    for entry in manifest.contracts:
        _check_code(entry, rpc.code(entry.address))
    _check_wiring(deployment, lambda contract, function: _ask(rpc, deployment, contract, function))
    _check_roles(manifest, rpc)


def _check_code(entry: ContractEntry, code: bytes) -> None:
    found = artifact(entry.name)
    _same(f"ABI digest of {entry.name}", found.abi_digest.hex(), entry.abi_digest)
    _same(f"length of the code of {entry.name}", len(code), len(found.runtime))
    bare = found.masked(code)
    if keccak(bare).hex() != entry.code_hash:
        at = next((i for i, (a, b) in enumerate(zip(bare, found.runtime, strict=True)) if a != b), 0)
        raise DeploymentDiffers(
            f"code of {entry.name} at {entry.address}",
            f"expected keccak256 0x{entry.code_hash}, got 0x{keccak(bare).hex()}; byte {at} is the first that differs",
        )


def _check_wiring(deployment: Deployment, ask: Ask) -> None:
    """The values that constructors set and the bounds that votes can change."""
    settings, at = deployment.settings, deployment.addresses
    wanted: dict[tuple[str, str], Any] = {
        ("ArtifactRegistry", "members"): at["MemberRegistry"],
        ("TrainingRuns", "members"): at["MemberRegistry"],
        ("TrainingRuns", "artifacts"): at["ArtifactRegistry"],
        ("MeritEpochs", "members"): at["MemberRegistry"],
        ("MeritEpochs", "trainingRuns"): at["TrainingRuns"],
        ("MeritEpochs", "finalityDelaySeconds"): settings.epoch_finality_seconds,
        ("TenWingsGovernor", "members"): at["MemberRegistry"],
        ("TenWingsGovernor", "epochs"): at["MeritEpochs"],
        ("TenWingsGovernor", "timelock"): at["TimelockController"],
        ("TenWingsGovernor", "charter"): at["Charter"],
        ("Guardian", "governor"): at["TenWingsGovernor"],
        ("Guardian", "runs"): at["TrainingRuns"],
        ("Charter", "owner"): at["TimelockController"],
        ("Charter", "numArticles"): settings.charter_articles,
        ("TenWingsGovernor", "votingDelay"): settings.voting_delay_seconds,
        ("TenWingsGovernor", "votingPeriod"): settings.voting_period_seconds,
        ("TimelockController", "getMinDelay"): settings.timelock_delay_seconds,
    }
    if not settings.zero_token:
        wanted |= {
            ("RewardVault", "token"): at["RewardToken"],
            ("RewardVault", "trainingRuns"): at["TrainingRuns"],
            ("RewardToken", "totalSupply"): settings.reward_supply_wei,
        }
    for (contract, function), value in wanted.items():
        _same(f"{contract}.{function}", ask(contract, function), value)
    bounds = bounds_from(ask("TrainingRuns", "bounds"))
    for end in ("least", "most"):
        for name, value in asdict(getattr(settings.bounds, end)).items():
            _same(f"bounds of specs: {end} {name}", getattr(getattr(bounds, end), name), value)


def _check_roles(manifest: Manifest, rpc: Rpc) -> None:
    deployment = manifest.deployment
    latest = rpc.block(LATEST)
    assert latest is not None, "a chain with contracts has blocks"
    events = EventFetcher(rpc, deployment).fetch(deployment.deployed_at_block, latest.number)
    held, named = set(_held(events)), set(manifest.roles)
    for grant in sorted(held - named):
        raise DeploymentDiffers(
            f"{grant.role} of {grant.contract}",
            f"expected no holder that the manifest does not name, {grant.holder} is one",
        )
    for grant in sorted(named - held):
        raise DeploymentDiffers(f"{grant.role} of {grant.contract}", f"expected {grant.holder} to hold it, it does not")


def _held(events: Iterable[Any]) -> Iterable[Grant]:
    """Who holds what, from RoleGranted and RoleRevoked."""
    names = {role: name for name, role in ROLES.items()}
    holders: dict[Grant, bool] = {}
    for event in events:
        if event.contract in WITH_ROLES and event.name in ("RoleGranted", "RoleRevoked"):
            role = event.args["role"]
            grant = Grant(event.contract, names.get(role, f"0x{role.hex()}"), event.args["account"])
            holders[grant] = event.name == "RoleGranted"
    return [grant for grant, holds in holders.items() if holds]


def _ask(rpc: Rpc, deployment: Deployment, contract: str, function: str) -> Any:
    (answer,) = rpc.calls(deployment.addresses[contract], [encode_call(contract, function)])
    return decode_result(contract, function, answer)


def _same(subject: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise DeploymentDiffers(subject, f"expected {wanted}, got {found}")
