"""The ground that the in-memory contracts stand on: a clock, blocks, events, roles and signature checks.

One write makes one block. A rule that says no raises LedgerRefused before anything has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from node.deployment import CONTRACTS, DOMAIN_NAMES
from node.errors import LedgerRefused, SignatureInvalid
from node.records.chain import Address, Block, Domain, Event
from node.typed_data import HALF_ORDER, SIGNATURE_BYTES, Signable, digest, recover

Clock = Callable[[], int]
"""Unix time in seconds."""

T = TypeVar("T")


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now: int = 1_750_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        """Move forward; a chain's time never goes back."""
        if seconds < 0:
            raise ValueError(f"seconds: expected 0 or more, got {seconds}; a chain's time never goes back")
        self.now += seconds


def wall_clock() -> int:
    """The machine's time."""
    return int(time.time())


@dataclass(frozen=True)
class Tx:
    """A transaction under way: who sent it, when it is mined, what it logged so far."""

    sender: Address
    timestamp: int
    logs: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def emit(self, contract: str, name: str, /, **args: Any) -> None:
        """Log an event; `args` by Solidity parameter name (`from_` for `from`)."""
        self.logs.append((contract, name, {key.rstrip("_"): value for key, value in args.items()}))

    def from_contract(self, sender: Address) -> Tx:
        """The same transaction as a called contract sees it."""
        return replace(self, sender=sender)


class World:
    """A chain of one process."""

    def __init__(self, *, chain_id: int, clock: Clock) -> None:
        self.chain_id = chain_id
        self.clock = clock
        self.addresses = {name: _address_of(name) for name in CONTRACTS}
        self.blocks = [Block(number=0, hash=keccak(text=f"TenWings local chain {chain_id}"), timestamp=clock())]
        self.events: list[Event] = []

    def __deepcopy__(self, memo: object) -> World:
        """Copies of the contracts (to try a proposal on) stand on the same ground."""
        return self

    def now(self) -> int:
        """The time that the next block would have: the clock's, never before the last block's."""
        return max(self.clock(), self.blocks[-1].timestamp)

    def domain(self, contract: str) -> Domain:
        """Raises ValueError for a contract that checks no signatures."""
        if contract not in DOMAIN_NAMES:
            raise ValueError(f"expected one of {', '.join(DOMAIN_NAMES)}, got {contract!r}")
        return Domain(
            name=DOMAIN_NAMES[contract],
            version="1",
            chain_id=self.chain_id,
            verifying_contract=self.addresses[contract],
        )

    def transact(self, sender: Address, content: bytes, body: Callable[[Tx], T]) -> tuple[T, bytes]:
        """Run `body` in a block of its own. Returns its result and the transaction hash, which binds `content`."""
        tx = Tx(sender, self.now())
        result = body(tx)
        tx_hash = keccak(self.blocks[-1].hash + bytes.fromhex(sender[2:]) + content)
        self.mine(tx_hash)
        self._record(tx, tx_hash)
        return result, tx_hash

    def mine(self, content: bytes = b"") -> Block:
        """Append a block; its hash follows from its parent, its time and its content."""
        number, timestamp = len(self.blocks), self.now()
        block_hash = keccak(self.blocks[-1].hash + timestamp.to_bytes(8, "big") + content)
        self.blocks.append(Block(number=number, hash=block_hash, timestamp=timestamp))
        return self.blocks[-1]

    def _record(self, tx: Tx, tx_hash: bytes) -> None:
        block = self.blocks[-1]
        for index, (contract, name, args) in enumerate(tx.logs):
            self.events.append(
                Event(
                    contract=contract,
                    name=name,
                    block_number=block.number,
                    block_hash=block.hash,
                    log_index=index,
                    tx_hash=tx_hash,
                    timestamp=block.timestamp,
                    args=args,
                )
            )


class Roles:
    """OpenZeppelin's AccessControl of one contract, as far as our rules use it."""

    def __init__(self, contract: str, admin: Address) -> None:
        self._contract = contract
        self._holders: dict[bytes, set[Address]] = {bytes(32): {admin}}

    def hold(self, role: bytes, account: Address) -> None:
        """Grant at deployment, before anybody watches."""
        self._holders.setdefault(role, set()).add(account)

    def has(self, role: bytes, account: Address) -> bool:
        """Whether `account` holds `role`."""
        return account in self._holders.get(role, set())

    def require(self, role: bytes, account: Address) -> None:
        """Raises LedgerRefused("AccessControlUnauthorizedAccount")."""
        if not self.has(role, account):
            raise LedgerRefused("AccessControlUnauthorizedAccount", {"account": account, "neededRole": role})

    def grant(self, tx: Tx, role: bytes, account: Address) -> None:
        """As the admin role's holder."""
        self.require(bytes(32), tx.sender)
        if not self.has(role, account):
            self._holders.setdefault(role, set()).add(account)
            tx.emit(self._contract, "RoleGranted", role=role, account=account, sender=tx.sender)

    def revoke(self, tx: Tx, role: bytes, account: Address) -> None:
        """As the admin role's holder."""
        self.require(bytes(32), tx.sender)
        if self.has(role, account):
            self._holders[role].remove(account)
            tx.emit(self._contract, "RoleRevoked", role=role, account=account, sender=tx.sender)


class Nonces:
    """OpenZeppelin's Nonces of one contract."""

    def __init__(self) -> None:
        self._next: dict[Address, int] = {}

    def of(self, account: Address) -> int:
        """What the account's next request must carry."""
        return self._next.get(account, 0)

    def require(self, account: Address, nonce: int) -> None:
        """Raises LedgerRefused("InvalidAccountNonce") for another than the next; uses nothing up."""
        if nonce != self.of(account):
            raise LedgerRefused("InvalidAccountNonce", {"account": account, "currentNonce": self.of(account)})

    def use(self, account: Address) -> None:
        """The account's request was taken."""
        self._next[account] = self.of(account) + 1


def require_signed(tx: Tx, domain: Domain, record: Signable, deadline: int, signature: bytes, account: Address) -> None:
    """SignedRequests' rule: in time, and signed by `account`."""
    if tx.timestamp > deadline:
        raise LedgerRefused("RequestExpired", {"deadline": deadline, "timestamp": tx.timestamp})
    if not signed_by(domain, record, signature, account):
        raise LedgerRefused("InvalidSignature", {"signer": account, "signature": signature})


def signed_by(domain: Domain, record: Signable, signature: bytes, account: Address) -> bool:
    """OpenZeppelin's SignatureChecker for plain accounts; contract wallets (ERC-1271) do not exist here."""
    try:
        return recover(digest(domain, record), signature) == account
    except SignatureInvalid:
        return False


def recover_or_refuse(domain: Domain, record: Signable, signature: bytes) -> Address:
    """OpenZeppelin's ECDSA.recover, with its errors."""
    if len(signature) != SIGNATURE_BYTES:
        raise LedgerRefused("ECDSAInvalidSignatureLength", {"length": len(signature)})
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise LedgerRefused("ECDSAInvalidSignatureS", {"s": signature[32:64]})
    try:
        return recover(digest(domain, record), signature)
    except SignatureInvalid as error:
        raise LedgerRefused("ECDSAInvalidSignature") from error


def _address_of(contract: str) -> Address:
    return Address(to_checksum_address(keccak(text=f"TenWings local {contract}")[-20:]))
