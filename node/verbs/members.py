"""Verbs of one's own membership: recovery account, move to another account, leaving."""

from __future__ import annotations

from typing import Annotated

import typer
from eth_utils.address import is_checksum_address

from node.config import Home, checked_member_name
from node.console import AsOption, HomeOption, JsonOption, Out, Panel, find_home, short, verb
from node.errors import ConfigError
from node.identity import create_keystore, create_password_file
from node.proofs import merit_proof
from node.records.chain import Address
from node.signed_requests import Leaving, MoveAcceptance, MoveRequest, MoveStop, RecoveryChoice
from node.wiring import COORDINATOR, open_desk, open_identity, open_ledger, open_store

NOBODY = Address("0x" + "0" * 40)
MemberArgument = Annotated[int, typer.Argument(metavar="MEMBER", help="Member id.")]
AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Address, or the name of a local account.")]


def add_verbs(app: typer.Typer) -> None:
    """Add `members` and the group `member`."""
    member_app = typer.Typer(help="Your own membership.", no_args_is_help=True)
    app.command(rich_help_panel=Panel.DECIDE)(members)
    for name, command in (
        ("account", member_account),
        ("recovery", member_recovery),
        ("move", member_move),
        ("stop", member_stop),
        ("accept", member_accept),
        ("leave", member_leave),
    ):
        member_app.command(name)(command)
    app.add_typer(member_app, name="member", rich_help_panel=Panel.DECIDE)


@verb
def members(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Members with their roles, merit and voting weight."""
    found = find_home(home)
    ledger = open_ledger(found)
    number = ledger.final_epoch()
    epoch = ledger.epoch(number) if number else None
    store = open_store(found, COORDINATOR) if epoch else None
    rows = []
    for member in ledger.members():
        proof = merit_proof(ledger, store, epoch, member.account) if epoch and store else None
        rows.append(
            {
                "id": member.member_id,
                "name": member.name,
                "account": member.account if as_json else short(member.account),
                "roles": "+".join(r.name.lower() for r in member.roles if r.name),
                "active": member.active,
                "merit": proof[0].merit if proof else 0,
                "weight": proof[0].weight if proof else 0,
            }
        )
    Out(as_json=as_json).table("members", rows)


@verb
def member_account(
    name: Annotated[str, typer.Argument(help="Name of the new account in this state folder.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account that is no member yet: to recover with, or to move to."""
    member = find_home(home).member(checked_member_name(name))
    identity = create_keystore(member.keystore, create_password_file(member.password))
    Out(as_json=as_json).result({"name": name, "account": identity.address}, f"{name}: {identity.address}")


@verb
def member_recovery(
    account: AccountArgument, name: AsOption, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Name the account that may move you should you lose your key; "none" takes it away."""
    found = find_home(home)
    desk = open_desk(found, name)
    recovery = NOBODY if account == "none" else address_of(found, account)
    desk.submit(
        RecoveryChoice(
            account=desk.account,
            recovery=recovery,
            nonce=desk.nonce("MemberRegistry"),
            deadline=desk.deadline(),
        )
    )
    Out(as_json=as_json).result(
        {"member": name, "recovery": recovery},
        f"{name}: recovery account {short(recovery)}; the first is in force at once, a change after the recovery delay",
    )


@verb
def member_move(
    member: MemberArgument,
    to: Annotated[str, typer.Option(help="The new account: address, or name of a local account.")],
    name: AsOption,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a member's recovery account, start to move it; the member can stop this during the recovery delay."""
    found = find_home(home)
    desk = open_desk(found, name)
    target = address_of(found, to)
    desk.submit(
        MoveRequest(
            recovery=desk.account,
            member_id=member,
            to=target,
            nonce=desk.nonce("MemberRegistry"),
            deadline=desk.deadline(),
        )
    )
    start = desk.ledger.recovery(member).acceptable_from
    Out(as_json=as_json).result(
        {"member_id": member, "to": target, "acceptable_from": start},
        f"member {member} moves to {short(target)}; that account can accept from Unix time {start} on",
    )


@verb
def member_stop(name: AsOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop the move of your membership; its recovery account loses its power."""
    desk = open_desk(find_home(home), name)
    desk.submit(MoveStop(account=desk.account, nonce=desk.nonce("MemberRegistry"), deadline=desk.deadline()))
    Out(as_json=as_json).result({"member": name}, f"{name}: the move is stopped; name another recovery account")


@verb
def member_accept(member: MemberArgument, name: AsOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """As the new account, take the membership over once the delay is over."""
    desk = open_desk(find_home(home), name)
    desk.submit(MoveAcceptance(member_id=member, account=desk.account, deadline=desk.deadline()))
    Out(as_json=as_json).result(
        {"member_id": member, "account": desk.account},
        f"member {member} acts by {short(desk.account)} now; `tenwings join {name}` starts its node",
    )


@verb
def member_leave(name: AsOption, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Leave for good. Merit stops counting; what was earned can still be claimed."""
    desk = open_desk(find_home(home), name)
    desk.submit(Leaving(account=desk.account, nonce=desk.nonce("MemberRegistry"), deadline=desk.deadline()))
    Out(as_json=as_json).result({"member": name}, f"{name} has left")


def address_of(home: Home, account: str) -> Address:
    """An address as it stands, or that of a local account. Raises ConfigError."""
    if account.startswith("0x"):
        if not is_checksum_address(account):
            raise ConfigError(f"expected a checksummed address of 42 characters, got {account!r}")
        return Address(account)
    return open_identity(home, account).address
