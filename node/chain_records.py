"""Records between Python and the contracts' structs and events; field order is that of contracts/interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any, TypeVar

from node import cid as cids
from node import governance
from node.abi_codec import camel_case, snake_case
from node.chain_events import EventLog
from node.records.artifacts import Artifact, ArtifactKind, ArtifactState, Registration
from node.records.chain import Address, Event
from node.records.governance import CharterState, GuardianState
from node.records.members import JoinRequest, Member, Role
from node.records.merit import EpochCommit
from node.records.proposals import Action, Ballot, Tally
from node.records.rounds import ContributionLeaf, RoundCommit, RoundData, RoundState
from node.records.runs import ParamBounds, RunParams, SpecParams

T = TypeVar("T")


def join_fields(request: JoinRequest) -> tuple[Any, ...]:
    """IMemberRegistry.JoinRequest."""
    return (request.account, int(request.roles), request.node_key_digest, request.name, request.deadline)


def registration_fields(registration: Registration) -> tuple[Any, ...]:
    """IArtifactRegistry.Registration."""
    return (
        registration.account,
        int(registration.kind),
        cids.to_bytes(registration.cid),
        registration.licence,
        list(registration.parents),
        registration.restricted,
        registration.deadline,
    )


def run_fields(params: RunParams) -> tuple[Any, ...]:
    """ITrainingRuns.RunParams."""
    return (
        params.name,
        cids.to_bytes(params.spec_cid),
        spec_fields(params.spec_params),
        cids.to_bytes(params.genesis_cid),
        params.dataset_digest,
        params.reward_cap,
        params.quorum,
        params.dispute_window_seconds,
        params.vested_bps,
        params.vesting_seconds,
    )


def spec_fields(params: SpecParams) -> tuple[int, ...]:
    """IRunGovernance.SpecParams."""
    return astuple(params)


def spec_args(params: SpecParams) -> dict[str, int]:
    """IRunGovernance.SpecParams by Solidity name, as events hold it."""
    return {camel_case(f.name): getattr(params, f.name) for f in fields(params)}


def spec_params_from(args: Mapping[str, int]) -> SpecParams:
    """From IRunGovernance.SpecParams by Solidity name."""
    return SpecParams(**{f.name: args[camel_case(f.name)] for f in fields(SpecParams)})


def bounds_fields(bounds: ParamBounds) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """IRunGovernance.ParamBounds."""
    return spec_fields(bounds.least), spec_fields(bounds.most)


def bounds_from(args: Mapping[str, Mapping[str, int]]) -> ParamBounds:
    """From IRunGovernance.ParamBounds by Solidity name."""
    return ParamBounds(least=spec_params_from(args["least"]), most=spec_params_from(args["most"]))


def data_of(state: RoundState) -> RoundData:
    """What the chain sealed of a committed round."""
    commit = state.commit
    return RoundData(
        contributions_root=commit.contributions_root,
        checkpoint_digest=cids.digest(commit.checkpoint_cid),
        parent_digest=commit.parent_digest,
        cumulative_reward=state.cumulative_reward,
        reward=commit.reward,
    )


def data_fields(data: RoundData) -> tuple[Any, ...]:
    """ITrainingRuns.RoundData."""
    return astuple(data)


def data_args(data: RoundData) -> dict[str, Any]:
    """ITrainingRuns.RoundData by Solidity name."""
    return {camel_case(f.name): getattr(data, f.name) for f in fields(data)}


def data_from(args: Mapping[str, Any]) -> RoundData:
    """From ITrainingRuns.RoundData by Solidity name."""
    return RoundData(**{f.name: args[camel_case(f.name)] for f in fields(RoundData)})


def round_fields(commit: RoundCommit) -> tuple[Any, ...]:
    """ITrainingRuns.RoundCommit."""
    return (
        commit.run_id,
        commit.round,
        commit.spec_digest,
        commit.dataset_digest,
        commit.parent_digest,
        cids.digest(commit.checkpoint_cid),
        commit.contributions_root,
        cids.digest(commit.record_cid),
        codecs_of(commit),
        commit.num_clients,
        commit.reward,
        commit.heldout_loss_micro,
    )


def codecs_of(commit: RoundCommit) -> int:
    """Which of the commit's two CIDs, checkpoint and record, is dag-pb."""
    return cids.codecs(commit.checkpoint_cid, commit.record_cid)


def leaf_fields(leaf: ContributionLeaf) -> tuple[Any, ...]:
    """IRewardVault.Leaf."""
    return (
        leaf.run_id,
        leaf.round,
        leaf.member_id,
        leaf.account,
        leaf.samples,
        leaf.steps,
        leaf.score,
        leaf.update_digest,
        leaf.reward,
        leaf.cumulative_reward,
    )


def epoch_fields(commit: EpochCommit) -> tuple[Any, ...]:
    """IMeritEpochs.EpochCommit."""
    return (
        commit.epoch,
        commit.run_id,
        commit.upto_round,
        commit.root,
        commit.total_weight,
        commit.max_weight,
        commit.count,
        cids.to_bytes(commit.tree_cid),
    )


def ballot_fields(ballot: Ballot, signature: bytes) -> tuple[Any, ...]:
    """ITenWingsGovernor.SignedBallot."""
    return (ballot.proposal_id, int(ballot.support), ballot.voter, ballot.reason, ballot.params, signature)


def record_from(kind: type[T], struct: Mapping[str, Any]) -> T:
    """A record whose fields are the struct's, in snake_case."""
    return kind(**{snake_case(name): value for name, value in struct.items()})


def charter_from(event: Event) -> CharterState:
    """From CharterSet."""
    args = event.args
    return CharterState(cid=cids.from_bytes(args["cid"]), num_articles=args["numArticles"], version=args["version"])


def guardian_from(values: tuple[Address, int, bool]) -> GuardianState | None:
    """From IGuardian.guardian."""
    account, ends_at, armed = values
    return GuardianState(account=account, ends_at=ends_at, armed=armed) if int(account, 16) else None


def tally_from(weights: tuple[int, int, int], heads: tuple[int, int, int]) -> Tally:
    """From ITenWingsGovernor.proposalVotes and proposalHeads, each against, for, abstain."""
    return Tally(
        weight_against=weights[0],
        weight_for=weights[1],
        weight_abstain=weights[2],
        heads_against=heads[0],
        heads_for=heads[1],
        heads_abstain=heads[2],
    )


def member_from(log: EventLog, joined: Event, now: int) -> Member:
    """From MemberJoined and the newest of what happened to the member since; a bar ends by itself."""
    number = joined.args["memberId"]
    moved, rotated = log.last("MemberMoved", number), log.last("NodeKeyRotated", number)
    active, left = log.last("MemberActiveSet", number), log.last("MemberLeft", number) is not None
    barred_until = _barred_until(log, number)
    return Member(
        member_id=number,
        account=joined.args["account"] if moved is None else moved.args["to"],
        name=joined.args["name"],
        roles=Role(joined.args["roles"]),
        active=(active is None or active.args["active"]) and not left and now >= barred_until,
        joined_at=joined.timestamp,
        node_key_digest=joined.args["nodeKeyDigest"] if rotated is None else rotated.args["newDigest"],
        barred_until=barred_until,
        left=left,
    )


def _barred_until(log: EventLog, member_id: int) -> int:
    barred, freed = log.last("MemberBarred", member_id), log.last("MemberUnbarred", member_id)
    if barred is None or (freed is not None and position(freed) > position(barred)):
        return 0
    return int(barred.args["until"])


def position(event: Event) -> tuple[int, int]:
    """Where an event stands in the chain's order."""
    return event.block_number, event.log_index


def artifact_from(log: EventLog, event: Event, state: ArtifactState) -> Artifact:
    """From ArtifactRegistered and what happened since; the state hangs on the time and is the contract's word."""
    digest = event.args["digest"]
    superseded = log.last("ArtifactSuperseded", digest)
    return Artifact(
        digest=digest,
        kind=ArtifactKind(event.args["kind"]),
        account=event.args["account"],
        cid=cids.from_bytes(event.args["cid"]),
        licence=event.args["licence"],
        registered_at=event.timestamp,
        parents=tuple(event.args["parents"]),
        restricted=event.args["restricted"],
        state=state,
        superseded_by=None if superseded is None else superseded.args["by"],
        certified=log.last("ReleaseCertified", digest) is not None,
    )


def run_params_from(args: Mapping[str, Any], spec_params: SpecParams) -> RunParams:
    """From RunCreated, and the SpecChanged that follows it."""
    return RunParams(
        name=args["name"],
        spec_cid=cids.from_bytes(args["specCid"]),
        spec_params=spec_params,
        genesis_cid=cids.from_bytes(args["genesisCid"]),
        dataset_digest=args["datasetDigest"],
        reward_cap=args["rewardCap"],
        quorum=args["quorum"],
        dispute_window_seconds=args["disputeWindowSeconds"],
        vested_bps=args["vestedBps"],
        vesting_seconds=args["vestingSeconds"],
    )


def round_commit_from(args: Mapping[str, Any]) -> RoundCommit:
    """From RoundCommitted."""
    return RoundCommit(
        run_id=args["runId"],
        round=args["round"],
        spec_digest=args["specDigest"],
        dataset_digest=args["datasetDigest"],
        parent_digest=args["parentDigest"],
        checkpoint_cid=cids.of_digest(args["checkpointDigest"], dag_pb=bool(args["codecs"] & 1)),
        contributions_root=args["contributionsRoot"],
        record_cid=cids.of_digest(args["recordDigest"], dag_pb=bool(args["codecs"] & 2)),
        num_clients=args["numClients"],
        reward=args["reward"],
        heldout_loss_micro=args["heldoutLossMicro"],
    )


def epoch_commit_from(args: Mapping[str, Any]) -> EpochCommit:
    """From EpochCommitted."""
    return EpochCommit(
        epoch=args["epoch"],
        run_id=args["runId"],
        upto_round=args["uptoRound"],
        root=args["root"],
        total_weight=args["totalWeight"],
        max_weight=args["maxWeight"],
        count=args["count"],
        tree_cid=cids.from_bytes(args["treeCid"]),
    )


def actions_from(args: Mapping[str, Any]) -> tuple[Action, ...]:
    """From ProposalCreated."""
    columns = zip(args["targets"], args["calldatas"], args["values"], strict=True)
    return tuple(Action(target=target, calldata=calldata, value=value) for target, calldata, value in columns)


def stage_arguments(created: Event) -> tuple[list[Address], list[int], list[bytes], bytes]:
    """What queue and execute take: the proposal's actions, and the hash of its description."""
    description = governance.description_hash(created.args["description"])
    return (*governance.columns(actions_from(created.args)), description)
