"""The records that cross walls: members, runs, rounds, receipts, score sheets, leaves, proposals.

Field order and integer widths mirror the Solidity structs of contracts/interfaces where one exists. Everything here is
plain data; signing lives in `node.typed_data`, hashing of leaves in `node.merkle`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any, NewType

Cid = NewType("Cid", str)
"""A CIDv1 in base32 text: codec raw (0x55) or dag-pb (0x70), sha2-256."""

Address = NewType("Address", str)
"""A checksummed 0x address of 42 characters."""

Json = dict[str, Any]

CLIENT_MESSAGE_VERSION = 1


class Role(IntFlag):
    """What a member may do; a member can hold several."""

    TRAINER = 1
    EVALUATOR = 2
    CURATOR = 4


class ArtifactKind(IntEnum):
    """What a registered digest is; the numbers are the contract's."""

    DATASET = 1
    CHECKPOINT = 2
    CODEC = 3
    ENCODER = 4
    RELEASE = 5
    VIDEO = 6
    REPORT = 7


class ArtifactState(IntEnum):
    """What an artifact may be used for; the numbers are the contract's."""

    ACTIVE = 1
    SUPERSEDED = 2
    REVOKED = 3
    FROZEN = 4
    TAKEN_DOWN = 5

    @property
    def usable(self) -> bool:
        """Whether something new may be made from it."""
        return self not in (ArtifactState.FROZEN, ArtifactState.TAKEN_DOWN)


class Access(IntEnum):
    """How far a member's access to a restricted dataset got; the numbers are the contract's."""

    NONE = 0
    REQUESTED = 1
    GRANTED = 2


class ProposalState(IntEnum):
    """OpenZeppelin Governor's states, same numbers."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


class RoundStatus(IntEnum):
    """Where a round stands; the numbers are the contract's."""

    NONE = 0
    COMMITTED = 1
    """Its dispute window is open."""
    DISPUTED = 2
    FINAL = 3
    VOIDED = 4


class ProposalKind(IntEnum):
    """What it takes to pass; the numbers are the contract's and stand in a proposal id's lowest two bits."""

    ROUTINE = 0
    STANDARD = 1
    CONSTITUTIONAL = 2


class Support(IntEnum):
    """A ballot's choice; the numbers are OpenZeppelin's."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2


def canonical_json(value: Any) -> bytes:
    """Bytes of `value` that depend on its content alone: sorted keys, no spaces, ASCII. ValueError on a float."""
    _refuse_floats(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _refuse_floats(value: Any, where: str) -> None:
    if isinstance(value, float):
        raise ValueError(f"{where}: expected an integer or a string, got the float {value!r}; records hold no floats")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{where}: expected text keys, got {key!r}")
            _refuse_floats(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_floats(item, f"{where}[{index}]")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of the chain, as far as we cite it."""

    number: int
    hash: bytes
    timestamp: int
    """Unix time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One decoded log of one of our contracts; ordered by (block_number, log_index)."""

    contract: str
    """Contract name, e.g. "TrainingRuns"."""
    name: str
    block_number: int
    block_hash: bytes
    log_index: int
    tx_hash: bytes
    timestamp: int
    args: Mapping[str, Any]
    """By Solidity parameter name: int, bool, str, checksummed Address, bytes."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """An EIP-712 domain: one per contract."""

    name: str
    version: str
    chain_id: int
    verifying_contract: Address


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member as the registry knows it."""

    member_id: int
    account: Address
    name: str
    roles: Role
    active: bool
    """Neither suspended nor barred, and has not left."""
    joined_at: int
    node_key_digest: bytes
    """sha256 of the member's Flower node public key in SubjectPublicKeyInfo DER."""
    barred_until: int = 0
    """Unix time at which a bar ends by itself; 0 without one."""
    left: bool = False


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Who may move a member, and the move under way."""

    recovery: Address | None
    moving_to: Address | None
    acceptable_from: int
    """Unix time from which the new account can accept; 0 without a move."""


@dataclass(frozen=True, kw_only=True)
class JoinRequest:
    """What a member signs to join; an admitter signs the matching voucher."""

    account: Address
    roles: Role
    node_key_digest: bytes
    name: str
    deadline: int
    """Unix time in seconds after which the chain refuses it."""


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """What an admitter signs to let an account in: the join request's values."""

    account: Address
    roles: Role
    deadline: int
    """Unix time in seconds; the same as the request's."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a member signs to register an artifact."""

    account: Address
    kind: ArtifactKind
    cid: Cid
    licence: str
    """SPDX identifier."""
    parents: tuple[bytes, ...] = ()
    """Digests of registered artifacts this one descends from; a release names its checkpoint first."""
    restricted: bool = False
    """A dataset that only those can read whom its owner grants access."""
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A registered artifact."""

    digest: bytes
    kind: ArtifactKind
    account: Address
    cid: Cid
    licence: str
    registered_at: int
    parents: tuple[bytes, ...] = ()
    restricted: bool = False
    state: ArtifactState = ArtifactState.ACTIVE
    superseded_by: bytes | None = None
    certified: bool = False
    """A vote stands behind this release."""


@dataclass(frozen=True, kw_only=True)
class AccessEntry:
    """One member's access to a restricted dataset."""

    account: Address
    access: Access
    encryption_key: bytes
    purpose: str
    wrapped_key: bytes
    """The content key, sealed; empty before a grant."""
    changed_at: int


@dataclass(frozen=True, kw_only=True)
class SpecParams:
    """The numbers of a run spec that the chain bounds; nodes refuse a spec whose contents differ from them."""

    inner_steps: int
    learning_rate_millionths: int
    batch_size: int
    outer_alpha_bps: int
    min_updates: int
    reward_per_round: int
    """In wei."""
    trainers_bps: int
    aggregation_rule: int
    """Id of a rule of `federation.aggregate`."""


@dataclass(frozen=True, kw_only=True)
class ParamBounds:
    """Least and most of each number, both included."""

    least: SpecParams
    most: SpecParams


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """What a curator fixes when a run is created; votes change some of it later."""

    name: str
    spec_cid: Cid
    spec_params: SpecParams
    """What the chain bounds of the spec."""
    genesis_cid: Cid
    dataset_digest: bytes
    reward_cap: int
    """Largest reward of one round, in wei of the reward token."""
    quorum: int
    """How many evaluators must co-sign a round."""
    dispute_window_seconds: int
    vested_bps: int = 0
    """Part of every reward that vests over time."""
    vesting_seconds: int = 0
    """How long that part takes."""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run as the chain has it now."""

    run_id: int
    params: RunParams
    """As it was created."""
    spec_version: int
    spec_cid: Cid
    spec_params: SpecParams
    dataset_digest: bytes
    """The dataset in force."""
    quorum: int
    reward_cap: int
    head_round: int
    """The newest round that counts; 0 before the first."""
    last_round: int
    """The newest number given out, voided rounds included."""
    head_cid: Cid
    """The checkpoint that the next round starts from; the genesis checkpoint before the first round."""
    head_known: bool = True
    """False between a void and `restore_head`."""
    disputed_round: int = 0
    """0 for none."""
    paused_until: int = 0
    """Unix time; in the past when not paused."""

    @property
    def next_round(self) -> int:
        """The number of the next round; no number is given out twice."""
        return self.last_round + 1


@dataclass(frozen=True, kw_only=True)
class RoundCommit:
    """What the evaluators co-sign and one transaction commits."""

    run_id: int
    round: int
    spec_digest: bytes
    dataset_digest: bytes
    parent_digest: bytes
    checkpoint_cid: Cid
    contributions_root: bytes
    record_cid: Cid
    num_clients: int
    reward: int
    """Sum of this round's rewards, in wei."""
    heldout_loss_micro: int
    """Held-out loss of the committed checkpoint, in millionths."""


@dataclass(frozen=True, kw_only=True)
class RoundData:
    """What a round's seal on chain is made of."""

    contributions_root: bytes
    checkpoint_digest: bytes
    parent_digest: bytes
    cumulative_reward: int
    """Of this and all earlier rounds that count, in wei."""
    reward: int


@dataclass(frozen=True, kw_only=True)
class RoundState:
    """A committed round, from its event, and where it stands now."""

    commit: RoundCommit
    parent_round: int
    """The round that counted as newest when this one was committed; 0 for none."""
    cumulative_reward: int
    committed_at: int
    block_number: int
    tx_hash: bytes
    status: RoundStatus

    @property
    def final(self) -> bool:
        """Whether its rewards can be claimed and its merit counted."""
        return self.status == RoundStatus.FINAL


@dataclass(frozen=True, kw_only=True)
class ContributionLeaf:
    """One member's line of a round's contributions tree. A member who ever earned in the run keeps a line."""

    run_id: int
    round: int
    member_id: int
    account: Address
    samples: int
    steps: int
    score: int
    """Micro-units of held-out gain for trainers; basis points of agreement for evaluators."""
    update_digest: bytes
    """32 zero bytes for who sent no update this round."""
    reward: int
    cumulative_reward: int


@dataclass(frozen=True, kw_only=True)
class MeritLeaf:
    """One member's line of a merit epoch's tree."""

    epoch: int
    member_id: int
    account: Address
    merit: int
    weight: int
    """Voting weight: the square root of merit."""


@dataclass(frozen=True, kw_only=True)
class EpochCommit:
    """A merit epoch, co-signed by evaluators."""

    epoch: int
    run_id: int
    upto_round: int
    root: bytes
    total_weight: int
    max_weight: int
    count: int
    tree_cid: Cid


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a trainer signs over its update. The CID is opened to all at the round's deadline."""

    run_id: int
    round: int
    account: Address
    spec_digest: bytes
    base_digest: bytes
    update_digest: bytes
    num_samples: int
    num_steps: int
    start_loss_micro: int
    end_loss_micro: int


@dataclass(frozen=True, kw_only=True)
class SheetStatement:
    """What an evaluator signs over its score sheet."""

    run_id: int
    round: int
    account: Address
    sheet_digest: bytes
    """sha256 of the sheet's canonical JSON."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call that a proposal makes when executed."""

    target: Address
    calldata: bytes
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class GovernorRules:
    """The numbers of votes; IGovernorRules.Rules."""

    voting_delay_seconds: int
    voting_period_seconds: int
    quorum_bps: int
    """Share of all weight that must be for a standard proposal, in basis points."""
    constitutional_quorum_bps: int
    majority_bps: int
    """Share of the weight for or against that must be for a constitutional proposal."""
    heads_quorum_bps: int
    """Share of the epoch's members that must be for a constitutional proposal."""
    veto_bps: int
    """Share of all weight that, against, stops a routine proposal."""
    routine_sponsors: int
    """Members that sign, the proposer included."""
    standard_sponsors: int
    constitutional_sponsors: int


@dataclass(frozen=True, kw_only=True)
class MeritBounds:
    """What a merit epoch must keep to; IMeritEpochs.Bounds."""

    max_share_bps: int
    """Largest share of all weight of one member; twice an equal share where so few cannot keep it."""
    max_growth_bps: int
    """The sum of all weights, as a share of the last epoch's."""


@dataclass(frozen=True, kw_only=True)
class CharterState:
    """The charter in force."""

    cid: Cid
    num_articles: int
    version: int


@dataclass(frozen=True, kw_only=True)
class GuardianState:
    """Who may cancel a proposal or pause a run, once."""

    account: Address
    ends_at: int
    """Unix time in seconds at which its term ends by itself."""
    armed: bool
    """Whether its one right is unused."""


@dataclass(frozen=True, kw_only=True)
class ProposalStatement:
    """What a proposer and its sponsors sign; a relayer pays."""

    proposer: Address
    proposal_id: int
    deadline: int


@dataclass(frozen=True, kw_only=True)
class Sponsor:
    """A member's signature under a proposal; the proposer's is one of them."""

    account: Address
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """A ballot as its voter signs it; `params` carries the weight and its proof."""

    proposal_id: int
    support: Support
    voter: Address
    reason: str
    params: bytes


@dataclass(frozen=True, kw_only=True)
class Hurdles:
    """What a proposal must reach; 0 where its kind asks for nothing of the sort."""

    for_weight: int
    for_heads: int
    majority_bps: int
    """Share of the weight for or against that must be for; 0: more for than against."""
    veto_weight: int
    """Weight against that stops it."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Ballots counted so far, by weight and by heads."""

    weight_for: int = 0
    weight_against: int = 0
    weight_abstain: int = 0
    heads_for: int = 0
    heads_against: int = 0
    heads_abstain: int = 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A proposal with its tally."""

    proposal_id: int
    kind: ProposalKind
    proposer: Address
    sponsors: tuple[Address, ...]
    """Who else signed it, ascending."""
    actions: tuple[Action, ...]
    description: str
    state: ProposalState
    vote_start: int
    vote_end: int
    extended: bool
    """Its outcome turned late; `vote_end` has moved."""
    eta: int
    """Unix time from which it can be executed; 0 while not queued."""
    tally: Tally
    hurdles: Hurdles


@dataclass(frozen=True, kw_only=True)
class ShardEntry:
    """One shard of a dataset manifest."""

    cid: Cid
    split: str
    """"train" or "heldout" or "score"."""
    num_clips: int
    num_bytes: int

    def __post_init__(self) -> None:
        for text in (self.cid, self.split):
            _text(text)
        for number in (self.num_clips, self.num_bytes):
            _count(number)


@dataclass(frozen=True, kw_only=True)
class DatasetManifest:
    """A dataset: its licence, its attribution and its shards by CID."""

    name: str
    licence: str
    attribution: str
    clip_shape: tuple[int, int, int]
    """Frames, height, width."""
    shards: tuple[ShardEntry, ...] = field(default=())
    encryption: str = ""
    """How the shards of a restricted dataset are sealed; empty for an open one."""

    def to_bytes(self) -> bytes:
        """Canonical JSON; its CID names the dataset."""
        fields = {**vars(self), "clip_shape": list(self.clip_shape), "shards": [vars(s) for s in self.shards]}
        if not self.encryption:
            del fields["encryption"]
        return canonical_json({**fields, "version": 1})

    @classmethod
    def from_bytes(cls, data: bytes) -> DatasetManifest:
        """Raises ValueError naming the field when `data` is no manifest."""
        try:
            raw = json.loads(data)
            shards = tuple(ShardEntry(**s) for s in raw["shards"])
            fields = {k: _text(raw[k]) for k in ("name", "licence", "attribution")}
            frames, height, width = map(_count, raw["clip_shape"])
            encryption = _text(raw.get("encryption", ""))
            if raw["version"] != 1:
                raise ValueError(f"expected version 1, got {raw['version']!r}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"expected a dataset manifest, got {data[:60]!r}...: {error!r}") from error
        return cls(**fields, clip_shape=(frames, height, width), shards=shards, encryption=encryption)


def shards_of(manifest: DatasetManifest, split: str) -> Sequence[ShardEntry]:
    """The shards of one split, in the manifest's order."""
    return [s for s in manifest.shards if s.split == split]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a number of at least 0, got {value!r}")
    return value
