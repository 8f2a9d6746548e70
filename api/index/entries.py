"""What the index knows of each thing on chain, and all of it together: plain, frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.incidents import Case
from node.records.artifacts import AccessEntry, Artifact, ArtifactState
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import Member
from node.records.merit import EpochCommit
from node.records.rounds import RoundCommit
from node.records.runs import RunParams, RunState


@dataclass(frozen=True, kw_only=True)
class RecoveryEntry:
    """A member's recovery account and move, as the events tell them."""

    current: Address | None = None
    next: Address | None = None
    """In force from `next_from` on, in place of `current`; None with a `next_from`: none then."""
    next_from: int = 0
    """Unix time; 0: no change is under way."""
    moving_to: Address | None = None
    acceptable_from: int = 0
    """Unix time from which `moving_to` can take the membership over."""

    def in_force(self, now: int) -> Address | None:
        """Who can start a move at a Unix time."""
        return self.next if self.next_from and now >= self.next_from else self.current


@dataclass(frozen=True, kw_only=True)
class SpecVersion:
    """A run spec that came into force."""

    version: int
    cid: Cid
    from_round: int
    changed_at: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class RoundEntry:
    """A committed round, with the spec in force when it was committed."""

    commit: RoundCommit
    parent_round: int
    """The round that counted as newest then; 0 for none."""
    committed_at: int
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class FailureEntry:
    """An attempt at a round that failed; the head stayed."""

    round: int
    record_cid: Cid
    reason: str
    failed_at: int
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """A run with all that happened in it."""

    run_id: int
    curator: Address
    created_at: int
    specs: tuple[SpecVersion, ...]
    """By version, from 1."""
    rounds: Mapping[int, RoundEntry]
    failures: tuple[FailureEntry, ...]
    claimed: Mapping[int, int]
    """By member id, so far, in wei."""
    funded: int
    """Ever put into the budget, in wei."""
    state: RunState | None = None
    """Head, spec, dataset and rules as they are now; None until the run's first spec is logged, beside its creation."""
    voided: frozenset[int] = frozenset()
    """Rounds that count no more."""

    @property
    def now(self) -> RunState:
        """The run as it is; every run that pages see has one."""
        assert self.state is not None, f"run {self.run_id} was opened without a spec"
        return self.state

    @property
    def params(self) -> RunParams:
        """As it was created."""
        return self.now.params

    @property
    def head_round(self) -> int:
        """The newest round that counts; 0 before the first."""
        return self.now.head_round

    @property
    def head_cid(self) -> Cid:
        """The checkpoint that the next round starts from."""
        return self.now.head_cid

    @property
    def counted(self) -> list[RoundEntry]:
        """Rounds that count, in order."""
        return [self.rounds[number] for number in sorted(self.rounds) if number not in self.voided]


@dataclass(frozen=True, kw_only=True)
class ArtifactEntry:
    """A registered artifact and what it was made from."""

    artifact: Artifact
    """Its state is never frozen here: a freeze ends by itself, see `state_at`."""
    parents: tuple[bytes, ...]
    tx_hash: bytes
    frozen_until: int = 0
    report_cid: Cid | None = None
    """Why it was taken down."""
    descendants: tuple[bytes, ...] = ()
    """What the registry knew to be made from it when it was taken down."""
    accesses: tuple[AccessEntry, ...] = ()

    def state_at(self, now: int) -> ArtifactState:
        """What it may be used for at a Unix time."""
        frozen = self.artifact.state != ArtifactState.TAKEN_DOWN and now < self.frozen_until
        return ArtifactState.FROZEN if frozen else self.artifact.state


@dataclass(frozen=True, kw_only=True)
class EpochEntry:
    """A merit epoch."""

    commit: EpochCommit
    committed_at: int
    final_at: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class CharterEntry:
    """A version of the charter."""

    cid: Cid
    num_articles: int
    version: int
    set_at: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class VoteEntry:
    """A ballot that was counted."""

    voter: Address
    support: int
    weight: int
    reason: str
    cast_at: int
    tx_hash: bytes


@dataclass(frozen=True, kw_only=True)
class ProposalEntry:
    """A proposal and the ballots on it; its state depends on the time and is asked of the chain."""

    proposal_id: int
    proposer: Address
    description: str
    created_at: int
    vote_start: int
    vote_end: int
    tx_hash: bytes
    sponsors: tuple[Address, ...] = ()
    """Who signed it besides the proposer."""
    votes: tuple[VoteEntry, ...] = ()
    queued_at: int | None = None
    executed_at: int | None = None
    canceled_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class History:
    """Everything that happened up to one block."""

    members: Mapping[int, Member]
    """By member id."""
    accounts: Mapping[str, Member]
    """By account, those left behind included."""
    recoveries: Mapping[int, RecoveryEntry]
    """By member id; none for who named no recovery account ever."""
    artifacts: Mapping[bytes, ArtifactEntry]
    """By digest."""
    runs: Mapping[int, RunEntry]
    cases: Mapping[int, Case]
    """Incidents, by case id."""
    epochs: Mapping[int, EpochEntry]
    proposals: Mapping[int, ProposalEntry]
    charters: tuple[CharterEntry, ...]
    """By version, from 1."""
    num_events: int

    def member_of(self, account: str) -> Member | None:
        """The member behind an account."""
        return self.accounts.get(account)

    def names_cid(self, cid: Cid) -> bool:
        """Whether the chain itself names this content."""
        return (
            any(cid in _cids_of(run) for run in self.runs.values())
            or any(cid in (entry.artifact.cid, entry.report_cid) for entry in self.artifacts.values())
            or any(cid in (case.evidence_cid, case.post_mortem_cid) for case in self.cases.values())
            or any(cid == entry.commit.tree_cid for entry in self.epochs.values())
            or any(cid == entry.cid for entry in self.charters)
        )


def _cids_of(run: RunEntry) -> set[Cid]:
    commits = [entry.commit for entry in run.rounds.values()]
    return {
        run.params.genesis_cid,
        run.head_cid,
        *(spec.cid for spec in run.specs),
        *(commit.checkpoint_cid for commit in commits),
        *(commit.record_cid for commit in commits),
        *(failure.record_cid for failure in run.failures),
    }
