"""Redoing a round from its record: what evaluators do before they co-sign and what an audit does years later.

Everything comes from CIDs and from the chain; nothing from the coordinator's word. The first thing that does not hold
raises `Refused("disagrees", ...)` or `AuditFailed` with the object's name, so that the culprit is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from federation.aggregate import update_norm
from federation.config import RunSpec
from federation.gate import Refused, check_member, check_receipt, check_sheet_covers, outside_norm
from federation.merit import EpochPast, epoch_leaves
from federation.outcome import Outcome, RoundInputs, outcome, round_reward
from federation.payload import payload_of
from federation.receipts import check_sheet
from federation.scoring import scoring_seed
from model.checkpoint import Checkpoint, read
from node import cid as cids
from node.errors import ConfigError, ContentCorrupt, ContentUnavailable, SignatureInvalid
from node.ports import Ledger
from node.proofs import contribution_tree, merit_tree
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import Role
from node.records.merit import EpochCommit, MeritLeaf
from node.records.rounds import ContributionLeaf, RoundCommit, RoundStatus
from node.round_record import RoundRecord, ScoreSheet, merit_tree_to_bytes, tree_from_bytes, tree_to_bytes

Fetch = Callable[[Cid], bytes]


class Mismatch(Refused):
    """A recorded thing that is not what its inputs make."""

    def __init__(self, subject: str, detail: str) -> None:
        self.subject, self.finding = subject, detail
        super().__init__("disagrees", f"{subject}: {detail}")


def fetch_as(fetch: Fetch, cid: Cid, subject: str) -> bytes:
    """The bytes of `cid`; what is missing or flipped raises Mismatch with the object's name."""
    try:
        return fetch(cid)
    except (ContentCorrupt, ContentUnavailable) as error:
        raise Mismatch(subject, str(error)) from error


def load_record(fetch: Fetch, commit: RoundCommit) -> RoundRecord:
    """The record of a committed round, checked against its commit."""
    record = parse_record(fetch, commit.record_cid)
    if commit_of(record, commit.record_cid) != commit:
        raise Mismatch("round record", f"expected the record of {commit}, got one of {record}")
    return record


def parse_record(fetch: Fetch, cid: Cid) -> RoundRecord:
    """The record at `cid`."""
    try:
        return RoundRecord.from_bytes(fetch_as(fetch, cid, "round record"))
    except ValueError as error:
        raise Mismatch("round record", str(error)) from error


def commit_of(record: RoundRecord, record_cid: Cid) -> RoundCommit:
    """What evaluators sign and the chain keeps of a record."""
    return RoundCommit(
        run_id=record.run_id,
        round=record.round,
        spec_digest=cids.digest(record.spec_cid),
        dataset_digest=record.dataset_digest,
        parent_digest=cids.digest(record.base_cid),
        checkpoint_cid=record.checkpoint_cid,
        contributions_root=record.contributions_root,
        record_cid=record_cid,
        num_clients=len(record.receipts),
        reward=record.reward,
        heldout_loss_micro=record.heldout_loss_micro,
    )


def redo(ledger: Ledger, fetch: Fetch, run_id: int, round_number: int, record_cid: Cid) -> tuple[RoundRecord, Outcome]:
    """Gate, median, aggregate, outer step, leaves and root, from the CIDs. Raises Mismatch."""
    record = parse_record(fetch, record_cid)
    if (record.chain_id, record.run_id, record.round) != (ledger.chain_id(), run_id, round_number):
        raise Mismatch(
            "round record", f"expected run {run_id} round {round_number}, got {record.run_id}/{record.round}"
        )
    inputs = gather(ledger, fetch, record)
    try:
        result = outcome(inputs)
    except ValueError as error:
        raise Mismatch("updates", str(error)) from error
    _compare(ledger, fetch, record, result)
    return record, result


def gather(ledger: Ledger, fetch: Fetch, record: RoundRecord) -> RoundInputs:
    """Everything that decides the round, each piece checked. Raises Mismatch."""
    _each_once("receipts", [s.receipt.account for s in record.receipts])
    spec, base = _spec(fetch, record.spec_cid), _checkpoint(fetch, record.base_cid)
    payload = payload_of(spec, base)
    updates = {}
    for signed in record.receipts:
        account = signed.receipt.account
        subject = f"update of {account}"
        try:
            check_member(ledger.member(account), Role.TRAINER)
            check_receipt(
                signed,
                account=account,
                domain=ledger.domain("TrainingRuns"),
                run_id=record.run_id,
                round_number=record.round,
                spec_cid=record.spec_cid,
                base_cid=record.base_cid,
            )
            updates[account] = payload.read(fetch_as(fetch, signed.update_cid, subject))
        except Mismatch:
            raise
        except Refused as refused:
            raise Mismatch(subject, str(refused)) from refused
    norms = {account: update_norm(update) for account, update in updates.items()}
    for account, too_far in outside_norm(norms, spec.gate.max_norm_ratio).items():
        raise Mismatch(f"update of {account}", str(too_far))
    return RoundInputs(
        spec=spec,
        run_id=record.run_id,
        round=record.round,
        base=base,
        receipts={s.receipt.account: s.receipt for s in record.receipts},
        updates=updates,
        sheets=load_sheets(ledger, fetch, record),
        member_ids={m.account: m.member_id for m in ledger.members()},
        previous=previous_leaves(ledger, fetch, record.run_id, _parent_round(ledger, record)),
    )


def _parent_round(ledger: Ledger, record: RoundRecord) -> int:
    """The round that this one follows: the chain's word once it is committed, before that the newest that counts."""
    state = ledger.round(record.run_id, record.round)
    return ledger.run(record.run_id).head_round if state is None else state.parent_round


def _spec(fetch: Fetch, cid: Cid) -> RunSpec:
    try:
        return RunSpec.from_bytes(fetch_as(fetch, cid, "run spec"))
    except ConfigError as error:
        raise Mismatch("run spec", str(error)) from error


def _checkpoint(fetch: Fetch, cid: Cid) -> Checkpoint:
    try:
        return read(fetch_as(fetch, cid, "parent checkpoint"))
    except ValueError as error:
        raise Mismatch("parent checkpoint", str(error)) from error


def _each_once(what: str, accounts: Sequence[Address]) -> None:
    """Twice the same receipt or sheet would count twice in a mean or a median."""
    if list(accounts) != sorted(set(accounts)):
        raise Mismatch(what, f"expected every account once, in ascending order, got {', '.join(accounts)}")


def load_sheets(ledger: Ledger, fetch: Fetch, record: RoundRecord) -> list[ScoreSheet]:
    """The record's score sheets, signatures, coverage and seed checked. Raises Mismatch."""
    _each_once("score sheets", [s.account for s in record.sheets])
    if len(record.sheets) < (quorum := ledger.run(record.run_id).quorum):
        raise Mismatch("score sheets", f"expected at least {quorum}, got {len(record.sheets)}")
    try:
        block = ledger.block_at(record.seed_block_number)
    except ValueError as error:
        raise Mismatch("seed", str(error)) from error
    if block.hash != record.seed_block_hash:
        raise Mismatch("seed", f"expected block {block.number}'s hash 0x{block.hash.hex()}, got another")
    seed = scoring_seed(block.hash, record.receipts)
    digests = {s.receipt.account: s.receipt.update_digest for s in record.receipts}
    sheets = []
    for signed in record.sheets:
        subject = f"score sheet of {signed.account}"
        data = fetch_as(fetch, signed.cid, subject)
        try:
            check_member(ledger.member(signed.account), Role.EVALUATOR)
            sheet = ScoreSheet.from_bytes(data)
            check_sheet(ledger.domain("TrainingRuns"), sheet, signed)
            check_sheet_covers(
                sheet,
                signed,
                run_id=record.run_id,
                round_number=record.round,
                base_cid=record.base_cid,
                seed=seed,
                updates=digests,
            )
        except (Refused, ValueError, SignatureInvalid) as error:
            raise Mismatch(subject, str(error)) from error
        sheets.append(sheet)
    return sheets


def previous_leaves(ledger: Ledger, fetch: Fetch, run_id: int, parent_round: int) -> list[ContributionLeaf]:
    """Leaves of the round that the next one follows; empty before the first."""
    if parent_round == 0:
        return []
    state = ledger.round(run_id, parent_round)
    if state is None:
        raise Mismatch("parent round", f"expected round {parent_round} on chain, there is none")
    return at_present_accounts(ledger, load_leaves(fetch, load_record(fetch, state.commit)))


def at_present_accounts(ledger: Ledger, leaves: Sequence[ContributionLeaf]) -> list[ContributionLeaf]:
    """The leaves with each member's account of now: what a member earned goes with it when it moves."""
    accounts = {member.member_id: member.account for member in ledger.members()}
    return [replace(leaf, account=accounts.get(leaf.member_id, leaf.account)) for leaf in leaves]


def load_leaves(fetch: Fetch, record: RoundRecord) -> list[ContributionLeaf]:
    """The leaves of a record's tree."""
    try:
        return tree_from_bytes(fetch_as(fetch, record.tree_cid, "contributions tree"))
    except ValueError as error:
        raise Mismatch("contributions tree", str(error)) from error


def _compare(ledger: Ledger, fetch: Fetch, record: RoundRecord, result: Outcome) -> None:
    checkpoint_cid = cids.of(result.checkpoint)
    if checkpoint_cid != record.checkpoint_cid:
        raise Mismatch("checkpoint", f"expected {checkpoint_cid} from these updates, got {record.checkpoint_cid}")
    if result.scores != record.scores:
        raise Mismatch("scores", "expected the medians of the sheets, got others")
    leaves = load_leaves(fetch, record)
    if tree_to_bytes(leaves) != tree_to_bytes(list(result.leaves)):
        raise Mismatch("contributions tree", _first_difference(leaves, result.leaves))
    root = contribution_tree(ledger.domain("TrainingRuns"), result.leaves).root
    if root != record.contributions_root:
        raise Mismatch("contributions root", f"expected 0x{root.hex()}, got 0x{record.contributions_root.hex()}")
    if record.reward != round_reward(result.leaves):
        raise Mismatch("reward", f"expected {round_reward(result.leaves)} wei in all, got {record.reward}")


def _first_difference(got: Sequence[ContributionLeaf], wanted: Sequence[ContributionLeaf]) -> str:
    by_id: Mapping[int, ContributionLeaf] = {leaf.member_id: leaf for leaf in got}
    for leaf in wanted:
        if by_id.get(leaf.member_id) != leaf:
            return f"leaf of member {leaf.member_id}: expected {leaf}, got {by_id.get(leaf.member_id)}"
    return f"expected {len(wanted)} leaves, got {len(got)}"


def _past(ledger: Ledger, run_id: int, epoch: int) -> EpochPast:
    """What the chain says of the epochs before this one."""
    earlier = [found for number in range(1, epoch) if (found := ledger.epoch(number)) is not None]
    return EpochPast(
        ends=tuple(found.upto_round for found in earlier if found.run_id == run_id),
        total_weight=earlier[-1].total_weight if earlier else 0,
        bounds=ledger.merit_bounds(),
    )


def epoch_of(
    ledger: Ledger, fetch: Fetch, run_id: int, epoch: int, upto_round: int
) -> tuple[EpochCommit, list[MeritLeaf]]:
    """A merit epoch recomputed from the rounds of the run that count; voided ones do not."""
    counted = [
        s.commit for s in ledger.rounds(run_id) if s.status != RoundStatus.VOIDED and s.commit.round <= upto_round
    ]
    if upto_round and (not counted or counted[-1].round != upto_round):
        raise Mismatch("merit epoch", f"expected round {upto_round} on chain and not voided, there is none")
    rounds = []
    for commit_of_round in counted:
        record = load_record(fetch, commit_of_round)
        leaves_now = at_present_accounts(ledger, load_leaves(fetch, record))
        rounds.append((_spec(fetch, record.spec_cid).reward, leaves_now))
    leaves = epoch_leaves(epoch, rounds, _past(ledger, run_id, epoch))
    if not leaves:
        raise Mismatch("merit epoch", f"expected merit after round {upto_round}, there is none")
    weights = [leaf.weight for leaf in leaves]
    commit = EpochCommit(
        epoch=epoch,
        run_id=run_id,
        upto_round=upto_round,
        root=merit_tree(ledger.domain("MeritEpochs"), leaves).root,
        total_weight=sum(weights),
        max_weight=max(weights),
        count=len(leaves),
        tree_cid=cids.of(merit_tree_to_bytes(leaves)),
    )
    return commit, leaves
