"""What a deployment of the contracts is: its settings, and where it stands on which chain. Plain data, kept as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from node.charter_text import default_charter
from node.errors import ConfigError
from node.records.chain import Address
from node.records.content import Cid
from node.records.governance import GovernorRules
from node.records.merit import MeritBounds
from node.records.proposals import ProposalKind
from node.records.runs import ParamBounds, SpecParams

CONTRACTS = (
    "MemberRegistry",
    "ArtifactRegistry",
    "TrainingRuns",
    "RewardToken",
    "RewardVault",
    "IncidentManager",
    "MeritEpochs",
    "TimelockController",
    "Charter",
    "TenWingsGovernor",
    "Guardian",
)
"""In the order in which they are deployed; each knows only earlier ones."""

DOMAIN_NAMES = {
    "MemberRegistry": "TenWings MemberRegistry",
    "ArtifactRegistry": "TenWings ArtifactRegistry",
    "TrainingRuns": "TenWings TrainingRuns",
    "IncidentManager": "TenWings IncidentManager",
    "MeritEpochs": "TenWings MeritEpochs",
    "TenWingsGovernor": "TenWings Governor",
}
"""EIP-712 names of the contracts that check signatures; all are version "1"."""

DEFAULT_LICENCES = ("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT", "ODC-By-1.0", "PDDL-1.0")
"""SPDX ids that allow training and redistribution with attribution at most, or share-alike."""

DEFAULT_BOUNDS = ParamBounds(
    least=SpecParams(
        inner_steps=1,
        learning_rate_millionths=1,
        batch_size=1,
        outer_alpha_bps=10,
        min_updates=1,
        reward_per_round=0,
        trainers_bps=0,
        aggregation_rule=1,
    ),
    most=SpecParams(
        inner_steps=10_000,
        learning_rate_millionths=100_000,
        batch_size=4_096,
        outer_alpha_bps=100_000,
        min_updates=10_000,
        reward_per_round=10_000 * 10**18,
        trainers_bps=10_000,
        aggregation_rule=1,
    ),
)
"""What a vote may set in a spec, until a vote changes these bounds."""

PROFILES: Mapping[str, Mapping[str, Any]] = {
    "local": {
        "recovery_delay_seconds": 5,
        "case_seconds": 600,
        "bond_withdrawal_seconds": 5,
        "epoch_finality_seconds": 1,
        "voting_delay_seconds": 2,
        "voting_period_seconds": 20,
        "timelock_delay_seconds": 2,
        "standard_sponsors": 1,
        "constitutional_sponsors": 2,
    },
    "testnet": {
        "recovery_delay_seconds": 3600,
        "case_seconds": 86_400,
        "bond_withdrawal_seconds": 3600,
        "epoch_finality_seconds": 300,
        "voting_delay_seconds": 300,
        "voting_period_seconds": 3600,
        "timelock_delay_seconds": 600,
    },
    "mainnet": {
        "recovery_delay_seconds": 3 * 86_400,
        "case_seconds": 14 * 86_400,
        "bond_withdrawal_seconds": 7 * 86_400,
        "epoch_finality_seconds": 3600,
        "voting_delay_seconds": 3600,
        "voting_period_seconds": 3 * 86_400,
        "timelock_delay_seconds": 86_400,
    },
}
"""Windows by the kind of chain: on a local one long enough to vote by hand in a script and short enough to watch."""

MONEY = ("RewardToken", "RewardVault")
"""Contracts that a network without a token lacks."""

KINDS: tuple[tuple[str, str, ProposalKind], ...] = (
    ("TrainingRuns", "setSpec", ProposalKind.ROUTINE),
    ("TrainingRuns", "setBounds", ProposalKind.CONSTITUTIONAL),
    ("TrainingRuns", "setQuorum", ProposalKind.CONSTITUTIONAL),
    ("MeritEpochs", "setBounds", ProposalKind.CONSTITUTIONAL),
)
"""(contract, function, kind): the governor's first table. Calls that it does not name are standard; calls to the
governor, the timelock and the charter, changes of roles and the guardian's appointment are constitutional whatever a
table says."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, kw_only=True)
class DeploySettings:
    """What is fixed when the contracts are deployed; governance can change the voting rules later."""

    operator: Address
    """Holds ADMITTER_ROLE, CURATOR_ROLE and RESPONDER_ROLE at first; the timelock can take each away."""
    treasury: Address | None = None
    """Receives the whole supply of the reward token; the operator when None."""
    licences: tuple[str, ...] = DEFAULT_LICENCES
    """SPDX ids allowed from the start."""
    reward_supply_wei: int = 10**9 * 10**18
    recovery_delay_seconds: int = 3 * 86400
    """How long a member can stop a move that its recovery account started."""
    report_bond_wei: int = 10 * 10**18
    """What a report of an incident costs until its verdict."""
    case_seconds: int = 14 * 86400
    """From a report to its deadline, at most 30 days."""
    bond_withdrawal_seconds: int = 7 * 86400
    """From asking for a bond to having it."""
    epoch_finality_seconds: int = 3600
    """From a merit epoch's commit to its weights being usable."""
    merit_max_share_bps: int = 200
    """Largest share of all weight of one member; twice an equal share where so few cannot keep it."""
    merit_max_growth_bps: int = 20_000
    """The sum of an epoch's weights, as a share of the last one's."""
    voting_delay_seconds: int = 3600
    """From a proposal to its snapshot."""
    voting_period_seconds: int = 3 * 86400
    quorum_bps: int = 2000
    """Share of all weight that must be for a standard proposal, in basis points."""
    constitutional_quorum_bps: int = 4000
    """The same for a constitutional one."""
    majority_bps: int = 6667
    """Share of the weight for or against that must be for a constitutional proposal."""
    heads_quorum_bps: int = 4000
    """Share of the epoch's members that must be for a constitutional proposal."""
    veto_bps: int = 3334
    """Share of all weight that, against, stops a routine proposal."""
    routine_sponsors: int = 1
    """Members that sign a proposal, its proposer included."""
    standard_sponsors: int = 2
    constitutional_sponsors: int = 3
    timelock_delay_seconds: int = 86400
    """From queueing to execution."""
    bounds: ParamBounds = DEFAULT_BOUNDS
    """Of the numbers in run specs."""
    zero_token: bool = False
    """No token and no vault: rounds, merit, votes and audit without money."""
    guardian: Address | None = None
    """May cancel a proposal or pause a run, once, before its term ends; nobody when None."""
    guardian_term_seconds: int = 180 * 86400
    """At most 366 days."""
    charter_cid: Cid = field(default_factory=lambda: default_charter().cid)
    charter_articles: int = field(default_factory=lambda: default_charter().num_articles)

    def __post_init__(self) -> None:
        for name in ("operator", "treasury", "guardian"):
            value = getattr(self, name)
            if value is not None and not _ADDRESS.fullmatch(value):
                raise ValueError(f"{name}: expected a 0x address of 42 characters, got {value!r}")
        if not 1 <= self.quorum_bps <= 6_667:
            raise ValueError(f"quorum_bps: expected 1 to 6,667, got {self.quorum_bps}")
        if self.voting_period_seconds < 1:
            raise ValueError(f"voting_period_seconds: expected at least 1, got {self.voting_period_seconds}")
        for name in ("recovery_delay_seconds", "report_bond_wei", "case_seconds", "bond_withdrawal_seconds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("reward_supply_wei", "epoch_finality_seconds", "voting_delay_seconds", "timelock_delay_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")

    @property
    def report_bond(self) -> int:
        """In wei; nothing where there is no token."""
        return 0 if self.zero_token else self.report_bond_wei

    @property
    def contracts(self) -> tuple[str, ...]:
        """Names of what is deployed, in order."""
        return tuple(name for name in CONTRACTS if not (self.zero_token and name in MONEY))

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> DeploySettings:
        """From what `asdict` gave. Raises KeyError, TypeError or ValueError for anything else."""
        bounds = ParamBounds(**{end: SpecParams(**raw["bounds"][end]) for end in ("least", "most")})
        return cls(**{**raw, "licences": tuple(raw["licences"]), "bounds": bounds})

    @property
    def rules(self) -> GovernorRules:
        """The first rules of votes; a vote can change them."""
        return GovernorRules(**{f.name: getattr(self, f.name) for f in fields(GovernorRules)})

    @property
    def merit_bounds(self) -> MeritBounds:
        """The first bounds of merit epochs; a vote can change them."""
        return MeritBounds(max_share_bps=self.merit_max_share_bps, max_growth_bps=self.merit_max_growth_bps)

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
    """By contract name, all of the settings' contracts."""
    settings: DeploySettings

    def __post_init__(self) -> None:
        missing = [name for name in self.settings.contracts if not _ADDRESS.fullmatch(self.addresses.get(name, ""))]
        if missing:
            raise ValueError(f"addresses: expected one of each contract, got none for {', '.join(missing)}")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Deployment:
        """From what `asdict` gave. Raises KeyError, TypeError or ValueError for anything else."""
        settings = DeploySettings.from_json(raw["settings"])
        return cls(settings=settings, **{f.name: raw[f.name] for f in fields(cls) if f.name != "settings"})

    def save(self, path: Path) -> None:
        """Write it as JSON; the folder is made when missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Raises ConfigError when the file is missing or is no deployment."""
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(
                f"{path}: expected the addresses of the contracts, got {error.strerror}; copy the file from whoever "
                "deployed them, or start a network of your own with `tenwings up`"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}: expected the addresses of the contracts as a deployment saves them, got {error!r}"
            ) from error
