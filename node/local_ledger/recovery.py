"""AccountRecovery in memory: recovery accounts, moves, and how a member stops one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from node.errors import LedgerRefused
from node.local_ledger.world import Nonces, Tx, require_signed
from node.records.chain import Address, Domain
from node.records.members import Recovery
from node.signed_requests import MoveAcceptance, MoveRequest, MoveStop, RecoveryChoice

_NAME = "MemberRegistry"
_MAX_DELAY_SECONDS = 90 * 86400
_NOBODY = Address("0x" + "0" * 40)


class Registry(Protocol):
    """What recoveries need of the members."""

    nonces: Nonces

    def require_member(self, account: Address) -> int: ...
    def require_unused(self, account: Address) -> None: ...
    def move(self, tx: Tx, member_id: int, to: Address) -> None: ...


@dataclass(frozen=True, kw_only=True)
class _Recovery:
    current: Address = _NOBODY
    next: Address = _NOBODY
    next_from: int = 0
    to: Address = _NOBODY
    acceptable_from: int = 0

    def in_force(self, now: int) -> Address:
        return self.next if self.next_from and now >= self.next_from else self.current


class Recoveries:
    """By member id."""

    def __init__(self, members: Registry, domain: Domain, delay_seconds: int) -> None:
        self._members = members
        self._domain = domain
        self.delay_seconds = delay_seconds
        self._by_id: dict[int, _Recovery] = {}

    def choose(self, tx: Tx, request: RecoveryChoice, signature: bytes) -> None:
        """The first is in force at once, another after the delay."""
        member_id = self._members.require_member(request.account)
        found = self._of(member_id)
        if found.to != _NOBODY:
            raise LedgerRefused("MoveUnderWay", {"memberId": member_id, "to": found.to})
        self._members.nonces.require(request.account, request.nonce)
        require_signed(tx, self._domain, request, request.deadline, signature, request.account)
        self._members.nonces.use(request.account)
        current, start = found.in_force(tx.timestamp), tx.timestamp
        if current == _NOBODY:
            self._by_id[member_id] = _Recovery(current=request.recovery)
        else:
            start += self.delay_seconds
            self._by_id[member_id] = _Recovery(current=current, next=request.recovery, next_from=start)
        tx.emit(_NAME, "RecoveryNamed", memberId=member_id, recovery=request.recovery, effectiveFrom=start)

    def start(self, tx: Tx, request: MoveRequest, signature: bytes) -> None:
        """By the recovery account in force."""
        member_id, found = request.member_id, self._of(request.member_id)
        recovery = found.in_force(tx.timestamp)
        if recovery == _NOBODY or request.recovery != recovery:
            raise LedgerRefused(
                "NotTheRecoveryAccount", {"memberId": member_id, "account": request.recovery, "expected": recovery}
            )
        if found.to != _NOBODY:
            raise LedgerRefused("MoveUnderWay", {"memberId": member_id, "to": found.to})
        self._members.require_unused(request.to)
        self._members.nonces.require(recovery, request.nonce)
        require_signed(tx, self._domain, request, request.deadline, signature, recovery)
        self._members.nonces.use(recovery)
        start = tx.timestamp + self.delay_seconds
        self._by_id[member_id] = _Recovery(current=recovery, to=request.to, acceptable_from=start)
        tx.emit(_NAME, "MoveStarted", memberId=member_id, to=request.to, recovery=recovery, acceptableFrom=start)

    def stop(self, tx: Tx, request: MoveStop, signature: bytes) -> None:
        """The recovery account loses its power."""
        member_id = self._members.require_member(request.account)
        found = self._moving(member_id)
        self._members.nonces.require(request.account, request.nonce)
        require_signed(tx, self._domain, request, request.deadline, signature, request.account)
        self._members.nonces.use(request.account)
        self.forget(member_id)
        tx.emit(_NAME, "MoveStopped", memberId=member_id, to=found.to, recovery=found.current)

    def accept(self, tx: Tx, request: MoveAcceptance, signature: bytes) -> None:
        """After the delay, by the new account."""
        found = self._moving(request.member_id)
        if tx.timestamp < found.acceptable_from:
            raise LedgerRefused(
                "MoveTooEarly", {"memberId": request.member_id, "acceptableFrom": found.acceptable_from}
            )
        accepted = replace(request, account=found.to)
        require_signed(tx, self._domain, accepted, request.deadline, signature, found.to)
        self._members.move(tx, request.member_id, found.to)

    def forget(self, member_id: int) -> None:
        """The member names a recovery account anew."""
        self._by_id.pop(member_id, None)

    def set_delay(self, tx: Tx, delay_seconds: int) -> None:
        """Raises LedgerRefused("InvalidRecoveryDelay")."""
        if not 0 < delay_seconds <= _MAX_DELAY_SECONDS:
            raise LedgerRefused("InvalidRecoveryDelay", {"delaySeconds": delay_seconds, "maximum": _MAX_DELAY_SECONDS})
        tx.emit(_NAME, "RecoveryDelaySet", oldSeconds=self.delay_seconds, newSeconds=delay_seconds)
        self.delay_seconds = delay_seconds

    def get(self, member_id: int, now: int) -> Recovery:
        """What is in force at `now`, and the move under way."""
        found = self._of(member_id)
        recovery = found.in_force(now)
        return Recovery(
            recovery=None if recovery == _NOBODY else recovery,
            moving_to=None if found.to == _NOBODY else found.to,
            acceptable_from=found.acceptable_from,
        )

    def _of(self, member_id: int) -> _Recovery:
        return self._by_id.get(member_id, _Recovery())

    def _moving(self, member_id: int) -> _Recovery:
        found = self._of(member_id)
        if found.to == _NOBODY:
            raise LedgerRefused("NoMove", {"memberId": member_id})
        return found
