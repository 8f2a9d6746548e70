"""Replays a run from the chain and the CIDs: everything but the training itself, offline, by anyone.

For every round: the spec and the parent that were in force, every receipt and its signature, every update's bytes, the
score sheets and the seed they were drawn with, the medians, the aggregate and the next checkpoint bit by bit, the
contributions tree, its root and the reward. Then the merit epochs and every payout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from federation import replay
from federation.config import RunSpec
from federation.replay import Fetch, Mismatch
from model.checkpoint import read
from node import cid as cids
from node.errors import ConfigError, LedgerRefused
from node.ports import ContentStore, Ledger
from node.records.chain import Address, Event
from node.records.datasets import DatasetManifest
from node.records.members import Member
from node.records.merit import MeritBounds
from node.records.rounds import ContributionLeaf, RoundCommit, RoundState, RoundStatus
from node.records.runs import RunState
from node.round_record import RoundRecord, merit_tree_to_bytes
from node.run_history import RunHistory

SEALED_NOTE = (
    "its train and score clips are sealed: their bytes are there, what they show cannot be checked without the key"
)
ACCESS_NOTE = "trained on sealed clips by members who had been granted access"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the audit found of one thing."""

    round: int
    """0 for what belongs to no round: the dataset and the genesis checkpoint."""
    what: str
    """"dataset", "round", "voided round", "merit epoch" or "payouts"."""
    holds: bool
    subject: str = ""
    """The object that does not hold, e.g. "update of 0x..."."""
    detail: str = ""
    heldout_loss_micro: int = 0
    num_updates: int = 0
    num_refused: int = 0
    note: str = ""
    """What this audit could not look at."""


def audit(ledger: Ledger, store: ContentStore, run_id: int) -> Iterator[Verdict]:
    """Verdicts in the order of history. Raises ConfigError for a run that is not on chain."""
    try:
        run = ledger.run(run_id)
    except LedgerRefused as error:
        raise ConfigError(f"expected a run on chain, got {run_id}; `tenwings run ls` shows them ({error})") from error
    events = ledger.events(0)
    yield _judge(0, "dataset", lambda: _dataset(ledger, store.get, run, events))
    claims = _of(events, "RewardClaimed", run_id)
    leaves: dict[int, Sequence[ContributionLeaf]] = {}
    for state in ledger.rounds(run_id):
        number = state.commit.round
        if state.status == RoundStatus.VOIDED:
            yield Verdict(round=number, what="voided round", holds=True)
        else:
            yield _judge(number, "round", lambda s=state: _round(ledger, store.get, events, s, leaves))  # type: ignore[misc]
    for epoch in _of(events, "EpochCommitted", run_id):
        number = int(epoch.args["uptoRound"])
        then = LedgerAt(ledger, events, (epoch.block_number, epoch.log_index))
        yield _judge(number, "merit epoch", lambda e=epoch, t=then: _epoch(t, store.get, run_id, e))  # type: ignore[misc]
    for number in sorted({int(claim.args["round"]) for claim in claims}):
        mine = [c for c in claims if c.args["round"] == number]
        yield _judge(number, "payouts", lambda n=number, m=mine: _payouts(claims, leaves.get(n), m))  # type: ignore[misc]


def _judge(number: int, what: str, check: Callable[[], Mapping[str, Any]]) -> Verdict:
    try:
        found = check()
    except Mismatch as mismatch:
        return Verdict(round=number, what=what, holds=False, subject=mismatch.subject, detail=mismatch.finding)
    return replace(Verdict(round=number, what=what, holds=True), **found)


def _of(events: Sequence[Event], name: str, run_id: int) -> list[Event]:
    return [e for e in events if e.name == name and e.args["runId"] == run_id]


def _dataset(ledger: Ledger, fetch: Fetch, run: RunState, events: Sequence[Event]) -> dict[str, Any]:
    """Every dataset that the run ever had, and its genesis checkpoint."""
    voted = [e.args["datasetDigest"] for e in _of(events, "DatasetChanged", run.run_id)]
    restricted = [_one_dataset(ledger, fetch, digest) for digest in (run.params.dataset_digest, *voted)]
    try:
        read(replay.fetch_as(fetch, run.params.genesis_cid, "genesis checkpoint"))
    except ValueError as error:
        raise Mismatch("dataset", str(error)) from error
    return {"note": SEALED_NOTE} if any(restricted) else {}


def _one_dataset(ledger: Ledger, fetch: Fetch, digest: bytes) -> bool:
    """Whether it is restricted."""
    artifact = ledger.artifact(digest)
    if artifact is None:
        raise Mismatch("dataset", f"expected 0x{digest.hex()} in the registry")
    try:
        manifest = DatasetManifest.from_bytes(replay.fetch_as(fetch, artifact.cid, "dataset manifest"))
        for shard in manifest.shards:
            replay.fetch_as(fetch, shard.cid, f"{shard.split} shard {shard.cid}")
    except ValueError as error:
        raise Mismatch("dataset", str(error)) from error
    if artifact.restricted != bool(manifest.encryption):
        raise Mismatch("dataset", "expected a restricted dataset to be sealed and an open one not to be")
    return artifact.restricted


def _round(
    ledger: Ledger,
    fetch: Fetch,
    events: Sequence[Event],
    state: RoundState,
    leaves: dict[int, Sequence[ContributionLeaf]],
) -> dict[str, Any]:
    commit, number = state.commit, state.commit.round
    committed = next(e for e in _of(events, "RoundCommitted", commit.run_id) if e.args["round"] == number)
    as_of = LedgerAt(ledger, events, (committed.block_number, committed.log_index))
    _check_chain(as_of, fetch, commit)
    record = replay.load_record(fetch, commit)
    _, result = replay.redo(as_of, fetch, commit.run_id, number, commit.record_cid)
    restricted = _check_access(as_of, events, record, (committed.block_number, committed.log_index))
    stored = replay.fetch_as(fetch, commit.checkpoint_cid, "checkpoint")
    if stored != result.checkpoint:
        raise Mismatch("checkpoint", f"expected the bytes of {cids.of(result.checkpoint)}, got others")
    leaves[number] = result.leaves
    return {
        "heldout_loss_micro": commit.heldout_loss_micro,
        "num_updates": len(record.receipts),
        "num_refused": len(record.refusals),
        "note": ACCESS_NOTE if restricted else "",
    }


def _check_access(as_of: Ledger, events: Sequence[Event], record: RoundRecord, position: tuple[int, int]) -> bool:
    """Whether the round's dataset is restricted; then every update must be of a member who had been let in by then."""
    digest = as_of.run(record.run_id).dataset_digest
    artifact = as_of.artifact(digest)
    if artifact is None or not artifact.restricted:
        return False
    earlier = [e for e in events if (e.block_number, e.log_index) < position]
    allowed = {e.args["account"] for e in earlier if e.name == "AccessGranted" and e.args["digest"] == digest}
    allowed |= {artifact.account, as_of.owner_of(digest)}
    for signed in record.receipts:
        if signed.receipt.account not in allowed:
            raise Mismatch(
                f"update of {signed.receipt.account}", "expected a grant of the restricted dataset before it"
            )
    return True


def _check_chain(as_of: Ledger, fetch: Fetch, commit: RoundCommit) -> None:
    """The parent, the spec and the dataset that were in force when the round was committed, and what of the spec its
    proposal declared."""
    run = as_of.run(commit.run_id)
    if commit.parent_digest != cids.digest(run.head_cid):
        raise Mismatch("parent", f"expected {run.head_cid}, got digest 0x{commit.parent_digest.hex()}")
    spec_digest = cids.digest(run.spec_cid)
    if commit.spec_digest != spec_digest:
        raise Mismatch("run spec", f"expected the voted spec 0x{spec_digest.hex()}, got 0x{commit.spec_digest.hex()}")
    if commit.dataset_digest != run.dataset_digest:
        voted = run.dataset_digest.hex()
        raise Mismatch("dataset", f"expected the voted dataset 0x{voted}, got 0x{commit.dataset_digest.hex()}")
    try:
        RunSpec.from_bytes(replay.fetch_as(fetch, run.spec_cid, "run spec")).require_declared(run.spec_params)
    except ConfigError as error:
        raise Mismatch("run spec", str(error)) from error


def _epoch(ledger: Ledger, fetch: Fetch, run_id: int, event: Event) -> dict[str, int]:
    number = int(event.args["epoch"])
    commit, leaves = replay.epoch_of(ledger, fetch, run_id, number, int(event.args["uptoRound"]))
    if ledger.epoch(number) != commit:
        raise Mismatch(f"merit epoch {number}", f"expected {commit}, got {ledger.epoch(number)}")
    stored = replay.fetch_as(fetch, commit.tree_cid, f"merit tree of epoch {number}")
    if stored != merit_tree_to_bytes(leaves):
        raise Mismatch(f"merit tree of epoch {number}", "expected the leaves of the rounds, got others")
    return {}


def _payouts(
    claims: Sequence[Event], leaves: Sequence[ContributionLeaf] | None, of_round: Sequence[Event]
) -> dict[str, int]:
    """Every claim paid what its leaf had earned and was not paid before."""
    if leaves is None:
        raise Mismatch("payouts", "expected a round that holds, it does not: its payouts cannot be checked")
    by_member = {leaf.member_id: leaf for leaf in leaves}
    for claim in of_round:
        account, member_id = Address(claim.args["account"]), claim.args["memberId"]
        leaf = by_member.get(member_id)
        if leaf is None or leaf.cumulative_reward != claim.args["cumulativeReward"]:
            raise Mismatch(
                f"payout to {account}", f"expected the total of {leaf}, got {claim.args['cumulativeReward']}"
            )
        position = (claim.block_number, claim.log_index)
        paid = sum(
            int(c.args["amount"])
            for c in claims
            if c.args["memberId"] == member_id and (c.block_number, c.log_index) <= position
        )
        if paid != leaf.cumulative_reward:
            raise Mismatch(f"payout to {account}", f"expected {leaf.cumulative_reward} wei paid by then, got {paid}")
    return {}


_BARS = ("MemberBarred", "MemberUnbarred")


class LedgerAt:
    """The ledger with members, runs and bounds of merit as they were just before a log: later joins, bars and votes do
    not rewrite history."""

    def __init__(self, ledger: Ledger, events: Sequence[Event], position: tuple[int, int]) -> None:
        """`position`: block number and log index."""
        self._ledger = ledger
        self._earlier = [e for e in events if (e.block_number, e.log_index) < position]
        moment = next((e.timestamp for e in events if (e.block_number, e.log_index) == position), 0)
        self._members = {m.account: m for m in _members_at(ledger, self._earlier, moment)}

    def members(self) -> Sequence[Member]:
        return list(self._members.values())

    def member(self, account: Address) -> Member | None:
        return self._members.get(account)

    def run(self, run_id: int) -> RunState:
        state = RunHistory.of(self._earlier, run_id).state
        assert state is not None, f"run {run_id} has a round and was never opened"
        return state

    def merit_bounds(self) -> MeritBounds:
        values = next(e.args["bounds"] for e in reversed(self._earlier) if e.name == "MeritBoundsSet")
        return MeritBounds(max_share_bps=values["maxShareBps"], max_growth_bps=values["maxGrowthBps"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def _members_at(ledger: Ledger, earlier: Sequence[Event], moment: int) -> Iterator[Member]:
    joined = {e.args["memberId"]: e.args["account"] for e in earlier if e.name == "MemberJoined"}
    joined.update({e.args["memberId"]: e.args["to"] for e in earlier if e.name == "MemberMoved"})
    active = {e.args["memberId"]: bool(e.args["active"]) for e in earlier if e.name == "MemberActiveSet"}
    active.update({e.args["memberId"]: False for e in earlier if e.name == "MemberLeft"})
    barred = {e.args["memberId"]: int(e.args.get("until", 0)) for e in earlier if e.name in _BARS}
    for member in ledger.members():
        number = member.member_id
        if number in joined:
            standing = active.get(number, True) and moment >= barred.get(number, 0)
            yield replace(member, account=joined[number], active=standing)
