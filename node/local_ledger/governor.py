"""TenWingsGovernor and its TimelockController in memory: OpenZeppelin's states, computed from the clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from node.abi_codec import decode_call
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.governance import columns, proposal_id
from node.local_ledger.epochs import MeritEpochs
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.world import Tx, World, require_signed, signed_by
from node.records import Action, Address, Ballot, MeritLeaf, Proposal, ProposalState, ProposalStatement, Support

Executable = Callable[[Tx, Mapping[str, Any]], None]
"""What a contract's function does when the timelock calls it, with its arguments by name."""

_PROPOSER_SUFFIX = re.compile(rb"#proposer=(0x[0-9a-fA-F]{40})\Z")
_READY = 2
_BPS = 10_000


@dataclass
class _Stored:
    proposal_id: int
    proposer: Address
    actions: tuple[Action, ...]
    description: str
    vote_start: int
    vote_end: int
    eta: int = 0
    executed: bool = False
    tally: dict[Support, int] = field(default_factory=lambda: dict.fromkeys(Support, 0))
    voted: set[Address] = field(default_factory=set)


class Governor:
    """Proposals, ballots by merit, queue and execution."""

    NAME = "TenWingsGovernor"

    def __init__(self, world: World, settings: DeploySettings, members: MemberRegistry, epochs: MeritEpochs) -> None:
        self._world = world
        self._domain = world.domain(self.NAME)
        self._members = members
        self._epochs = epochs
        self._timelock = world.addresses["TimelockController"]
        self._timelock_delay = settings.timelock_delay_seconds
        self._voting_delay = settings.voting_delay_seconds
        self._voting_period = settings.voting_period_seconds
        self._quorum_bps = [(0, settings.quorum_bps)]
        self._stored: dict[int, _Stored] = {}
        self._nonces: dict[Address, int] = {}

    def propose(
        self, tx: Tx, statement: ProposalStatement, actions: Sequence[Action], description: str, signature: bytes
    ) -> int:
        """Returns the proposal id, which follows from the actions and the description."""
        proposer = statement.proposer
        _require_named(proposer, description)
        number = proposal_id(actions, description)
        said = replace(statement, proposal_id=number)
        require_signed(tx, self._domain, said, statement.deadline, signature, proposer)
        self._members.require_active(proposer)
        self._epochs.require_final(tx.timestamp)
        self._require_new(number, actions)
        start = tx.timestamp + self._voting_delay
        stored = _Stored(number, proposer, tuple(actions), description, start, start + self._voting_period)
        self._stored[number] = stored
        tx.emit(
            self.NAME,
            "ProposalCreated",
            proposalId=number,
            proposer=proposer,
            targets=tuple(action.target for action in actions),
            values=tuple(action.value for action in actions),
            signatures=("",) * len(actions),
            calldatas=tuple(action.calldata for action in actions),
            voteStart=stored.vote_start,
            voteEnd=stored.vote_end,
            description=description,
        )
        return number

    def cast_ballot(self, tx: Tx, ballot: Ballot, signature: bytes) -> int:
        """Returns the weight counted."""
        voter, nonce = ballot.voter, self.nonce(ballot.voter)
        if not signed_by(self._domain, replace(ballot, nonce=nonce), signature, voter):
            raise LedgerRefused("GovernorInvalidSignature", {"voter": voter})
        self._require_state(tx, ballot.proposal_id, ProposalState.ACTIVE)
        stored = self._stored[ballot.proposal_id]
        weight = self._proved_weight(voter, stored.vote_start, ballot.params)
        if voter in stored.voted:
            raise LedgerRefused("GovernorAlreadyCastVote", {"voter": voter})
        if ballot.support not in stored.tally:
            raise LedgerRefused("GovernorInvalidVoteType")
        stored.voted.add(voter)
        stored.tally[ballot.support] += weight
        self._nonces[voter] = nonce + 1
        tx.emit(
            self.NAME,
            "VoteCastWithParams",
            voter=voter,
            proposalId=ballot.proposal_id,
            support=int(ballot.support),
            weight=weight,
            reason=ballot.reason,
            params=ballot.params,
        )
        return weight

    def queue(self, tx: Tx, number: int) -> None:
        """Hand a proposal that succeeded to the timelock."""
        self._require_state(tx, number, ProposalState.SUCCEEDED)
        stored = self._stored[number]
        stored.eta = tx.timestamp + self._timelock_delay
        operation, salt = self._operation(stored)
        for index, action in enumerate(stored.actions):
            tx.emit(
                "TimelockController",
                "CallScheduled",
                id=operation,
                index=index,
                target=action.target,
                value=action.value,
                data=action.calldata,
                predecessor=bytes(32),
                delay=self._timelock_delay,
            )
        tx.emit("TimelockController", "CallSalt", id=operation, salt=salt)
        tx.emit(self.NAME, "ProposalQueued", proposalId=number, etaSeconds=stored.eta)

    def execute(self, tx: Tx, number: int, functions: Mapping[tuple[str, str], Executable]) -> None:
        """Make the calls, as the timelock. Not atomic: the caller restores its state when this raises."""
        self._require_state(tx, number, ProposalState.QUEUED)
        stored = self._stored[number]
        operation, _ = self._operation(stored)
        if tx.timestamp < stored.eta:
            values = {"operationId": operation, "expectedStates": _bitmap(_READY)}
            raise LedgerRefused("TimelockUnexpectedOperationState", values)
        as_timelock = tx.from_contract(self._timelock)
        for index, action in enumerate(stored.actions):
            self._call(as_timelock, action, functions)
            tx.emit(
                "TimelockController",
                "CallExecuted",
                id=operation,
                index=index,
                target=action.target,
                value=action.value,
                data=action.calldata,
            )
        stored.executed = True
        tx.emit(self.NAME, "ProposalExecuted", proposalId=number)

    def set_quorum_bps(self, tx: Tx, quorum_bps: int) -> None:
        """Only by a proposal; holds for snapshots from now on."""
        self._require_executor(tx)
        if not 1 <= quorum_bps <= _BPS:
            raise LedgerRefused("InvalidQuorumBps", {"quorumBps": quorum_bps})
        old = self._quorum_bps[-1][1]
        self._quorum_bps.append((tx.timestamp, quorum_bps))
        tx.emit(self.NAME, "QuorumBpsSet", oldQuorumBps=old, newQuorumBps=quorum_bps)

    def set_voting_delay(self, tx: Tx, seconds: int) -> None:
        """Only by a proposal."""
        self._require_executor(tx)
        tx.emit(self.NAME, "VotingDelaySet", oldVotingDelay=self._voting_delay, newVotingDelay=seconds)
        self._voting_delay = seconds

    def set_voting_period(self, tx: Tx, seconds: int) -> None:
        """Only by a proposal."""
        self._require_executor(tx)
        if seconds == 0:
            raise LedgerRefused("GovernorInvalidVotingPeriod", {"votingPeriod": seconds})
        tx.emit(self.NAME, "VotingPeriodSet", oldVotingPeriod=self._voting_period, newVotingPeriod=seconds)
        self._voting_period = seconds

    def nonce(self, account: Address) -> int:
        """Of the account's next ballot."""
        return self._nonces.get(account, 0)

    def get(self, number: int) -> Proposal:
        """Raises LedgerRefused("GovernorNonexistentProposal")."""
        state = self._state(number, self._world.now())
        stored = self._stored[number]
        return Proposal(
            proposal_id=number,
            proposer=stored.proposer,
            actions=stored.actions,
            description=stored.description,
            state=state,
            vote_start=stored.vote_start,
            vote_end=stored.vote_end,
            eta=stored.eta,
            votes_for=stored.tally[Support.FOR],
            votes_against=stored.tally[Support.AGAINST],
            votes_abstain=stored.tally[Support.ABSTAIN],
            quorum=self._quorum(stored.vote_start),
        )

    def all(self) -> Sequence[Proposal]:
        """In order of proposing."""
        return tuple(self.get(number) for number in self._stored)

    def _state(self, number: int, timepoint: int) -> ProposalState:
        stored = self._stored.get(number)
        if stored is None:
            raise LedgerRefused("GovernorNonexistentProposal", {"proposalId": number})
        if stored.executed:
            return ProposalState.EXECUTED
        if stored.vote_start >= timepoint:
            return ProposalState.PENDING
        if stored.vote_end >= timepoint:
            return ProposalState.ACTIVE
        tally = stored.tally
        reached = self._quorum(stored.vote_start) <= tally[Support.FOR] + tally[Support.ABSTAIN]
        if not reached or tally[Support.FOR] <= tally[Support.AGAINST]:
            return ProposalState.DEFEATED
        return ProposalState.QUEUED if stored.eta else ProposalState.SUCCEEDED

    def _quorum(self, timepoint: int) -> int:
        bps = next(value for since, value in reversed(self._quorum_bps) if since <= timepoint)
        return self._epochs.require_final(timepoint).total_weight * bps // _BPS

    def _require_state(self, tx: Tx, number: int, expected: ProposalState) -> None:
        current = self._state(number, tx.timestamp)
        if current != expected:
            raise _unexpected_state(number, current, _bitmap(expected))

    def _require_new(self, number: int, actions: Sequence[Action]) -> None:
        if not actions:
            raise LedgerRefused("GovernorInvalidProposalLength", {"targets": 0, "calldatas": 0, "values": 0})
        if number in self._stored:
            raise _unexpected_state(number, self._state(number, self._world.now()), bytes(32))

    def _require_executor(self, tx: Tx) -> None:
        if tx.sender != self._timelock:
            raise LedgerRefused("GovernorOnlyExecutor", {"account": tx.sender})

    def _proved_weight(self, voter: Address, snapshot: int, params: bytes) -> int:
        if not params:
            raise LedgerRefused("MeritProofRequired", {"account": voter})
        self._members.require_active(voter)
        try:
            member_id, merit, weight, proof = decode(("uint256", "uint256", "uint256", "bytes32[]"), params)
        except (DecodingError, OverflowError) as error:
            raise LedgerRefused("Reverted") from error
        epoch = self._epochs.require_final(snapshot)
        leaf = MeritLeaf(epoch=epoch.epoch, member_id=member_id, account=voter, merit=merit, weight=weight)
        if not self._epochs.proves(epoch, leaf, proof):
            values = {
                "account": voter,
                "epoch": epoch.epoch,
                "memberId": member_id,
                "merit": merit,
                "weight": weight,
            }
            raise LedgerRefused("InvalidMeritProof", values)
        return int(weight)

    def _call(self, tx: Tx, action: Action, functions: Mapping[tuple[str, str], Executable]) -> None:
        """A call to an address without code does nothing and succeeds, as on chain; there is no ether to send."""
        if action.value:
            raise LedgerRefused("FailedCall")
        contract = next((name for name, address in self._world.addresses.items() if address == action.target), None)
        if contract is None:
            return
        try:
            name, args = decode_call(contract, action.calldata)
        except ValueError as error:
            raise LedgerRefused("FailedCall") from error
        if (contract, name) not in functions:
            raise LedgerRefused("FailedCall", {"function": f"{contract}.{name}"})
        functions[contract, name](tx, args)

    def _operation(self, stored: _Stored) -> tuple[bytes, bytes]:
        """The timelock's operation id and salt."""
        governor = bytes.fromhex(self._world.addresses[self.NAME][2:]) + bytes(12)
        description = keccak(text=stored.description)
        salt = bytes(a ^ b for a, b in zip(governor, description, strict=True))
        types = ("address[]", "uint256[]", "bytes[]", "bytes32", "bytes32")
        return keccak(encode(types, (*columns(stored.actions), bytes(32), salt))), salt


def _require_named(proposer: Address, description: str) -> None:
    suffix = _PROPOSER_SUFFIX.search(description.encode())
    if suffix is None or int(suffix[1], 16) != int(proposer, 16):
        raise LedgerRefused("GovernorRestrictedProposer", {"proposer": proposer})


def _unexpected_state(number: int, current: ProposalState, expected: bytes) -> LedgerRefused:
    values = {"proposalId": number, "current": int(current), "expectedStates": expected}
    return LedgerRefused("GovernorUnexpectedProposalState", values)


def _bitmap(state: int) -> bytes:
    return (1 << state).to_bytes(32, "big")
