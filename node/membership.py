"""What a member does with a signature alone: join, register, propose, vote, claim. A relay brings it to the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node import governance
from node.drafts import ProposalDraft
from node.errors import ConfigError, NoRewards
from node.identity import Identity
from node.ports import ContentStore, Ledger
from node.proofs import claim_proof, claim_proofs, merit_proof
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import JoinRequest, Role, Voucher
from node.records.proposals import Action, Ballot, ProposalStatement, Support
from node.relay_client import RelayClient
from node.signed_requests import MemberRequest, NodeKeyRotation, route_of
from node.typed_data import sign

VALID_SECONDS = 3600
"""How long a signed message may wait for its relay."""
DRAFT_SECONDS = 7 * 86_400
"""How long a proposal may wait for its sponsors."""


def claim_for_all(ledger: Ledger, store: ContentStore, run_id: int) -> int:
    """Claim for every member what is final and unpaid of a run, in one transaction of the ledger's sender. Returns the
    wei. Raises NoRewards in a network without a token."""
    if not ledger.pays_rewards():
        raise NoRewards
    newest = next((state for state in reversed(ledger.rounds(run_id)) if state.final), None)
    if newest is None:
        return 0
    found = claim_proofs(ledger, store, newest)
    unpaid = [(leaf, proof) for leaf, proof in found if leaf.cumulative_reward > ledger.claimed(run_id, leaf.member_id)]
    return ledger.claim_for(unpaid) if unpaid else 0


@dataclass(frozen=True, kw_only=True)
class MemberDesk:
    """A member's signature, the chain to read from and the relay to send through."""

    identity: Identity
    ledger: Ledger
    store: ContentStore
    relay: RelayClient

    @property
    def account(self) -> Address:
        return self.identity.address

    def join(self, name: str, roles: Role, node_key_digest: bytes, admitter: Identity) -> int:
        """Join with a voucher signed by `admitter`. Returns the member id; joining again returns the same."""
        known = self.ledger.member(self.account)
        if known is not None:
            return known.member_id
        deadline = self.deadline()
        request = JoinRequest(
            account=self.account, roles=roles, node_key_digest=node_key_digest, name=name, deadline=deadline
        )
        voucher = Voucher(account=self.account, roles=roles, deadline=deadline)
        domain = self.ledger.domain("MemberRegistry")
        return self.relay.join(request, sign(self.identity, domain, request), sign(admitter, domain, voucher))

    def bind_node_key(self, node_key_digest: bytes) -> None:
        """Have the chain name this node's key, where it names another."""
        member = self.ledger.member(self.account)
        if member is not None and member.node_key_digest != node_key_digest:
            self.submit(
                NodeKeyRotation(
                    account=self.account,
                    node_key_digest=node_key_digest,
                    nonce=self.nonce("MemberRegistry"),
                    deadline=self.deadline(),
                )
            )

    def register(
        self, kind: ArtifactKind, cid: Cid, licence: str, parents: Sequence[bytes] = (), *, restricted: bool = False
    ) -> bytes:
        """Register an artifact under a licence. Returns its digest."""
        registration = Registration(
            account=self.account,
            kind=kind,
            cid=cid,
            licence=licence,
            parents=tuple(parents),
            restricted=restricted,
            deadline=self.deadline(),
        )
        signature = sign(self.identity, self.ledger.domain("ArtifactRegistry"), registration)
        return self.relay.register_artifact(registration, signature)

    def draft(self, actions: Sequence[Action], text: str, article: int) -> ProposalDraft:
        """A proposal with this member's signature; others sign it before it is sent."""
        description = governance.describe(text, self.account, article)
        statement = ProposalStatement(
            proposer=self.account,
            proposal_id=self.ledger.proposal_id(actions, description),
            deadline=self.ledger.latest_block().timestamp + DRAFT_SECONDS,
        )
        return self.sponsor(ProposalDraft(statement=statement, actions=tuple(actions), description=description))

    def sponsor(self, draft: ProposalDraft) -> ProposalDraft:
        """The draft with this member's signature. Raises ConfigError when its id is not that of its calls and words."""
        made = self.ledger.proposal_id(draft.actions, draft.description)
        if made != draft.statement.proposal_id:
            raise ConfigError(
                f"expected the id {made}, which these calls and words make now, got {draft.statement.proposal_id}; ask "
                "the proposer for another draft"
            )
        return draft.signed_by(self.identity, self.ledger.domain("TenWingsGovernor"))

    def missing_sponsors(self, draft: ProposalDraft) -> int:
        """How many more members must sign it."""
        needed = governance.sponsors_needed(self.ledger.rules(), self.ledger.kind_of(draft.actions))
        return max(0, needed - len(draft.sponsors))

    def send(self, draft: ProposalDraft) -> int:
        """Returns the proposal id."""
        return self.relay.propose(draft.statement, draft.actions, draft.description, draft.sponsors)

    def propose(self, actions: Sequence[Action], text: str, article: int, sponsors: Sequence[Identity] = ()) -> int:
        """Draft, have these sign, and send. Returns the proposal id."""
        draft = self.draft(actions, text, article)
        for sponsor in sponsors:
            draft = draft.signed_by(sponsor, self.ledger.domain("TenWingsGovernor"))
        return self.send(draft)

    def vote(self, proposal_id: int, support: Support, reason: str = "") -> int:
        """Returns the weight counted. Raises ConfigError for who has no merit at the proposal's snapshot."""
        epoch_number = self.ledger.final_epoch(self.ledger.proposal(proposal_id).vote_start)
        epoch = self.ledger.epoch(epoch_number) if epoch_number else None
        found = merit_proof(self.ledger, self.store, epoch, self.account) if epoch else None
        if found is None:
            raise ConfigError(f"{self.account} has no merit at proposal {proposal_id}'s snapshot, hence no vote on it")
        ballot = Ballot(
            proposal_id=proposal_id,
            support=support,
            voter=self.account,
            reason=reason,
            params=governance.ballot_params(*found),
        )
        return self.relay.cast_ballot(ballot, sign(self.identity, self.ledger.domain("TenWingsGovernor"), ballot))

    def claim(self, run_id: int) -> int:
        """Claim all that is final and unpaid of a run. Returns the wei; 0 when there is nothing. Raises NoRewards in a
        network without a token, ConfigError for who is no member."""
        if not self.ledger.pays_rewards():
            raise NoRewards
        member_id = self._member_id()
        newest = next((state for state in reversed(self.ledger.rounds(run_id)) if state.final), None)
        found = claim_proof(self.ledger, self.store, newest, member_id) if newest else None
        if found is None or found[0].cumulative_reward <= self.ledger.claimed(run_id, member_id):
            return 0
        leaf, proof = found
        return self.relay.claim(leaf, proof)

    def _member_id(self) -> int:
        member = self.ledger.member(self.account)
        if member is None:
            raise ConfigError(f"expected a member, {self.account} is none; `tenwings join` makes one")
        return member.member_id

    def submit(self, request: MemberRequest) -> bytes:
        """Sign a request of one's own and have it brought to the chain. Returns the transaction hash."""
        domain = self.ledger.domain(route_of(request).contract)
        return self.relay.submit(request, sign(self.identity, domain, request))

    def nonce(self, contract: str) -> int:
        """The number of this account's next request to a contract."""
        return self.ledger.nonce(contract, self.account)

    def deadline(self) -> int:
        """Unix time up to which a message signed now may wait for its relay."""
        return self.ledger.latest_block().timestamp + VALID_SECONDS
