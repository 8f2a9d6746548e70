"""What a deployment of the contracts is: its settings, and where it stands on which chain. Plain data, kept as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from node.errors import ConfigError
from node.records import Address

CONTRACTS = (
    "MemberRegistry",
    "ArtifactRegistry",
    "TrainingRuns",
    "RewardToken",
    "RewardVault",
    "MeritEpochs",
    "TimelockController",
    "TenWingsGovernor",
)
"""In the order in which they are deployed; each knows only earlier ones."""

DOMAIN_NAMES = {
    "MemberRegistry": "TenWings MemberRegistry",
    "ArtifactRegistry": "TenWings ArtifactRegistry",
    "TrainingRuns": "TenWings TrainingRuns",
    "MeritEpochs": "TenWings MeritEpochs",
    "TenWingsGovernor": "TenWings Governor",
}
"""EIP-712 names of the contracts that check signatures; all are version "1"."""

DEFAULT_LICENCES = ("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT", "ODC-By-1.0", "PDDL-1.0")
"""SPDX ids that allow training and redistribution with attribution at most, or share-alike."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, kw_only=True)
class DeploySettings:
    """What is fixed when the contracts are deployed; governance can change the voting rules later."""

    operator: Address
    """Holds ADMITTER_ROLE and CURATOR_ROLE at first; the timelock can take both away."""
    treasury: Address | None = None
    """Receives the whole supply of the reward token; the operator when None."""
    licences: tuple[str, ...] = DEFAULT_LICENCES
    """SPDX ids allowed from the start."""
    reward_supply_wei: int = 10**9 * 10**18
    epoch_finality_seconds: int = 3600
    """From a merit epoch's commit to its weights being usable."""
    voting_delay_seconds: int = 3600
    """From a proposal to its snapshot."""
    voting_period_seconds: int = 3 * 86400
    quorum_bps: int = 2000
    """Share of all weight that must vote for or abstain, in basis points."""
    timelock_delay_seconds: int = 86400
    """From queueing to execution."""

    def __post_init__(self) -> None:
        for name in ("operator", "treasury"):
            value = getattr(self, name)
            if value is not None and not _ADDRESS.fullmatch(value):
                raise ValueError(f"{name}: expected a 0x address of 42 characters, got {value!r}")
        if not 1 <= self.quorum_bps <= 10_000:
            raise ValueError(f"quorum_bps: expected 1 to 10,000, got {self.quorum_bps}")
        if self.voting_period_seconds < 1:
            raise ValueError(f"voting_period_seconds: expected at least 1, got {self.voting_period_seconds}")
        for name in ("reward_supply_wei", "epoch_finality_seconds", "voting_delay_seconds", "timelock_delay_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")

    @property
    def token_holder(self) -> Address:
        """Who receives the supply."""
        return self.treasury or self.operator


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where the contracts stand."""

    chain_id: int
    rpc_url: str
    """HTTP JSON-RPC of a node of that chain."""
    deployed_at_block: int
    """No event of ours is older."""
    addresses: Mapping[str, Address]
    """By contract name, all of CONTRACTS."""
    settings: DeploySettings

    def __post_init__(self) -> None:
        missing = [name for name in CONTRACTS if not _ADDRESS.fullmatch(self.addresses.get(name, ""))]
        if missing:
            raise ValueError(f"addresses: expected one of each contract, got none for {', '.join(missing)}")

    def save(self, path: Path) -> None:
        """Write it as JSON; the folder is made when missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Raises ConfigError when the file is missing or is no deployment."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            settings = _settings(raw["settings"])
            return cls(settings=settings, **{f.name: raw[f.name] for f in fields(cls) if f.name != "settings"})
        except OSError as error:
            raise ConfigError(
                f"{path}: expected the addresses of the contracts, got {error.strerror}; copy the file from whoever "
                "deployed them, or start a network of your own with `tenwings up`"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}: expected the addresses of the contracts as a deployment saves them, got {error!r}"
            ) from error


def _settings(raw: dict[str, Any]) -> DeploySettings:
    return DeploySettings(**{**raw, "licences": tuple(raw["licences"])})
