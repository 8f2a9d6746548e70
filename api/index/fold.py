"""What the events add up to: a pure fold from the chain's log into everything that the pages show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from api.index.artifact_fold import ArtifactFold
from api.index.entries import (
    CharterEntry,
    EpochEntry,
    FailureEntry,
    History,
    ProposalEntry,
    RoundEntry,
    RunEntry,
    SpecVersion,
    VoteEntry,
)
from api.index.recovery_fold import RecoveryFold
from node.chain_records import round_commit_from
from node.cid import from_bytes
from node.incidents import CONTRACT, Case, take_case
from node.records.chain import Event
from node.records.members import Member, Role
from node.records.merit import EpochCommit
from node.run_history import RunHistory


class Fold:
    """Takes events in the chain's order; `history()` is what they add up to so far."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._members: dict[int, Member] = {}
        self._former: dict[str, int] = {}
        self._recoveries = RecoveryFold()
        self._artifacts = ArtifactFold()
        self._cases: dict[int, Case] = {}
        self._runs: dict[int, RunEntry] = {}
        self._run_histories: defaultdict[int, RunHistory] = defaultdict(RunHistory)
        self._epochs: dict[int, EpochEntry] = {}
        self._proposals: dict[int, ProposalEntry] = {}
        self._charters: list[CharterEntry] = []
        self._num_events = 0
        self.take(events)

    def take(self, events: Iterable[Event]) -> None:
        """Add what happened. Events that no page needs are counted and passed over."""
        for event in events:
            self._num_events += 1
            if event.contract == "MemberRegistry":
                self._recoveries.take(event)
            if event.contract == "ArtifactRegistry":
                self._artifacts.take(event)
            if event.contract == CONTRACT:
                take_case(self._cases, event)
            step = _STEPS.get(event.name)
            if step is not None:
                step(self, event)
            if event.contract == "TrainingRuns" and "runId" in event.args:
                self._take_of_run(event)

    def _take_of_run(self, event: Event) -> None:
        """What the run's events add up to: head, spec, dataset, voided rounds."""
        run_id = event.args["runId"]
        history = self._run_histories[run_id]
        history.take(event)
        if history.state is not None:
            self._runs[run_id] = replace(self._runs[run_id], state=history.state, voided=frozenset(history.voided))

    def history(self) -> History:
        """An own copy: later events do not change it."""
        return History(
            members=dict(self._members),
            accounts={
                **{account: self._members[number] for account, number in self._former.items()},
                **{str(member.account): member for member in self._members.values()},
            },
            recoveries=dict(self._recoveries.entries),
            artifacts=dict(self._artifacts.entries),
            runs=dict(self._runs),
            cases=dict(self._cases),
            epochs=dict(self._epochs),
            proposals=dict(self._proposals),
            charters=tuple(self._charters),
            num_events=self._num_events,
        )

    def _member_joined(self, event: Event) -> None:
        args = event.args
        self._members[args["memberId"]] = Member(
            member_id=args["memberId"],
            account=args["account"],
            name=args["name"],
            roles=Role(args["roles"]),
            active=True,
            joined_at=event.timestamp,
            node_key_digest=args["nodeKeyDigest"],
        )

    def _node_key_rotated(self, event: Event) -> None:
        member = self._members[event.args["memberId"]]
        self._members[member.member_id] = replace(member, node_key_digest=event.args["newDigest"])

    def _member_active_set(self, event: Event) -> None:
        member = self._members[event.args["memberId"]]
        self._members[member.member_id] = replace(member, active=event.args["active"])

    def _member_moved(self, event: Event) -> None:
        member = self._members[event.args["memberId"]]
        self._former[event.args["from"]] = member.member_id
        self._members[member.member_id] = replace(member, account=event.args["to"])

    def _member_left(self, event: Event) -> None:
        member = self._members[event.args["memberId"]]
        self._members[member.member_id] = replace(member, active=False, left=True)

    def _member_barred(self, event: Event) -> None:
        member = self._members[event.args["memberId"]]
        self._members[member.member_id] = replace(member, barred_until=event.args.get("until", 0))

    def _run_created(self, event: Event) -> None:
        args = event.args
        self._runs[args["runId"]] = RunEntry(
            run_id=args["runId"],
            curator=args["curator"],
            created_at=event.timestamp,
            specs=(),
            rounds={},
            failures=(),
            claimed={},
            funded=0,
        )

    def _spec_changed(self, event: Event) -> None:
        spec = SpecVersion(
            version=event.args["version"],
            cid=from_bytes(event.args["specCid"]),
            from_round=event.args["fromRound"],
            changed_at=event.timestamp,
            tx_hash=event.tx_hash,
        )
        run = self._runs[event.args["runId"]]
        self._runs[run.run_id] = replace(run, specs=(*run.specs, spec))

    def _round_committed(self, event: Event) -> None:
        commit = round_commit_from(event.args)
        entry = RoundEntry(
            commit=commit,
            committed_at=event.timestamp,
            parent_round=event.args["parentRound"],
            block_number=event.block_number,
            tx_hash=event.tx_hash,
        )
        run = self._runs[commit.run_id]
        self._runs[run.run_id] = replace(run, rounds={**run.rounds, commit.round: entry})

    def _round_failed(self, event: Event) -> None:
        failure = FailureEntry(
            round=event.args["round"],
            record_cid=from_bytes(event.args["recordCid"]),
            reason=event.args["reason"].rstrip(b"\0").decode("ascii", errors="replace"),
            failed_at=event.timestamp,
            block_number=event.block_number,
            tx_hash=event.tx_hash,
        )
        run = self._runs[event.args["runId"]]
        self._runs[run.run_id] = replace(run, failures=(*run.failures, failure))

    def _run_funded(self, event: Event) -> None:
        run = self._runs[event.args["runId"]]
        self._runs[run.run_id] = replace(run, funded=run.funded + event.args["amount"])

    def _reward_slashed(self, event: Event) -> None:
        run = self._runs[event.args["runId"]]
        self._runs[run.run_id] = replace(run, funded=run.funded + event.args["amount"])

    def _reward_claimed(self, event: Event) -> None:
        run = self._runs[event.args["runId"]]
        claimed = {**run.claimed, event.args["memberId"]: event.args["cumulativeReward"]}
        self._runs[run.run_id] = replace(run, claimed=claimed)

    def _epoch_committed(self, event: Event) -> None:
        args = event.args
        commit = EpochCommit(
            epoch=args["epoch"],
            run_id=args["runId"],
            upto_round=args["uptoRound"],
            root=args["root"],
            total_weight=args["totalWeight"],
            max_weight=args["maxWeight"],
            count=args["count"],
            tree_cid=from_bytes(args["treeCid"]),
        )
        self._epochs[commit.epoch] = EpochEntry(
            commit=commit, committed_at=event.timestamp, final_at=args["finalAt"], tx_hash=event.tx_hash
        )

    def _proposal_created(self, event: Event) -> None:
        args = event.args
        self._proposals[args["proposalId"]] = ProposalEntry(
            proposal_id=args["proposalId"],
            proposer=args["proposer"],
            description=args["description"],
            created_at=event.timestamp,
            vote_start=args["voteStart"],
            vote_end=args["voteEnd"],
            tx_hash=event.tx_hash,
        )

    def _proposal_sponsored(self, event: Event) -> None:
        proposal = self._proposals[event.args["proposalId"]]
        sponsors = (*proposal.sponsors, event.args["sponsor"])
        self._proposals[proposal.proposal_id] = replace(proposal, sponsors=sponsors)

    def _proposal_extended(self, event: Event) -> None:
        proposal = self._proposals[event.args["proposalId"]]
        self._proposals[proposal.proposal_id] = replace(proposal, vote_end=event.args["extendedDeadline"])

    def _charter_set(self, event: Event) -> None:
        self._charters.append(
            CharterEntry(
                cid=from_bytes(event.args["cid"]),
                num_articles=event.args["numArticles"],
                version=event.args["version"],
                set_at=event.timestamp,
                tx_hash=event.tx_hash,
            )
        )

    def _vote_cast(self, event: Event) -> None:
        args = event.args
        vote = VoteEntry(
            voter=args["voter"],
            support=args["support"],
            weight=args["weight"],
            reason=args["reason"],
            cast_at=event.timestamp,
            tx_hash=event.tx_hash,
        )
        proposal = self._proposals[args["proposalId"]]
        self._proposals[proposal.proposal_id] = replace(proposal, votes=(*proposal.votes, vote))

    def _proposal_queued(self, event: Event) -> None:
        proposal = self._proposals[event.args["proposalId"]]
        self._proposals[proposal.proposal_id] = replace(proposal, queued_at=event.timestamp)

    def _proposal_executed(self, event: Event) -> None:
        proposal = self._proposals[event.args["proposalId"]]
        self._proposals[proposal.proposal_id] = replace(proposal, executed_at=event.timestamp)

    def _proposal_canceled(self, event: Event) -> None:
        proposal = self._proposals[event.args["proposalId"]]
        self._proposals[proposal.proposal_id] = replace(proposal, canceled_at=event.timestamp)


_STEPS: Mapping[str, Callable[[Fold, Event], None]] = {
    "MemberJoined": Fold._member_joined,
    "NodeKeyRotated": Fold._node_key_rotated,
    "MemberActiveSet": Fold._member_active_set,
    "MemberMoved": Fold._member_moved,
    "MemberLeft": Fold._member_left,
    "MemberBarred": Fold._member_barred,
    "MemberUnbarred": Fold._member_barred,
    "RunCreated": Fold._run_created,
    "SpecChanged": Fold._spec_changed,
    "RoundCommitted": Fold._round_committed,
    "RoundFailed": Fold._round_failed,
    "RunFunded": Fold._run_funded,
    "RewardClaimed": Fold._reward_claimed,
    "RewardSlashed": Fold._reward_slashed,
    "EpochCommitted": Fold._epoch_committed,
    "ProposalCreated": Fold._proposal_created,
    "ProposalSponsored": Fold._proposal_sponsored,
    "ProposalExtended": Fold._proposal_extended,
    "CharterSet": Fold._charter_set,
    "VoteCast": Fold._vote_cast,
    "VoteCastWithParams": Fold._vote_cast,
    "ProposalQueued": Fold._proposal_queued,
    "ProposalExecuted": Fold._proposal_executed,
    "ProposalCanceled": Fold._proposal_canceled,
}
"""By event name. The order of a step's events is the chain's: a round follows its run, a vote its proposal."""
