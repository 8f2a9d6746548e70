"""The ledger port on a real chain: translates records and errors, decides nothing.

Members, artifacts, runs, rounds and epochs are rebuilt from events, which never change; what depends on the present
time or on a balance is asked of the contracts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from eth_utils.crypto import keccak

from node import cid as cids
from node import governance
from node.abi_codec import decode_result, encode_call
from node.access_log import ACCESS_EVENTS, accesses_of
from node.chain_events import EventFetcher, EventLog
from node.chain_records import (
    actions_from,
    artifact_from,
    ballot_fields,
    bounds_from,
    charter_from,
    data_fields,
    data_of,
    epoch_commit_from,
    epoch_fields,
    guardian_from,
    join_fields,
    leaf_fields,
    member_from,
    position,
    record_from,
    registration_fields,
    round_fields,
    run_fields,
    stage_arguments,
    tally_from,
)
from node.chain_rpc import LATEST, Rpc
from node.chain_sender import Receipt, Sender
from node.deployment import DOMAIN_NAMES, Deployment
from node.errors import ConfigError, LedgerError, LedgerRefused, NoRewards
from node.identity import Identity
from node.incidents import Bond, Case, Target, cases_of
from node.records.artifacts import AccessEntry, Artifact, ArtifactState, Registration
from node.records.chain import Address, Block, Domain, Event
from node.records.content import Cid
from node.records.governance import CharterState, GovernorRules, GuardianState
from node.records.members import JoinRequest, Member, Recovery
from node.records.merit import EpochCommit, MeritBounds
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
from node.records.rounds import ContributionLeaf, RoundCommit, RoundState
from node.records.runs import ParamBounds, RunParams, RunState, SpecParams
from node.run_history import RunHistory
from node.signed_requests import MemberRequest, route_of

T = TypeVar("T")
_OVER = (ProposalState.CANCELED, ProposalState.DEFEATED, ProposalState.EXPIRED, ProposalState.EXECUTED)


class ChainLedger:
    """A deployment of the contracts, read by anybody, written to by the holder of `key`.

    Safe to use from several threads. Every method raises DaemonUnavailable when the chain's node does not answer.
    """

    def __init__(self, deployment: Deployment, *, key: Identity | None = None) -> None:
        """Asks the node for its chain. Raises ConfigError when it follows another one than the deployment's."""
        self._deployment = deployment
        self._rpc = Rpc(deployment.rpc_url)
        _require_chain(self._rpc, deployment)
        self._sender = None if key is None else Sender(self._rpc, key, deployment.chain_id)
        self._fetcher = EventFetcher(self._rpc, deployment)
        self._log = EventLog(self._rpc, deployment)
        self._settled: dict[tuple[int, int], Proposal] = {}
        self._histories: dict[int, tuple[int, int, RunHistory]] = {}
        """By run: the log's generation, how many events were taken, what they add up to."""
        self._histories_lock = threading.RLock()

    # identity of the chain

    def chain_id(self) -> int:
        return self._deployment.chain_id

    def domain(self, contract: str) -> Domain:
        if contract not in DOMAIN_NAMES:
            raise ValueError(f"expected one of {', '.join(DOMAIN_NAMES)}, got {contract!r}")
        return Domain(
            name=DOMAIN_NAMES[contract],
            version="1",
            chain_id=self._deployment.chain_id,
            verifying_contract=self._deployment.addresses[contract],
        )

    def latest_block(self) -> Block:
        block = self._rpc.block(LATEST)
        if block is None:
            raise LedgerError(f"expected a latest block from {self._rpc.url}, got none")
        return block

    def block_at(self, number: int) -> Block:
        """Raises ValueError when there is no such block yet."""
        block = self._rpc.block(number) if number >= 0 else None
        if block is None:
            raise ValueError(f"expected a block number from 0 to {self.latest_block().number}, got {number}")
        return block

    def events(self, from_block: int, to_block: int | None = None) -> Sequence[Event]:
        return self._log.refreshed().between(from_block, to_block)

    # what members sign

    def submit(self, request: MemberRequest, signature: bytes) -> bytes:
        route = route_of(request)
        return self._send(route.contract, route.function, *route.arguments(request), signature).tx_hash

    def nonce(self, contract: str, account: Address) -> int:
        return int(self._call(contract, "nonces", account))

    # members

    def join(self, request: JoinRequest, member_signature: bytes, voucher_signature: bytes) -> int:
        receipt = self._send("MemberRegistry", "join", join_fields(request), member_signature, voucher_signature)
        return int(self._logged(receipt, "MemberJoined").args["memberId"])

    def members(self) -> Sequence[Member]:
        log, now = self._log.refreshed(), self._rpc.now()
        return tuple(member_from(log, joined, now) for joined in log.named("MemberJoined"))

    def member(self, account: Address) -> Member | None:
        return next((member for member in self.members() if member.account == account), None)

    def recovery(self, member_id: int) -> Recovery:
        recovery, moving_to, acceptable_from = self._call("MemberRegistry", "recoveryOf", member_id)
        return Recovery(
            recovery=_none_if_zero(recovery), moving_to=_none_if_zero(moving_to), acceptable_from=acceptable_from
        )

    # artifacts

    def register_artifact(self, registration: Registration, signature: bytes) -> bytes:
        self._send("ArtifactRegistry", "register", registration_fields(registration), signature)
        return cids.digest(registration.cid)

    def artifact(self, digest: bytes) -> Artifact | None:
        log = self._log.refreshed()
        event = log.last("ArtifactRegistered", digest)
        return None if event is None else self._artifacts(log, [event])[0]

    def artifacts(self) -> Sequence[Artifact]:
        log = self._log.refreshed()
        return tuple(self._artifacts(log, log.named("ArtifactRegistered")))

    def _artifacts(self, log: EventLog, registered: Sequence[Event]) -> list[Artifact]:
        if not registered:
            return []
        states = self._call_several("ArtifactRegistry", *(("stateOf", event.args["digest"]) for event in registered))
        return [artifact_from(log, e, ArtifactState(state)) for e, state in zip(registered, states, strict=True)]

    def owner_of(self, digest: bytes) -> Address:
        return Address(self._call("ArtifactRegistry", "ownerOf", digest))

    def accesses(self, digest: bytes) -> Sequence[AccessEntry]:
        log = self._log.refreshed()
        return accesses_of(sorted((e for name in ACCESS_EVENTS for e in log.named(name)), key=position), digest)

    # runs and rounds

    def create_run(self, params: RunParams) -> int:
        receipt = self._send("TrainingRuns", "createRun", run_fields(params))
        return int(self._logged(receipt, "RunCreated").args["runId"])

    def num_runs(self) -> int:
        return len(self._log.refreshed().named("RunCreated"))

    def run(self, run_id: int) -> RunState:
        state = self._of_run(run_id, lambda history: history.state)
        if state is None:
            raise LedgerRefused("UnknownRun", {"runId": run_id})
        return state

    def commit_round(self, commit: RoundCommit, signatures: Sequence[bytes]) -> bytes:
        return self._send("TrainingRuns", "commitRound", round_fields(commit), list(signatures)).tx_hash

    def close_failed(self, run_id: int, round_number: int, record_cid: Cid, reason: str) -> bytes:
        word = governance.reason_word(reason)
        receipt = self._send("TrainingRuns", "closeFailed", run_id, round_number, cids.to_bytes(record_cid), word)
        return receipt.tx_hash

    def round(self, run_id: int, round_number: int) -> RoundState | None:
        now = self._rpc.now()
        return self._of_run(run_id, lambda history: history.round(round_number, now))

    def rounds(self, run_id: int) -> Sequence[RoundState]:
        self.run(run_id)
        now = self._rpc.now()
        return self._of_run(run_id, lambda history: history.all_rounds(now))

    def restore_head(self, run_id: int) -> bytes:
        first = self._of_run(run_id, lambda history: history.rounds.get(history.lost_at))
        if first is None:
            raise LedgerRefused("HeadKnown", {"runId": run_id})
        return self._send("TrainingRuns", "restoreHead", run_id, data_fields(data_of(first))).tx_hash

    def _of_run(self, run_id: int, read: Callable[[RunHistory], T]) -> T:
        """What `read` finds in the run's history, which is carried on from where the last call left it."""
        with self._histories_lock:
            log = self._log.refreshed()
            generation, taken, history = self._histories.get(run_id, (log.generation, 0, RunHistory()))
            if generation != log.generation:
                generation, taken, history = log.generation, 0, RunHistory()
            events = log.of_run(run_id, taken)
            for event in events:
                history.take(event)
            self._histories[run_id] = (generation, taken + len(events), history)
            return read(history)

    # rewards

    def pays_rewards(self) -> bool:
        return not self._deployment.settings.zero_token

    def fund(self, run_id: int, amount: int) -> bytes:
        self._require_money()
        self._allow("RewardVault", amount)
        return self._send("RewardVault", "fund", run_id, amount).tx_hash

    def funded(self, run_id: int) -> int:
        self._require_money()
        return int(self._call("RewardVault", "funded", run_id))

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        self._require_money()
        state = self.round(leaf.run_id, leaf.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": leaf.run_id, "round": leaf.round})
        data = data_fields(data_of(state))
        receipt = self._send("RewardVault", "claim", leaf_fields(leaf), data, list(proof))
        return int(self._logged(receipt, "RewardClaimed").args["amount"])

    def claim_for(self, claims: Sequence[tuple[ContributionLeaf, Sequence[bytes]]]) -> int:
        self._require_money()
        first = claims[0][0]
        state = self.round(first.run_id, first.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": first.run_id, "round": first.round})
        leaves, proofs = [leaf_fields(leaf) for leaf, _ in claims], [list(proof) for _, proof in claims]
        receipt = self._send("RewardVault", "claimFor", leaves, data_fields(data_of(state)), proofs)
        events = (self._fetcher.decode(log) for log in receipt.logs)
        return sum(event.args["amount"] for event in events if event is not None and event.name == "RewardClaimed")

    def release(self, run_id: int, member_id: int) -> int:
        self._require_money()
        receipt = self._send("RewardVault", "release", run_id, member_id)
        return int(self._logged(receipt, "RewardVested").args["amount"])

    def claimed(self, run_id: int, member_id: int) -> int:
        self._require_money()
        return int(self._call("RewardVault", "claimed", run_id, member_id))

    def locked(self, run_id: int, member_id: int) -> int:
        self._require_money()
        amount, _ = self._call("RewardVault", "locked", run_id, member_id)
        return int(amount)

    def reward_balance(self, account: Address) -> int:
        self._require_money()
        return int(self._call("RewardToken", "balanceOf", account))

    def _require_money(self) -> None:
        if not self.pays_rewards():
            raise NoRewards

    # incidents

    def cases(self) -> Sequence[Case]:
        events = (e for e in self._log.refreshed().between(0, None) if e.contract == "IncidentManager")
        return tuple(cases_of(events).values())

    def contain(self, case_id: int, target: Target, until: int) -> bytes:
        return self._send("IncidentManager", "contain", case_id, int(target), until).tx_hash

    def lapse_case(self, case_id: int) -> bytes:
        return self._send("IncidentManager", "lapse", case_id).tx_hash

    def close_case(self, case_id: int, post_mortem_cid: Cid) -> bytes:
        return self._send("IncidentManager", "close", case_id, cids.to_bytes(post_mortem_cid)).tx_hash

    def bond(self, member_id: int) -> Bond:
        found = self._call("IncidentManager", "bondOf", member_id)
        return Bond(
            amount=found["amount"],
            leaving=found["leaving"],
            leaves_from=found["leavesFrom"],
            open_cases=found["openCases"],
        )

    def deposit_bond(self, member_id: int, amount: int) -> bytes:
        self._allow("IncidentManager", amount)
        return self._send("IncidentManager", "deposit", member_id, amount).tx_hash

    def withdraw_bond(self, member_id: int) -> bytes:
        return self._send("IncidentManager", "withdraw", member_id).tx_hash

    # merit

    def commit_epoch(self, commit: EpochCommit, signatures: Sequence[bytes]) -> bytes:
        return self._send("MeritEpochs", "commitEpoch", epoch_fields(commit), list(signatures)).tx_hash

    def epoch(self, number: int) -> EpochCommit | None:
        event = self._log.refreshed().last("EpochCommitted", number)
        return None if event is None else epoch_commit_from(event.args)

    def final_epoch(self, timepoint: int | None = None) -> int:
        at = self._rpc.now() if timepoint is None else timepoint
        return int(self._call("MeritEpochs", "finalEpochAt", at))

    def merit_bounds(self) -> MeritBounds:
        return record_from(MeritBounds, self._call("MeritEpochs", "bounds"))

    # governance

    def spec_bounds(self) -> ParamBounds:
        return bounds_from(self._call("TrainingRuns", "bounds"))

    def action(self, contract: str, function: str, *args: Any) -> Action:
        return governance.action(self._deployment.addresses, contract, function, *args)

    def set_spec_action(self, run_id: int, spec_cid: Cid, params: SpecParams | None = None) -> Action:
        chosen = params or self.run(run_id).spec_params
        return governance.set_spec(self._deployment.addresses["TrainingRuns"], run_id, spec_cid, chosen)

    def describe_action(self, action: Action) -> Mapping[str, Any]:
        return governance.describe_action(self._deployment.addresses, action)

    def addresses(self) -> Mapping[str, Address]:
        return dict(self._deployment.addresses)

    def code_hash(self, address: Address) -> bytes:
        code = self._rpc.code(address)
        return keccak(code) if code else bytes(32)

    def rules(self) -> GovernorRules:
        return record_from(GovernorRules, self._call("TenWingsGovernor", "rulesAt", self._rpc.now()))

    def charter(self) -> CharterState:
        newest = self._log.refreshed().named("CharterSet")[-1]
        return charter_from(newest)

    def guardian(self) -> GuardianState | None:
        return guardian_from(self._call("Guardian", "guardian"))

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

    def pause_as_guardian(self, run_id: int, until: int) -> bytes:
        return self._send("Guardian", "pause", run_id, until).tx_hash

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

    # inside

    def _allow(self, contract: str, amount: int) -> None:
        """Let a contract take so many wei from the sender."""
        self._require_money()
        spender = self._deployment.addresses[contract]
        if self._call("RewardToken", "allowance", self._sending().address, spender) < amount:
            self._send("RewardToken", "approve", spender, amount)

    def _sending(self) -> Sender:
        if self._sender is None:
            raise ConfigError("expected an account that pays for transactions, got none: name a keystore")
        return self._sender

    def _send(self, contract: str, function: str, *args: Any) -> Receipt:
        calldata = encode_call(contract, function, *args)
        return self._sending().send(self._deployment.addresses[contract], calldata)

    def _call(self, contract: str, function: str, *args: Any) -> Any:
        return self._call_several(contract, (function, *args))[0]

    def _call_several(self, contract: str, *calls: tuple[Any, ...]) -> list[Any]:
        """Results of (function, *arguments) on one contract, in one round trip."""
        address = self._deployment.addresses[contract]
        answers = self._rpc.calls(address, [encode_call(contract, *call) for call in calls])
        if not all(answers):
            raise LedgerError(
                f"expected {contract} at {address} of chain {self.chain_id()}, got no code there: the chain was "
                "reset since the deployment; deploy again or restore its state"
            )
        return [decode_result(contract, call[0], answer) for call, answer in zip(calls, answers, strict=True)]

    def _all_logged(self, receipt: Receipt, name: str) -> list[Event]:
        events = (self._fetcher.decode(log) for log in receipt.logs)
        return [event for event in events if event is not None and event.name == name]

    def _logged(self, receipt: Receipt, name: str) -> Event:
        found = next(iter(self._all_logged(receipt, name)), None)
        if found is None:
            raise LedgerError(
                f"expected the event {name} of transaction 0x{receipt.tx_hash.hex()}, got none: the addresses of the "
                "deployment are not those of our contracts"
            )
        return found


def _require_chain(rpc: Rpc, deployment: Deployment) -> None:
    found = rpc.chain_id()
    if found != deployment.chain_id:
        raise ConfigError(
            f"{rpc.url}: expected chain {deployment.chain_id} of the deployment, got chain {found}; correct rpc_url"
        )


def _none_if_zero(account: str) -> Address | None:
    return Address(account) if int(account, 16) else None
