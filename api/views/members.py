"""Members: roles, merit and voting weight of the newest final epoch, rewards over all runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from api.desk import Desk, paged
from api.index.entries import RecoveryEntry
from api.schemas.members import MemberRow, MembersPage, RecoveryRow
from node.records.members import Member, Role
from node.records.merit import MeritLeaf
from node.round_record import merit_tree_from_bytes


def members_page(desk: Desk, page: int) -> MembersPage:
    """All members by id."""
    epoch = desk.history.epochs.get(desk.live.final_epoch)
    leaves = desk.reader.read(epoch.commit.tree_cid, merit_tree_from_bytes) if epoch else None
    merit = {leaf.member_id: leaf for leaf in leaves or []}
    total_weight = epoch.commit.total_weight if epoch else 0
    earned, claimed = _rewards(desk)
    members = [desk.history.members[number] for number in sorted(desk.history.members)]
    shown, page, num_pages = paged(members, page)
    return MembersPage(
        epoch=epoch.commit.epoch if epoch else 0,
        epoch_tree_cid=epoch.commit.tree_cid if epoch else None,
        members=[
            _row(
                desk,
                member,
                merit.get(member.member_id),
                total_weight,
                earned,
                claimed,
            )
            for member in shown
        ],
        page=page,
        num_pages=num_pages,
        **desk.page(),
    )


def role_names(roles: Role) -> list[str]:
    """Words in the order of the bits."""
    return [str(role.name).lower() for role in Role if role in roles]


def member_state(member: Member, now: int) -> str:
    """A member's state in a word, at a Unix time."""
    if member.left:
        return "left"
    if not member.active:
        return "suspended"
    return "barred" if now < member.barred_until else "active"


def _row(
    desk: Desk,
    member: Member,
    merit: MeritLeaf | None,
    total_weight: int,
    earned: Mapping[int, int],
    claimed: Mapping[int, int],
) -> MemberRow:
    state = member_state(member, desk.view.block.timestamp)
    return MemberRow(
        member_id=member.member_id,
        name=member.name,
        account=member.account,
        roles=role_names(member.roles),
        active=state == "active",
        state=state,
        barred_until=member.barred_until if state == "barred" else 0,
        recovery=_recovery(desk.history.recoveries.get(member.member_id), desk.view.block.timestamp),
        joined_at=member.joined_at,
        node_key_digest=member.node_key_digest,
        merit=merit.merit if merit else None,
        weight=merit.weight if merit else None,
        weight_bps=merit.weight * 10_000 // total_weight if merit and total_weight else None,
        earned=earned.get(member.member_id, 0),
        claimed=claimed.get(member.member_id, 0),
    )


def _recovery(entry: RecoveryEntry | None, now: int) -> RecoveryRow | None:
    """A change that came into force is none any more."""
    if entry is None:
        return None
    account, waits = entry.in_force(now), now < entry.next_from
    if account is None and not waits:
        return None
    return RecoveryRow(
        account=account,
        next_account=entry.next if waits else None,
        next_from=entry.next_from if waits else 0,
        moving_to=entry.moving_to,
        acceptable_from=entry.acceptable_from,
    )


def _rewards(desk: Desk) -> tuple[Counter[int], Counter[int]]:
    """(earned, claimed) by member id, in wei, over all runs; a run's earnings stand in its head round's tree."""
    earned: Counter[int] = Counter()
    claimed: Counter[int] = Counter()
    for run in desk.history.runs.values():
        claimed.update(run.claimed)
        if run.head_round:
            _, leaves = desk.leaves(run, run.head_round)
            earned.update({leaf.member_id: leaf.cumulative_reward for leaf in leaves})
    return earned, claimed
