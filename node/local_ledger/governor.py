"""TenWingsGovernor and its TimelockController in memory: proposals from the first signature to the last call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node.abi_codec import decode_call, encode_error
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.governance import columns, kind_in, sponsors_needed
from node.local_ledger.ballots import count, proved_leaf
from node.local_ledger.charter import Charter
from node.local_ledger.epochs import MeritEpochs
from node.local_ledger.houses import hurdles_of
from node.local_ledger.kinds import ProposalKinds
from node.local_ledger.proposals import StoredProposal, bitmap, unexpected_state
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.rules import RulesInForce, struct_of
from node.local_ledger.sponsors import require_described, require_sponsors
from node.local_ledger.world import Tx, World, signed_by
from node.records.chain import Address
from node.records.governance import GovernorRules
from node.records.proposals import (
    Action,
    Ballot,
    Hurdles,
    Proposal,
    ProposalKind,
    ProposalState,
    ProposalStatement,
    Sponsor,
)

Executable = Callable[[Tx, Mapping[str, Any]], object]
"""What a contract's function does when the timelock calls it, with its arguments by name."""

_READY = 2
_OVER = (ProposalState.CANCELED, ProposalState.EXPIRED, ProposalState.EXECUTED)


class Governor:
    """Proposals, ballots by merit, queue and execution."""

    NAME = "TenWingsGovernor"

    def __init__(
        self, world: World, settings: DeploySettings, members: MemberRegistry, epochs: MeritEpochs, charter: Charter
    ) -> None:
        self._world = world
        self._domain = world.domain(self.NAME)
        self._members = members
        self._epochs = epochs
        self._charter = charter
        self._timelock = world.addresses["TimelockController"]
        self._cancellers = (world.addresses[self.NAME], world.addresses["Guardian"])
        self._timelock_delay = settings.timelock_delay_seconds
        self._rules = RulesInForce(settings.rules)
        self.kinds = ProposalKinds(world)
        self._stored: dict[int, StoredProposal] = {}

    def propose(
        self,
        tx: Tx,
        statement: ProposalStatement,
        actions: Sequence[Action],
        description: str,
        sponsors: Sequence[Sponsor],
    ) -> int:
        """Returns the proposal id."""
        require_described(statement.proposer, description, self._charter.state.num_articles)
        self._epochs.require_final(tx.timestamp)
        number, rules = self.kinds.proposal_id(actions, description), self._rules.at(tx.timestamp)
        if number in self._stored:
            raise unexpected_state(number, self._state(number, tx.timestamp), bytes(32))
        said, needed = replace(statement, proposal_id=number), sponsors_needed(rules, self.kinds.kind_of(actions))
        require_sponsors(tx, self._members, self._domain, said, sponsors, needed)
        if kind_in(number) == ProposalKind.ROUTINE:
            self._require_one_routine(tx, statement.proposer)
        stored = StoredProposal(
            proposal_id=number,
            proposer=statement.proposer,
            sponsors=tuple(s.account for s in sponsors if s.account != statement.proposer),
            actions=tuple(actions),
            description=description,
            vote_start=tx.timestamp + rules.voting_delay_seconds,
            voting_period=rules.voting_period_seconds,
        )
        self._stored[number] = stored
        self._announce(tx, stored)
        return number

    def _require_one_routine(self, tx: Tx, proposer: Address) -> None:
        """Before its voters at a time."""
        for number, stored in self._stored.items():
            open_ = self._state(number, tx.timestamp) in (ProposalState.PENDING, ProposalState.ACTIVE)
            if open_ and stored.proposer == proposer and kind_in(number) == ProposalKind.ROUTINE:
                raise LedgerRefused("RoutineStillOpen", {"proposalId": number})

    def _announce(self, tx: Tx, stored: StoredProposal) -> None:
        tx.emit(
            self.NAME,
            "ProposalCreated",
            proposalId=stored.proposal_id,
            proposer=stored.proposer,
            targets=tuple(action.target for action in stored.actions),
            values=tuple(action.value for action in stored.actions),
            signatures=("",) * len(stored.actions),
            calldatas=tuple(action.calldata for action in stored.actions),
            voteStart=stored.vote_start,
            voteEnd=stored.vote_end,
            description=stored.description,
        )
        for sponsor in stored.sponsors:
            tx.emit(self.NAME, "ProposalSponsored", proposalId=stored.proposal_id, sponsor=sponsor)

    def cast_ballot(self, tx: Tx, ballot: Ballot, signature: bytes) -> int:
        """Returns the weight counted."""
        number, voter = ballot.proposal_id, ballot.voter
        if not signed_by(self._domain, ballot, signature, voter):
            raise LedgerRefused("GovernorInvalidSignature", {"voter": voter})
        self._require_state(tx, number, ProposalState.ACTIVE)
        stored = self._stored[number]
        leaf = proved_leaf(self._members, self._epochs, voter, stored.vote_start, ballot.params)
        if count(tx, stored, ballot, leaf, lambda: self._hurdles(stored)):
            tx.emit(self.NAME, "ProposalExtended", proposalId=number, extendedDeadline=stored.vote_end)
        tx.emit(
            self.NAME,
            "VoteCastWithParams",
            voter=voter,
            proposalId=number,
            support=int(ballot.support),
            weight=leaf.weight,
            reason=ballot.reason,
            params=ballot.params,
        )
        return leaf.weight

    def cast_ballots(self, tx: Tx, ballots: Sequence[tuple[Ballot, bytes]]) -> int:
        """Returns how many counted."""
        counted = 0
        for ballot, signature in ballots:
            try:
                self.cast_ballot(tx, ballot, signature)
                counted += 1
            except LedgerRefused as refused:
                reason = encode_error(self.NAME, refused.rule, *refused.values.values())
                values = {"proposalId": ballot.proposal_id, "voter": ballot.voter, "reason": reason}
                tx.emit(self.NAME, "BallotRefused", **values)
        return counted

    def queue(self, tx: Tx, number: int) -> None:
        """Hand a proposal that succeeded to the timelock."""
        self._require_state(tx, self._same_id(number), ProposalState.SUCCEEDED)
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
        self._require_state(tx, self._same_id(number), ProposalState.QUEUED)
        stored = self._stored[number]
        operation, _ = self._operation(stored)
        if tx.timestamp < stored.eta:
            values = {"operationId": operation, "expectedStates": bitmap(_READY)}
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

    def cancel(self, tx: Tx, number: int) -> None:
        """As the proposer while it is pending, or as a canceller of the timelock."""
        state, stored = self._state(self._same_id(number), tx.timestamp), self._stored[number]
        as_proposer = state == ProposalState.PENDING and tx.sender == stored.proposer
        if not as_proposer and tx.sender not in self._cancellers:
            raise LedgerRefused("GovernorUnableToCancel", {"proposalId": number, "account": tx.sender})
        if state in _OVER:
            raise unexpected_state(number, state, bitmap(*(s for s in ProposalState if s not in _OVER)))
        stored.canceled = True
        tx.emit(self.NAME, "ProposalCanceled", proposalId=number)
        if stored.eta:
            tx.emit("TimelockController", "Cancelled", id=self._operation(stored)[0])

    def set_rules(self, tx: Tx, rules: GovernorRules) -> None:
        """Only by a proposal; holds for snapshots from now on."""
        self._rules.set(tx.timestamp, rules)
        tx.emit(self.NAME, "RulesSet", rules=struct_of(rules))

    def rules(self) -> GovernorRules:
        """Of votes that start now."""
        return self._rules.at(self._world.now())

    def get(self, number: int) -> Proposal:
        """Raises LedgerRefused("GovernorNonexistentProposal")."""
        state, stored = self._state(number, self._world.now()), self._stored[number]
        return Proposal(
            proposal_id=number,
            kind=stored.kind,
            proposer=stored.proposer,
            sponsors=stored.sponsors,
            actions=stored.actions,
            description=stored.description,
            state=state,
            vote_start=stored.vote_start,
            vote_end=stored.vote_end,
            extended=stored.extended,
            eta=stored.eta,
            tally=stored.tally,
            hurdles=self._hurdles(stored),
        )

    def all(self) -> Sequence[Proposal]:
        """In order of proposing."""
        return tuple(self.get(number) for number in self._stored)

    def _state(self, number: int, timepoint: int) -> ProposalState:
        stored = self._stored.get(number)
        if stored is None:
            raise LedgerRefused("GovernorNonexistentProposal", {"proposalId": number})
        return stored.state(timepoint, lambda: self._hurdles(stored))

    def _hurdles(self, stored: StoredProposal) -> Hurdles:
        start = stored.vote_start
        return hurdles_of(stored.kind, self._epochs.require_final(start), self._rules.at(start))

    def _same_id(self, number: int) -> int:
        """The id that the proposal's calls make now: another one when they are of another kind since."""
        stored = self._stored.get(number)
        return number if stored is None else self.kinds.proposal_id(stored.actions, stored.description)

    def _require_state(self, tx: Tx, number: int, expected: ProposalState) -> None:
        current = self._state(number, tx.timestamp)
        if current != expected:
            raise unexpected_state(number, current, bitmap(expected))

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

    def _operation(self, stored: StoredProposal) -> tuple[bytes, bytes]:
        """The timelock's operation id and salt."""
        governor = bytes.fromhex(self._world.addresses[self.NAME][2:]) + bytes(12)
        description = keccak(text=stored.description)
        salt = bytes(a ^ b for a, b in zip(governor, description, strict=True))
        types = ("address[]", "uint256[]", "bytes[]", "bytes32", "bytes32")
        return keccak(encode(types, (*columns(stored.actions), bytes(32), salt))), salt
