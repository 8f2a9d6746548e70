"""A relay without a web server: what `RelayClient` sends goes straight to the twin of the chain."""

from __future__ import annotations

from collections.abc import Sequence

from node.folder_store import MemoryStore
from node.identity import Identity
from node.local_ledger import LocalLedger
from node.membership import MemberDesk
from node.records.artifacts import Registration
from node.records.members import JoinRequest
from node.records.proposals import Action, Ballot, ProposalStatement, Sponsor
from node.records.rounds import ContributionLeaf
from node.signed_requests import MemberRequest


class LedgerRelay:
    """RelayClient's verbs over a ledger whose sender pays."""

    def __init__(self, ledger: LocalLedger) -> None:
        self.ledger = ledger

    def join(self, request: JoinRequest, signature: bytes, voucher: bytes) -> int:
        return self.ledger.join(request, signature, voucher)

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        return self.ledger.register_artifact(registration, signature)

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        return self.ledger.submit(request, signature)

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        return self.ledger.propose(statement, actions, description, sponsors)

    def cast_ballot(self, ballot: Ballot, signature: bytes) -> int:
        return self.ledger.cast_ballot(ballot, signature)

    def queue(self, proposal_id: int) -> None:
        self.ledger.queue(proposal_id)

    def execute(self, proposal_id: int) -> None:
        self.ledger.execute(proposal_id)

    def lapse(self, case_id: int) -> None:
        self.ledger.lapse_case(case_id)

    def withdraw_bond(self, member_id: int) -> None:
        self.ledger.withdraw_bond(member_id)

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        return self.ledger.claim(leaf, proof)


def desk_of(who: Identity, ledger: LocalLedger, store: MemoryStore) -> MemberDesk:
    """A member's desk over the twins."""
    return MemberDesk(identity=who, ledger=ledger, store=store, relay=LedgerRelay(ledger))  # type: ignore[arg-type]
