"""The two ports of a node, in domain words. Each has a real adapter, a local twin and one conformance suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from node.incidents import Bond, Case, IncidentSettings, Target
from node.records.artifacts import AccessEntry, Artifact, Registration
from node.records.chain import Address, Block, Domain, Event
from node.records.content import Cid
from node.records.governance import CharterState, GovernorRules, GuardianState
from node.records.members import JoinRequest, Member, Recovery
from node.records.merit import EpochCommit, MeritBounds
from node.records.proposals import Action, Ballot, Proposal, ProposalKind, ProposalStatement, Sponsor
from node.records.rounds import ContributionLeaf, RoundCommit, RoundState
from node.records.runs import ParamBounds, RunParams, RunState, SpecParams
from node.signed_requests import MemberRequest


class ContentStore(Protocol):
    """Immutable bytes by CID. Every byte that comes out was hashed on our side."""

    def put(self, data: bytes) -> Cid:
        """Add and pin. Raises DaemonUnavailable."""
        ...

    def get(self, cid: Cid, *, timeout_seconds: float = 60.0, max_bytes: int | None = None) -> bytes:
        """Raises ContentUnavailable after the timeout, ContentCorrupt when the bytes are not the CID's, ValueError
        when there are more than `max_bytes`."""
        ...

    def pin(self, cid: Cid) -> None:
        """Keep it (and fetch what is missing)."""
        ...

    def unpin(self, cid: Cid) -> None:
        """Let garbage collection take it; unknown pins are no error."""
        ...

    def peer_address(self) -> str:
        """A multiaddr with /p2p/ at which other nodes reach this one."""
        ...

    def connect(self, multiaddr: str) -> None:
        """Open a connection to another node. Raises DaemonUnavailable."""
        ...


class Ledger(Protocol):
    """The chain. Reads are of the latest block; writes return after the transaction is mined.

    A rule that says no raises LedgerRefused with the contract's error name (twins: the same names), a chain that does
    not answer raises DaemonUnavailable.
    """

    # identity of the chain
    def chain_id(self) -> int: ...
    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of MemberRegistry, ArtifactRegistry, TrainingRuns, MeritEpochs or TenWingsGovernor."""
        ...

    def latest_block(self) -> Block: ...
    def block_at(self, number: int) -> Block: ...
    def events(self, from_block: int, to_block: int | None = None) -> Sequence[Event]:
        """All our contracts' events of these blocks, in order."""
        ...

    # what members sign
    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        """Bring a member's signed request to its contract. Returns the transaction hash."""
        ...

    def nonce(self, contract: str, account: Address) -> int:
        """The number that the account's next request to this contract must carry."""
        ...

    # members
    def join(self, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        """Returns the member id."""
        ...

    def members(self) -> Sequence[Member]: ...
    def member(self, account: Address) -> Member | None:
        """By present account: who moved is not found by the account that was left behind."""
        ...

    def recovery(self, member_id: int) -> Recovery: ...
    def recovery_delay(self) -> int:
        """How long a member can stop a move of its account, in seconds."""
        ...

    # artifacts
    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        """Returns the digest."""
        ...

    def artifact(self, digest: bytes) -> Artifact | None: ...
    def artifacts(self) -> Sequence[Artifact]:
        """All, in order of registration."""
        ...

    def owner_of(self, digest: bytes) -> Address:
        """Who may supersede, withdraw and grant: the present account of who registered it."""
        ...

    def accesses(self, digest: bytes) -> Sequence[AccessEntry]:
        """Requests for a restricted dataset and grants of it, in order of account."""
        ...

    # runs and rounds
    def create_run(self, params: RunParams) -> int: ...
    def num_runs(self) -> int: ...
    def run(self, run_id: int) -> RunState:
        """Raises LedgerRefused("UnknownRun")."""
        ...

    def commit_round(self, commit: RoundCommit, signatures: Sequence[bytes]) -> bytes:
        """Signatures in ascending order of their signers. Returns the transaction hash."""
        ...

    def close_failed(self, run_id: int, round_number: int, record_cid: Cid, reason: str) -> bytes:
        """Tell the chain that this attempt failed; the head stays. `reason` is at most 32 ASCII characters."""
        ...

    def round(self, run_id: int, round_number: int) -> RoundState | None: ...
    def rounds(self, run_id: int) -> Sequence[RoundState]:
        """All committed rounds in order of number, voided ones included. Raises LedgerRefused("UnknownRun")."""
        ...

    def restore_head(self, run_id: int) -> bytes:
        """Bring the head back after a void. Raises LedgerRefused("HeadKnown") when it is known."""
        ...

    # rewards; all but the first raise NoRewards in a network without a token
    def pays_rewards(self) -> bool: ...
    def fund(self, run_id: int, amount: int) -> bytes: ...
    def funded(self, run_id: int) -> int: ...
    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        """Returns the amount in wei, what is locked of it included. It goes to the leaf's member, to its present
        account."""
        ...

    def claim_for(self, claims: Sequence[tuple[ContributionLeaf, Sequence[bytes]]]) -> int:
        """Leaves of one round with their proofs, in one transaction; who had it all before is passed over. Returns the
        wei in all."""
        ...

    def release(self, run_id: int, member_id: int) -> int:
        """Pay what has vested of a member's locked reward; returns it in wei. Raises LedgerRefused("NothingVested")."""
        ...

    def claimed(self, run_id: int, member_id: int) -> int: ...
    def locked(self, run_id: int, member_id: int) -> int:
        """What of a member's claims is locked, or vested and not released, in wei."""
        ...

    def reward_balance(self, account: Address) -> int: ...

    # incidents
    def cases(self) -> Sequence[Case]:
        """All, by id."""
        ...

    def contain(self, case_id: int, target: Target, until: int) -> bytes:
        """As a responder, stop what the case is about up to a Unix time."""
        ...

    def lapse_case(self, case_id: int) -> bytes:
        """End a case past its deadline; anyone may."""
        ...

    def close_case(self, case_id: int, post_mortem_cid: Cid) -> bytes: ...
    def bond(self, member_id: int) -> Bond: ...
    def deposit_bond(self, member_id: int, amount: int) -> bytes:
        """Pay for a member's bond, in wei."""
        ...

    def withdraw_bond(self, member_id: int) -> bytes:
        """Have paid out what the delay is over for; anyone may."""
        ...

    def incident_settings(self) -> IncidentSettings: ...

    # merit
    def commit_epoch(self, commit: EpochCommit, signatures: Sequence[bytes]) -> bytes: ...
    def epoch(self, number: int) -> EpochCommit | None: ...
    def final_epoch(self, timepoint: int | None = None) -> int:
        """Number of the newest epoch that is final at `timepoint` (default: now); 0 when none is."""
        ...

    def merit_bounds(self) -> MeritBounds:
        """What the next epoch must keep to."""
        ...

    # governance
    def spec_bounds(self) -> ParamBounds:
        """What a vote may set in a spec."""
        ...

    def action(self, contract: str, function: str, *args: Any) -> Action:
        """One call of a contract of ours, as a proposal makes it."""
        ...

    def set_spec_action(self, run_id: int, spec_cid: Cid, params: SpecParams | None = None) -> Action:
        """`params`: the spec's numbers that the chain bounds; None declares those in force."""
        ...

    def describe_action(self, action: Action) -> Mapping[str, Any]:
        """{"contract", "function", "args"}; contract "unknown" when it is none of ours."""
        ...

    def addresses(self) -> Mapping[str, Address]:
        """Our contracts, by name."""
        ...

    def code_hash(self, address: Address) -> bytes:
        """keccak256 of the code at an address; 32 zero bytes where there is none."""
        ...

    def rules(self) -> GovernorRules:
        """The rules of votes that start now."""
        ...

    def charter(self) -> CharterState: ...
    def guardian(self) -> GuardianState | None:
        """None where there is none."""
        ...

    def kind_of(self, actions: Sequence[Action]) -> ProposalKind:
        """The highest kind of these calls."""
        ...

    def proposal_id(self, actions: Sequence[Action], description: str) -> int:
        """Follows from the actions, the description, the kind of the calls and the code of their targets."""
        ...

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        """Sponsors in ascending order of their accounts, the proposer among them. Returns the proposal id."""
        ...

    def cast_ballot(self, ballot: Ballot, signature: bytes) -> int:
        """Returns the weight counted."""
        ...

    def cast_ballots(self, ballots: Sequence[tuple[Ballot, bytes]]) -> int:
        """Many in one transaction; one that is refused leaves the others alone. Returns how many counted."""
        ...

    def cancel(self, proposal_id: int) -> bytes:
        """As its proposer while it is pending."""
        ...

    def cancel_as_guardian(self, proposal_id: int) -> bytes:
        """Until it is executed; the guardian's one right."""
        ...

    def pause_as_guardian(self, run_id: int, until: int) -> bytes:
        """Refuse a run's commits until then (Unix seconds), at most seven days; the guardian's one right."""
        ...

    def proposal(self, proposal_id: int) -> Proposal:
        """Raises LedgerRefused("GovernorNonexistentProposal")."""
        ...

    def proposals(self) -> Sequence[Proposal]: ...
    def queue(self, proposal_id: int) -> bytes: ...
    def execute(self, proposal_id: int) -> bytes: ...
