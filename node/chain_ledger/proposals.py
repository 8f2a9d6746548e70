"""Proposals on a chain: made, voted on, cancelled, queued, executed."""

from __future__ import annotations

from collections.abc import Sequence

from node import governance
from node.chain_ledger.link import ChainLink
from node.chain_records import actions_from, ballot_fields, record_from, stage_arguments, tally_from
from node.deployment import Deployment
from node.errors import LedgerRefused
from node.identity import Identity
from node.records.chain import Event
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

_OVER = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED, ProposalState.EXECUTED)


class ChainProposals(ChainLink):
    """Proposals and ballots."""

    def __init__(self, deployment: Deployment, *, key: Identity | None = None) -> None:
        super().__init__(deployment, key=key)
        self._settled: dict[tuple[int, int], Proposal] = {}

    def kind_of(self, actions: Sequence[Action]) -> ProposalKind:
        targets, _, calldatas = governance.columns(actions)
        return ProposalKind(self._call("TenWingsGovernor", "kindOf", targets, calldatas))

    def proposal_id(self, actions: Sequence[Action], description: str) -> int:
        words = governance.description_hash(description)
        return int(self._call("TenWingsGovernor", "getProposalId", *governance.columns(actions), words))

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        signed = [(s.account, s.signature) for s in sponsors]
        columns = governance.columns(actions)
        receipt = self._send(
            "TenWingsGovernor", "proposeBySig", statement.proposer, *columns, description, statement.deadline, signed
        )
        return int(self._logged(receipt, "ProposalCreated").args["proposalId"])

    def cast_ballot(self, ballot: Ballot, signature: bytes) -> int:
        receipt = self._send(
            "TenWingsGovernor",
            "castVoteWithReasonAndParamsBySig",
            ballot.proposal_id,
            int(ballot.support),
            ballot.voter,
            ballot.reason,
            ballot.params,
            signature,
        )
        return int(self._logged(receipt, "VoteCastWithParams").args["weight"])

    def cast_ballots(self, ballots: Sequence[tuple[Ballot, bytes]]) -> int:
        receipt = self._send(
            "TenWingsGovernor", "castBallots", [ballot_fields(b, signature) for b, signature in ballots]
        )
        return len(self._all_logged(receipt, "VoteCastWithParams"))

    def cancel(self, proposal_id: int) -> bytes:
        return self._send("TenWingsGovernor", "cancel", *stage_arguments(self._created(proposal_id))).tx_hash

    def cancel_as_guardian(self, proposal_id: int) -> bytes:
        return self._send("Guardian", "cancel", *stage_arguments(self._created(proposal_id))).tx_hash

    def proposal(self, proposal_id: int) -> Proposal:
        return self._known(self._created(proposal_id))

    def proposals(self) -> Sequence[Proposal]:
        created = self._log.refreshed().named("ProposalCreated")
        return tuple(self._known(event) for event in created)

    def queue(self, proposal_id: int) -> bytes:
        return self._send("TenWingsGovernor", "queue", *stage_arguments(self._created(proposal_id))).tx_hash

    def execute(self, proposal_id: int) -> bytes:
        return self._send("TenWingsGovernor", "execute", *stage_arguments(self._created(proposal_id))).tx_hash

    def _known(self, created: Event) -> Proposal:
        """A proposal that is over is asked for once."""
        key = (self._log.generation, created.args["proposalId"])
        if key in self._settled:
            return self._settled[key]
        found = self._proposal(created)
        if found.state in _OVER:
            self._settled[key] = found
        return found

    def _created(self, proposal_id: int) -> Event:
        event = self._log.refreshed().last("ProposalCreated", proposal_id)
        if event is None:
            raise LedgerRefused("GovernorNonexistentProposal", {"proposalId": proposal_id})
        return event

    def _proposal(self, created: Event) -> Proposal:
        number, start = created.args["proposalId"], created.args["voteStart"]
        state, votes, heads, eta, end, needed = self._call_several(
            "TenWingsGovernor",
            ("state", number),
            ("proposalVotes", number),
            ("proposalHeads", number),
            ("proposalEta", number),
            ("proposalDeadline", number),
            ("hurdles", number),
        )
        return Proposal(
            proposal_id=number,
            kind=governance.kind_in(number),
            proposer=created.args["proposer"],
            sponsors=tuple(e.args["sponsor"] for e in self._log.about("ProposalSponsored", number)),
            actions=actions_from(created.args),
            description=created.args["description"],
            state=ProposalState(state),
            vote_start=start,
            vote_end=end,
            extended=end > created.args["voteEnd"],
            eta=eta,
            tally=tally_from(votes, heads),
            hurdles=record_from(Hurdles, needed),
        )
