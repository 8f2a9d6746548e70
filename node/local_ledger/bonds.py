"""MemberBonds in memory: what members put up, and the pool of what was slashed or forfeited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from node.errors import LedgerRefused
from node.incidents import Bond
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.world import Nonces, Tx, require_signed
from node.records.chain import Address, Domain
from node.signed_requests import BondWithdrawal

NAME = "IncidentManager"
_EMPTY = Bond(amount=0, leaving=0, leaves_from=0, open_cases=0)


class Token(Protocol):
    """What bonds are in."""

    def require_balance(self, account: Address, amount: int) -> None: ...
    def transfer(self, tx: Tx, source: Address, target: Address, amount: int) -> None: ...


@dataclass(kw_only=True)
class Bonds:
    """By member id."""

    members: MemberRegistry
    token: Token | None
    address: Address
    domain: Domain
    withdrawal_seconds: int

    def __post_init__(self) -> None:
        self.nonces = Nonces()
        self.pool = 0
        self._bonds: dict[int, Bond] = {}

    def deposit(self, tx: Tx, member_id: int, amount: int) -> None:
        """Anyone pays."""
        if self.token is None:
            raise LedgerRefused("NoToken", {})
        self.members.account_of(member_id)
        self.token.require_balance(tx.sender, amount)
        self.change(member_id, amount)
        tx.emit(NAME, "BondDeposited", memberId=member_id, payer=tx.sender, amount=amount)
        self.token.transfer(tx, tx.sender, self.address, amount)

    def request_withdrawal(self, tx: Tx, request: BondWithdrawal, signature: bytes) -> None:
        """Start the delay; asking again starts it anew."""
        member = self.members.get(request.account)
        if member is None:
            raise LedgerRefused("NotAMember", {"account": request.account})
        bond = self.of(member.member_id)
        if request.amount > bond.amount:
            raise _too_small(member.member_id, bond.amount, request.amount)
        self.nonces.require(request.account, request.nonce)
        require_signed(tx, self.domain, request, request.deadline, signature, request.account)
        self.nonces.use(request.account)
        start = tx.timestamp + self.withdrawal_seconds
        self._bonds[member.member_id] = replace(bond, leaving=request.amount, leaves_from=start)
        tx.emit(NAME, "BondWithdrawalRequested", memberId=member.member_id, amount=request.amount, leavesFrom=start)

    def withdraw(self, tx: Tx, member_id: int) -> None:
        """What the delay is over for, to the member's present account."""
        bond = self.of(member_id)
        if bond.open_cases:
            raise _held(member_id, bond)
        if not bond.can_leave(tx.timestamp):
            raise LedgerRefused("NothingToWithdraw", {"memberId": member_id, "leavesFrom": bond.leaves_from})
        amount = min(bond.leaving, bond.unstaked)
        self._bonds[member_id] = replace(bond, amount=bond.amount - amount, leaving=0, leaves_from=0)
        account = self.members.account_of(member_id)
        tx.emit(NAME, "BondWithdrawn", memberId=member_id, account=account, amount=amount)
        assert self.token is not None, "a bond was put up"
        self.token.transfer(tx, self.address, account, amount)

    def of(self, member_id: int) -> Bond:
        """A member's bond; empty for who put up none."""
        return self._bonds.get(member_id, _EMPTY)

    def require_stakeable(self, member_id: int, amount: int) -> None:
        """As much must not be staked yet."""
        bond = self.of(member_id)
        if bond.unstaked < amount:
            raise _too_small(member_id, bond.unstaked, amount)

    def stake(self, member_id: int, amount: int) -> None:
        """For a report of its own; less than nothing: the report is settled."""
        bond = self.of(member_id)
        self._bonds[member_id] = replace(bond, staked=bond.staked + amount)

    def change(self, member_id: int, amount: int) -> None:
        """Add to a bond, or take from it."""
        bond = self.of(member_id)
        self._bonds[member_id] = replace(bond, amount=bond.amount + amount)

    def accuse(self, member_id: int, change: int) -> None:
        """One more open case, or one less."""
        if member_id:
            bond = self.of(member_id)
            self._bonds[member_id] = replace(bond, open_cases=bond.open_cases + change)


def _held(member_id: int, bond: Bond) -> LedgerRefused:
    return LedgerRefused("BondHeld", {"memberId": member_id, "openCases": bond.open_cases})


def _too_small(member_id: int, amount: int, needed: int) -> LedgerRefused:
    return LedgerRefused("BondTooSmall", {"memberId": member_id, "amount": amount, "needed": needed})
