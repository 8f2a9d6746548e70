"""The ledger port over the in-memory contracts."""

from __future__ import annotations

import copy
import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from node import governance
from node.access_log import accesses_of
from node.chain_records import data_of
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.incidents import Bond, Case, IncidentSettings, Target, cases_of
from node.local_ledger.contracts import Contracts
from node.local_ledger.journal import Entry, Journal
from node.local_ledger.world import Clock, Tx, World, wall_clock
from node.records.artifacts import AccessEntry, Artifact, Registration
from node.records.chain import Address, Block, Domain, Event
from node.records.content import Cid
from node.records.governance import CharterState, GovernorRules, GuardianState
from node.records.members import JoinRequest, Member, Recovery
from node.records.merit import EpochCommit, MeritBounds
from node.records.proposals import Action, Ballot, Proposal, ProposalKind, ProposalStatement, Sponsor
from node.records.rounds import ContributionLeaf, RoundCommit, RoundData, RoundState
from node.records.runs import ParamBounds, RunParams, RunState, SpecParams
from node.signed_requests import MemberRequest

DEFAULT_CHAIN_ID = 31337

T = TypeVar("T")


class _Chain:
    """What all views of one local chain share."""

    def __init__(self, settings: DeploySettings, world: World, journal: Journal | None) -> None:
        self.settings = settings
        self.world = world
        self.journal = journal
        self.lock = threading.RLock()
        self.contracts = Contracts(world, settings)
        world.transact(settings.operator, b"deployment", lambda tx: self.contracts.announce(tx, settings))


class LocalLedger:
    """An in-memory twin of the chain: same rules, error names, signatures and events; no daemon.

    Reads and writes are safe from several threads. Writes are sent by `sender`; `acting_as` gives the same chain to
    another account. Contract wallets (ERC-1271) and events of roles at deployment do not exist here.
    """

    def __init__(
        self,
        settings: DeploySettings,
        *,
        clock: Clock = wall_clock,
        chain_id: int = DEFAULT_CHAIN_ID,
        journal: Path | None = None,
    ) -> None:
        """A new chain whose sender is the operator. Raises ConfigError when the journal's file exists or cannot be
        written."""
        start = clock()
        world = World(chain_id=chain_id, clock=lambda: start)
        book = None if journal is None else Journal(journal)
        if book is not None:
            book.start(settings, chain_id, start)
        self._chain = _Chain(settings, world, book)
        self.sender = settings.operator
        world.clock = clock

    @classmethod
    def open(cls, journal: Path, *, clock: Clock = wall_clock) -> LocalLedger:
        """The chain that a journal holds, to be continued. Raises ConfigError when the file is no journal,
        LedgerRefused when it does not keep the rules."""
        settings, chain_id, at, entries = Journal(journal).read()
        ledger = cls(settings, clock=lambda: at, chain_id=chain_id)
        for entry in entries:
            ledger._replay(entry)
        ledger._chain.world.clock = clock
        ledger._chain.journal = Journal(journal)
        return ledger

    def acting_as(self, sender: Address) -> LocalLedger:
        """The same chain, with writes sent by `sender`."""
        view = copy.copy(self)
        view.sender = sender
        return view

    def mine(self) -> Block:
        """Append an empty block."""
        with self._chain.lock:
            block = self._chain.world.mine()
            self._note("mine", ())
            return block

    # identity of the chain

    def chain_id(self) -> int:
        return self._chain.world.chain_id

    def domain(self, contract: str) -> Domain:
        return self._chain.world.domain(contract)

    def addresses(self) -> Mapping[str, Address]:
        """By contract name."""
        return dict(self._chain.world.addresses)

    def latest_block(self) -> Block:
        """The chain breathes: when the clock has moved since the last block, an empty one is appended first."""
        with self._chain.lock:
            world = self._chain.world
            return self.mine() if world.now() > world.blocks[-1].timestamp else world.blocks[-1]

    def block_at(self, number: int) -> Block:
        """Raises ValueError when there is no such block yet."""
        blocks = self._chain.world.blocks
        if not 0 <= number < len(blocks):
            raise ValueError(f"expected a block number from 0 to {len(blocks) - 1}, got {number}")
        return blocks[number]

    def events(self, from_block: int, to_block: int | None = None) -> Sequence[Event]:
        with self._chain.lock:
            events = self._chain.world.events
            start = bisect_left(events, from_block, key=lambda e: e.block_number)
            if to_block is None:
                return tuple(events[start:])
            return tuple(events[start : bisect_left(events, to_block + 1, key=lambda e: e.block_number)])

    # what members sign

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        args = (request, signature)
        return self._write("submit", args, lambda tx: self._contracts.takes()[type(request)](tx, *args))[1]

    def nonce(self, contract: str, account: Address) -> int:
        return self._contracts.nonce(contract, account)

    # members

    def join(self, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        args = (request, member_signature, voucher_signature)
        return self._write("join", args, lambda tx: self._contracts.members.join(tx, *args))[0]

    def members(self) -> Sequence[Member]:
        return self._contracts.members.all()

    def member(self, account: Address) -> Member | None:
        return self._contracts.members.get(account)

    def recovery(self, member_id: int) -> Recovery:
        return self._contracts.members.recoveries.get(member_id, self._chain.world.now())

    def recovery_delay(self) -> int:
        return self._contracts.members.recoveries.delay_seconds

    # artifacts

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        args = (registration, signature)
        return self._write("register_artifact", args, lambda tx: self._contracts.artifacts.register(tx, *args))[0]

    def artifact(self, digest: bytes) -> Artifact | None:
        return self._contracts.artifacts.get(digest)

    def artifacts(self) -> Sequence[Artifact]:
        return self._contracts.artifacts.all()

    def owner_of(self, digest: bytes) -> Address:
        return self._contracts.artifacts.owner_of(digest)

    def accesses(self, digest: bytes) -> Sequence[AccessEntry]:
        return accesses_of(self.events(0), digest)

    # runs and rounds

    def create_run(self, params: RunParams) -> int:
        return self._write("create_run", (params,), lambda tx: self._contracts.runs.create_run(tx, params))[0]

    def num_runs(self) -> int:
        return self._contracts.runs.count()

    def run(self, run_id: int) -> RunState:
        return self._contracts.runs.run(run_id)

    def commit_round(self, commit: RoundCommit, signatures: Sequence[bytes]) -> bytes:
        args = (commit, tuple(signatures))
        return self._write("commit_round", args, lambda tx: self._contracts.runs.commit_round(tx, *args))[1]

    def close_failed(self, run_id: int, round_number: int, record_cid: Cid, reason: str) -> bytes:
        word = governance.reason_word(reason)
        return self._write(
            "close_failed",
            (run_id, round_number, record_cid, reason),
            lambda tx: self._contracts.runs.close_failed(tx, run_id, round_number, record_cid, word),
        )[1]

    def round(self, run_id: int, round_number: int) -> RoundState | None:
        with self._chain.lock:
            return self._contracts.runs.round(run_id, round_number)

    def rounds(self, run_id: int) -> Sequence[RoundState]:
        with self._chain.lock:
            return self._contracts.runs.rounds(run_id)

    def restore_head(self, run_id: int) -> bytes:
        run = self._contracts.runs
        first = run.lost_at(run_id)
        state = run.round(run_id, first) if first else None
        if state is None:
            raise LedgerRefused("HeadKnown", {"runId": run_id})
        data = data_of(state)
        return self._write("restore_head", (run_id,), lambda tx: run.restore_head(tx, run_id, data))[1]

    # rewards

    def pays_rewards(self) -> bool:
        return self._contracts.pays_rewards

    def fund(self, run_id: int, amount: int) -> bytes:
        args = (run_id, amount)
        return self._write("fund", args, lambda tx: self._contracts.vault.fund(tx, *args))[1]

    def funded(self, run_id: int) -> int:
        return self._contracts.vault.funded(run_id)

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        vault, state = self._contracts.vault, self.round(leaf.run_id, leaf.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": leaf.run_id, "round": leaf.round})
        data, path = data_of(state), tuple(proof)
        return self._write("claim", (leaf, path), lambda tx: vault.claim(tx, leaf, data, path))[0]

    def claim_for(self, claims: Sequence[tuple[ContributionLeaf, Sequence[bytes]]]) -> int:
        first = claims[0][0]
        state = self.round(first.run_id, first.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": first.run_id, "round": first.round})
        args = (tuple((leaf, tuple(proof)) for leaf, proof in claims),)
        return self._write("claim_for", args, lambda tx: self._claim_for(tx, args[0], data_of(state)))[0]

    def _claim_for(self, tx: Tx, claims: Sequence[tuple[ContributionLeaf, Sequence[bytes]]], data: RoundData) -> int:
        """All or none: made on a copy, which takes over when it succeeded."""
        trial = copy.deepcopy(self._contracts)
        leaves, proofs = [leaf for leaf, _ in claims], [proof for _, proof in claims]
        paid = trial.vault.claim_for(tx, leaves, data, proofs)
        self._chain.contracts = trial
        return paid

    def release(self, run_id: int, member_id: int) -> int:
        args = (run_id, member_id)
        return self._write("release", args, lambda tx: self._contracts.vault.release(tx, *args))[0]

    def claimed(self, run_id: int, member_id: int) -> int:
        return self._contracts.vault.claimed(run_id, member_id)

    def locked(self, run_id: int, member_id: int) -> int:
        return self._contracts.vault.locked(run_id, member_id)

    def reward_balance(self, account: Address) -> int:
        return self._contracts.token.balance_of(account)

    # incidents

    def cases(self) -> Sequence[Case]:
        return tuple(cases_of(self.events(0)).values())

    def contain(self, case_id: int, target: Target, until: int) -> bytes:
        args = (case_id, target, until)
        return self._write("contain", args, lambda tx: self._contracts.incidents.contain(tx, *args))[1]

    def lapse_case(self, case_id: int) -> bytes:
        return self._write("lapse_case", (case_id,), lambda tx: self._contracts.incidents.lapse(tx, case_id))[1]

    def close_case(self, case_id: int, post_mortem_cid: Cid) -> bytes:
        args = (case_id, post_mortem_cid)
        return self._write("close_case", args, lambda tx: self._contracts.incidents.close(tx, *args))[1]

    def bond(self, member_id: int) -> Bond:
        return self._contracts.incidents.bonds.of(member_id)

    def incident_settings(self) -> IncidentSettings:
        return self._contracts.incidents.settings_in_force()

    def deposit_bond(self, member_id: int, amount: int) -> bytes:
        args = (member_id, amount)
        return self._write("deposit_bond", args, lambda tx: self._contracts.incidents.bonds.deposit(tx, *args))[1]

    def withdraw_bond(self, member_id: int) -> bytes:
        args = (member_id,)
        return self._write("withdraw_bond", args, lambda tx: self._contracts.incidents.bonds.withdraw(tx, *args))[1]

    # merit

    def commit_epoch(self, commit: EpochCommit, signatures: Sequence[bytes]) -> bytes:
        args = (commit, tuple(signatures))
        return self._write("commit_epoch", args, lambda tx: self._contracts.epochs.commit_epoch(tx, *args))[1]

    def epoch(self, number: int) -> EpochCommit | None:
        return self._contracts.epochs.get(number)

    def final_epoch(self, timepoint: int | None = None) -> int:
        now = self._chain.world.now()
        return self._contracts.epochs.final_at(now if timepoint is None else timepoint)

    def merit_bounds(self) -> MeritBounds:
        return self._contracts.epochs.bounds

    # governance

    def spec_bounds(self) -> ParamBounds:
        return self._contracts.runs.bounds

    def action(self, contract: str, function: str, *args: Any) -> Action:
        return governance.action(self._chain.world.addresses, contract, function, *args)

    def set_spec_action(self, run_id: int, spec_cid: Cid, params: SpecParams | None = None) -> Action:
        chosen = params or self.run(run_id).spec_params
        return governance.set_spec(self._chain.world.addresses["TrainingRuns"], run_id, spec_cid, chosen)

    def describe_action(self, action: Action) -> Mapping[str, Any]:
        return governance.describe_action(self._chain.world.addresses, action)

    def code_hash(self, address: Address) -> bytes:
        return self._contracts.governor.kinds.code_hash(address)

    def rules(self) -> GovernorRules:
        return self._contracts.governor.rules()

    def charter(self) -> CharterState:
        return self._contracts.charter.state

    def guardian(self) -> GuardianState | None:
        return self._contracts.guardian.state

    def kind_of(self, actions: Sequence[Action]) -> ProposalKind:
        return self._contracts.governor.kinds.kind_of(actions)

    def proposal_id(self, actions: Sequence[Action], description: str) -> int:
        return self._contracts.governor.kinds.proposal_id(actions, description)

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        args = (statement, tuple(actions), description, tuple(sponsors))
        return self._write("propose", args, lambda tx: self._contracts.governor.propose(tx, *args))[0]

    def cast_ballot(self, ballot: Ballot, signature: bytes) -> int:
        args = (ballot, signature)
        return self._write("cast_ballot", args, lambda tx: self._contracts.governor.cast_ballot(tx, *args))[0]

    def cast_ballots(self, ballots: Sequence[tuple[Ballot, bytes]]) -> int:
        args = (tuple(ballots),)
        return self._write("cast_ballots", args, lambda tx: self._contracts.governor.cast_ballots(tx, *args))[0]

    def cancel(self, proposal_id: int) -> bytes:
        return self._write("cancel", (proposal_id,), lambda tx: self._contracts.governor.cancel(tx, proposal_id))[1]

    def cancel_as_guardian(self, proposal_id: int) -> bytes:
        args = (proposal_id,)
        return self._write("cancel_as_guardian", args, lambda tx: self._contracts.guardian.cancel(tx, *args))[1]

    def pause_as_guardian(self, run_id: int, until: int) -> bytes:
        args = (run_id, until)
        return self._write("pause_as_guardian", args, lambda tx: self._contracts.guardian.pause(tx, *args))[1]

    def proposal(self, proposal_id: int) -> Proposal:
        return self._contracts.governor.get(proposal_id)

    def proposals(self) -> Sequence[Proposal]:
        with self._chain.lock:
            return self._contracts.governor.all()

    def queue(self, proposal_id: int) -> bytes:
        return self._write("queue", (proposal_id,), lambda tx: self._contracts.governor.queue(tx, proposal_id))[1]

    def execute(self, proposal_id: int) -> bytes:
        return self._write("execute", (proposal_id,), lambda tx: self._execute(tx, proposal_id))[1]

    # inside

    @property
    def _contracts(self) -> Contracts:
        return self._chain.contracts

    def _execute(self, tx: Tx, proposal_id: int) -> None:
        """A proposal's calls hold all or none: they are made on a copy, which takes over when all succeeded."""
        trial = copy.deepcopy(self._contracts)
        trial.governor.execute(tx, proposal_id, trial.governed())
        self._chain.contracts = trial

    def _write(self, method: str, args: tuple[Any, ...], body: Callable[[Tx], T]) -> tuple[T, bytes]:
        with self._chain.lock:
            content = f"{method}{args}".encode()
            done = self._chain.world.transact(self.sender, content, body)
            self._note(method, args)
            return done

    def _note(self, method: str, args: tuple[Any, ...]) -> None:
        if self._chain.journal is not None:
            at = self._chain.world.blocks[-1].timestamp
            self._chain.journal.append(Entry(at, self.sender, method, args))

    def _replay(self, entry: Entry) -> None:
        self._chain.world.clock = lambda: entry.at
        getattr(self.acting_as(entry.sender), entry.method)(*entry.args)
