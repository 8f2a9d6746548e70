"""Proposals: what each would do, what it would change, and how its vote stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.desk import Desk, NotFound, paged
from api.index.entries import ProposalEntry, RunEntry, SpecVersion
from api.schemas.proposals import Change, Effect, ProposalPage, ProposalRow, ProposalsPage, SpecDiff, VoteRow
from api.views.runs import parse_spec
from node.cid import from_bytes, parse
from node.deploy_plan import ROLES
from node.governance import article_of, words_of
from node.ports import Ledger
from node.records.content import Cid
from node.records.proposals import Action, Proposal, ProposalKind, Support

_ROLE_NAMES = {role: name for name, role in ROLES.items()}
_TITLE_CHARACTERS = 100


def proposals_page(desk: Desk, page: int) -> ProposalsPage:
    """All proposals, newest first."""
    shown, page, num_pages = paged(proposal_rows(desk), page)
    return ProposalsPage(proposals=list(shown), page=page, num_pages=num_pages, **desk.page())


def proposal_rows(desk: Desk) -> list[ProposalRow]:
    """Newest first."""
    entries = sorted(desk.history.proposals.values(), key=lambda entry: entry.created_at, reverse=True)
    return [_row(desk, entry, desk.live.proposals[entry.proposal_id]) for entry in entries]


def proposal_page(desk: Desk, ledger: Ledger, proposal_id: int) -> ProposalPage:
    """`ledger` only decodes the calls. Raises NotFound."""
    entry = desk.history.proposals.get(proposal_id)
    if entry is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    proposal = desk.live.proposals[proposal_id]
    effects = [_effect(action, ledger.describe_action(action)) for action in proposal.actions]
    votes = sorted(entry.votes, key=lambda vote: (-vote.weight, vote.cast_at))
    return ProposalPage(
        proposal=_row(desk, entry, proposal),
        sponsors=[desk.who(sponsor) for sponsor in entry.sponsors],
        description=words_of(entry.description),
        effects=effects,
        diffs=[diff for effect in effects if (diff := _spec_diff(desk, entry, effect)) is not None],
        votes=[
            VoteRow(
                who=desk.who(vote.voter),
                choice=Support(vote.support).name.lower(),
                weight=vote.weight,
                reason=vote.reason,
                time=vote.cast_at,
            )
            for vote in votes
        ],
        queued_at=entry.queued_at,
        executed_at=entry.executed_at,
        **desk.page(),
    )


def specs_of_proposal(desk: Desk, ledger: Ledger, proposal_id: int) -> set[Cid]:
    """The specs that a proposal names. Raises NotFound."""
    if proposal_id not in desk.history.proposals:
        raise NotFound(f"There is no proposal {proposal_id}.")
    actions = desk.live.proposals[proposal_id].actions
    effects = [_effect(action, ledger.describe_action(action)) for action in actions]
    return {cid for effect in effects if (cid := _proposed_spec(effect)) is not None}


def _row(desk: Desk, entry: ProposalEntry, proposal: Proposal) -> ProposalRow:
    tally, needed = proposal.tally, proposal.hurdles
    return ProposalRow(
        proposal_id=entry.proposal_id,
        title=_title(entry.description),
        proposer=desk.who(entry.proposer),
        state=proposal.state.name.lower(),
        created_at=entry.created_at,
        vote_start=proposal.vote_start,
        vote_end=proposal.vote_end,
        eta=proposal.eta,
        kind=proposal.kind.name.lower(),
        article=article_of(entry.description),
        extended=proposal.extended,
        votes_for=tally.weight_for,
        votes_against=tally.weight_against,
        votes_abstain=tally.weight_abstain,
        heads_for=tally.heads_for,
        heads_against=tally.heads_against,
        heads_abstain=tally.heads_abstain,
        needed_for=needed.for_weight,
        needed_heads=needed.for_heads,
        majority_bps=needed.majority_bps,
        veto=needed.veto_weight,
        standing=_standing(proposal),
    )


def _standing(proposal: Proposal) -> str:
    """What the tally means for this kind of proposal, in a sentence."""
    tally, needed = proposal.tally, proposal.hurdles
    if proposal.kind == ProposalKind.ROUTINE:
        stopped = tally.weight_against >= needed.veto_weight
        return f"{'Vetoed' if stopped else 'Not vetoed'}: {tally.weight_against:,} of {needed.veto_weight:,} against"
    reached = tally.weight_for >= needed.for_weight and tally.heads_for >= needed.for_heads
    text = f"Quorum {'reached' if reached else 'not reached'}: {tally.weight_for:,} of {needed.for_weight:,} for"
    if proposal.kind == ProposalKind.STANDARD:
        return text
    cast = tally.weight_for + tally.weight_against
    share = f"{tally.weight_for / cast:.1%}" if cast else "none"
    heads = f"{tally.heads_for} of {needed.for_heads} members for, {tally.heads_against} against"
    return f"{text}, {heads}; {share} of the weight for, {needed.majority_bps / 10_000:.1%} needed"


def _title(description: str) -> str:
    first = words_of(description).strip().split("\n", 1)[0].lstrip("# ")
    return first if len(first) <= _TITLE_CHARACTERS else first[: _TITLE_CHARACTERS - 1] + "…"


def _effect(action: Action, described: Mapping[str, Any]) -> Effect:
    return Effect(
        target=action.target,
        contract=str(described["contract"]),
        function=str(described.get("function", "")),
        args={str(name): _argument(str(name), value) for name, value in described.get("args", {}).items()},
        calldata=action.calldata,
        value=action.value,
    )


def _argument(name: str, value: Any) -> Any:
    """A role stands on the chain as the hash of its name."""
    role = _ROLE_NAMES.get(value) if name == "role" and isinstance(value, bytes) else None
    return role or _plain(value)


def _plain(value: Any) -> Any:
    """A decoded argument as text or a number that JSON keeps; a binary CID as a CID."""
    if isinstance(value, bytes):
        return _cid_or_hex(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    return value


def _cid_or_hex(value: bytes) -> str:
    try:
        return from_bytes(value)
    except ValueError:
        return "0x" + value.hex()


def _spec_diff(desk: Desk, entry: ProposalEntry, effect: Effect) -> SpecDiff | None:
    proposed = _proposed_spec(effect)
    run = desk.history.runs.get(int(effect.args["runId"])) if proposed else None
    if proposed is None or run is None or not run.specs:
        return None
    current = _spec_to_compare(run, entry, proposed)
    before = desk.reader.read(current.cid, parse_spec)
    after = desk.reader.read(proposed, parse_spec)
    return SpecDiff(
        run_id=run.run_id,
        current_cid=current.cid,
        current_version=current.version,
        proposed_cid=proposed,
        comparable=before is not None and after is not None,
        changes=_changes(before, after) if before is not None and after is not None else [],
    )


def _proposed_spec(effect: Effect) -> Cid | None:
    """None when the call sets no spec, or one that is no CID: anybody may propose any bytes."""
    if (effect.contract, effect.function) != ("TrainingRuns", "setSpec"):
        return None
    try:
        return parse(str(effect.args["specCid"]))
    except ValueError:
        return None


def _spec_to_compare(run: RunEntry, entry: ProposalEntry, proposed: Cid) -> SpecVersion:
    """The spec in force; for an executed proposal the one that it replaced."""
    if entry.executed_at is None:
        return run.specs[-1]
    replaced = [
        earlier
        for earlier, later in zip(run.specs, run.specs[1:], strict=False)
        if later.cid == proposed and later.changed_at == entry.executed_at
    ]
    return replaced[-1] if replaced else run.specs[-1]


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    return [
        Change(path=path, before=before.get(path), after=after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
