"""The relay: brings signed messages to the chain and pays the gas, so that a member needs neither gas nor a chain node.

It decides nothing. Each message is checked here first, so that a mistake costs no gas and gets a clear answer; the
contracts check it all again. The relay signs no vouchers: who may join is not its business.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.desk import NotFound
from api.errors import Refused
from node import typed_data
from node.errors import LedgerRefused, NoRewards
from node.ports import Ledger
from node.records.artifacts import Registration
from node.records.chain import Address
from node.records.members import JoinRequest
from node.records.proposals import Action, Ballot, ProposalState, ProposalStatement, Sponsor
from node.records.rounds import ContributionLeaf
from node.signed_requests import MemberRequest, route_of, signer_of
from node.typed_data import Signable

MAX_WINDOWS = 100_000


class RateLimit:
    """At most `num_requests` in any `window_seconds` for each key."""

    def __init__(
        self, *, num_requests: int = 20, window_seconds: float = 60.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._num_requests = num_requests
        self._window_seconds = window_seconds
        self._now = now
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def spend(self, key: str) -> None:
        """Raises Refused (429) when the key has spent its requests."""
        now = self._now()
        with self._lock:
            if len(self._times) >= MAX_WINDOWS:
                self._forget(now)
            times = self._times.setdefault(key, deque())
            while times and now - times[0] >= self._window_seconds:
                times.popleft()
            if len(times) >= self._num_requests:
                wait = self._window_seconds - (now - times[0])
                raise Refused(
                    429,
                    "too-often",
                    f"Expected at most {self._num_requests} requests in {self._window_seconds:g} s for {key}; "
                    f"wait {wait:.0f} s.",
                )
            times.append(now)

    def _forget(self, now: float) -> None:
        kept = {key: times for key, times in self._times.items() if times and now - times[-1] < self._window_seconds}
        self._times = kept


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Who signed what, in which contract's domain, and until when."""

    contract: str
    record: Signable
    account: Address
    signature: bytes
    deadline: int | None = None


class Relay:
    """Submits through `ledger`, whose key is the relayer's. Safe for many threads."""

    def __init__(self, ledger: Ledger, limit: RateLimit | None = None) -> None:
        self._ledger = ledger
        self._limit = limit or RateLimit()

    def join(self, request: JoinRequest, signature: bytes, voucher: bytes) -> int:
        """Returns the member id."""
        self._admit(Signed(
            contract="MemberRegistry", record=request, account=request.account, signature=signature,
            deadline=request.deadline,
        ))  # fmt: skip
        if not voucher:
            raise Refused(422, "voucher-missing", "Expected an admitter's voucher, got none: ask an admitter for one.")
        return self._ledger.join(request, signature, voucher)

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        """Returns the digest."""
        self._admit(Signed(
            contract="ArtifactRegistry", record=registration, account=registration.account, signature=signature,
            deadline=registration.deadline,
        ))  # fmt: skip
        self._require_active(registration.account)
        return self._ledger.register_artifact(registration, signature)

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        """Returns the transaction hash of any other signed request."""
        route, account = route_of(request), signer_of(request)
        self._admit(Signed(
            contract=route.contract, record=request, account=account, signature=signature, deadline=request.deadline,
        ))  # fmt: skip
        if route.member and self._ledger.member(account) is None:
            raise Refused(403, "not-a-member", f"Expected a member's present account, {account} is none.")
        return self._ledger.submit(request, signature)

    def propose(
        self, statement: ProposalStatement, actions: Sequence[Action], description: str, sponsors: Sequence[Sponsor]
    ) -> int:
        """Returns the proposal id."""
        number = self._ledger.proposal_id(actions, description)
        if statement.proposal_id != number:
            raise Refused(
                422,
                "wrong-proposal-id",
                f"Expected proposal id {number}, which these actions and this description make, "
                f"got {statement.proposal_id}; sign the former.",
            )
        suffix = f"#proposer={statement.proposer.lower()}"
        if not description.endswith(suffix):
            raise Refused(422, "proposer-missing", f"Expected a description that ends with {suffix}; add it and sign.")
        for sponsor in sponsors:
            self._admit(Signed(
                contract="TenWingsGovernor", record=statement, account=sponsor.account, signature=sponsor.signature,
                deadline=statement.deadline,
            ))  # fmt: skip
            self._require_active(sponsor.account)
        return self._ledger.propose(statement, actions, description, sponsors)

    def cast(self, ballot: Ballot, signature: bytes) -> int:
        """Returns the weight counted."""
        self._admit(Signed(contract="TenWingsGovernor", record=ballot, account=ballot.voter, signature=signature))
        self._require_state(ballot.proposal_id, ProposalState.ACTIVE, "to vote on it")
        return self._ledger.cast_ballot(ballot, signature)

    def cast_many(self, ballots: Sequence[tuple[Ballot, bytes]]) -> int:
        """One transaction for all; one that is refused leaves the others alone. Returns how many counted."""
        for ballot, signature in ballots:
            self._admit(Signed(contract="TenWingsGovernor", record=ballot, account=ballot.voter, signature=signature))
            self._require_state(ballot.proposal_id, ProposalState.ACTIVE, "to vote on it")
        return self._ledger.cast_ballots(ballots)

    def queue(self, proposal_id: int) -> bytes:
        """Returns the transaction hash. Anyone may queue what has succeeded."""
        self._require_state(proposal_id, ProposalState.SUCCEEDED, "to queue it")
        self._limit.spend(f"proposal {proposal_id}")
        return self._ledger.queue(proposal_id)

    def execute(self, proposal_id: int) -> bytes:
        """Returns the transaction hash. Anyone may execute what was queued and has waited."""
        self._require_state(proposal_id, ProposalState.QUEUED, "to execute it")
        self._limit.spend(f"proposal {proposal_id}")
        return self._ledger.execute(proposal_id)

    def lapse(self, case_id: int) -> bytes:
        """Returns the transaction hash. Anyone may end a case past its deadline."""
        case = next((c for c in self._ledger.cases() if c.case_id == case_id), None)
        if case is None:
            raise NotFound(f"There is no case {case_id}.")
        now = self._ledger.latest_block().timestamp
        if not case.overdue(now):
            raise Refused(409, "wrong-state", f"Expected an open case past its deadline, case {case_id} is not.")
        self._limit.spend(f"case {case_id}")
        return self._ledger.lapse_case(case_id)

    def withdraw_bond(self, member_id: int) -> bytes:
        """Returns the transaction hash. Anyone may: the bond goes to the member's present account."""
        bond, now = self._ledger.bond(member_id), self._ledger.latest_block().timestamp
        if bond.open_cases or not bond.can_leave(now):
            raise Refused(
                409,
                "nothing-to-withdraw",
                f"Expected a withdrawal whose delay ended less than a week ago and no open case, got {bond.leaving} "
                f"wei from {bond.leaves_from} on and {bond.open_cases} cases.",
            )
        self._limit.spend(f"bond of {member_id}")
        return self._ledger.withdraw_bond(member_id)

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        """Returns the wei. Anyone may claim for a member: the vault pays the leaf's member alone."""
        if not self._ledger.pays_rewards():
            raise Refused(409, "no-rewards", str(NoRewards()))
        member = next((m for m in self._ledger.members() if m.member_id == leaf.member_id), None)
        self._require_active(leaf.account if member is None else member.account)
        self._limit.spend(
            f"claims for {leaf.member_id}"
        )  # apart: nobody signed this, so it spends nothing of the member's
        return self._ledger.claim(leaf, proof)

    def _admit(self, signed: Signed) -> None:
        """The signature first: who cannot sign for an account cannot spend its requests either."""
        typed_data.check(self._ledger.domain(signed.contract), signed.record, signed.signature, signed.account)
        now = self._ledger.latest_block().timestamp
        if signed.deadline is not None and signed.deadline < now:
            raise Refused(
                422, "expired", f"Expected a deadline after the chain's time {now}, got {signed.deadline}; sign anew."
            )
        self._limit.spend(signed.account)

    def _require_active(self, account: Address) -> None:
        member = self._ledger.member(account)
        if member is None or not member.active:
            what = "is no member" if member is None else "is suspended"
            raise Refused(403, "not-an-active-member", f"Expected an active member, {account} {what}.")

    def _require_state(self, proposal_id: int, wanted: ProposalState, what: str) -> None:
        try:
            state = self._ledger.proposal(proposal_id).state
        except LedgerRefused as error:
            raise NotFound(f"There is no proposal {proposal_id}.") from error
        if state != wanted:
            raise Refused(
                409,
                "wrong-state",
                f"Expected proposal {proposal_id} to be {wanted.name.lower()} {what}, it is {state.name.lower()}.",
            )
