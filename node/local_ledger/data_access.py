"""DataAccess in memory: requests for and grants of access to restricted datasets."""

from __future__ import annotations

from typing import Protocol

from node.errors import LedgerRefused
from node.local_ledger.world import Nonces, Tx, require_signed
from node.records.artifacts import Access
from node.records.chain import Address, Domain
from node.signed_requests import AccessGrant, AccessRequest, AccessRevocation

_NAME = "ArtifactRegistry"
_MAX_PURPOSE_BYTES = 512
_MAX_WRAPPED_KEY_BYTES = 256


class Registry(Protocol):
    """What access needs of the artifacts."""

    nonces: Nonces

    def require_active_member(self, account: Address) -> None: ...
    def require_owner(self, digest: bytes, account: Address) -> None: ...
    def require_restricted(self, digest: bytes) -> None: ...


class DataAccess:
    """By dataset and account."""

    def __init__(self, artifacts: Registry, domain: Domain) -> None:
        self._artifacts = artifacts
        self._domain = domain
        self._access: dict[tuple[bytes, Address], Access] = {}

    def request(self, tx: Tx, request: AccessRequest, signature: bytes) -> None:
        """Ask, or ask again with another key."""
        account, digest = request.account, request.digest
        self._artifacts.require_active_member(account)
        self._artifacts.require_restricted(digest)
        _require_length(len(request.purpose.encode()), _MAX_PURPOSE_BYTES)
        if request.encryption_key == bytes(32):
            raise LedgerRefused("EmptyEncryptionKey", {"account": account})
        self._artifacts.nonces.require(account, request.nonce)
        require_signed(tx, self._domain, request, request.deadline, signature, account)
        self._artifacts.nonces.use(account)
        self._access[digest, account] = Access.REQUESTED
        tx.emit(
            _NAME,
            "AccessRequested",
            digest=digest,
            account=account,
            encryptionKey=request.encryption_key,
            purpose=request.purpose,
        )

    def grant(self, tx: Tx, grant: AccessGrant, signature: bytes) -> None:
        """Let in who asked."""
        self._artifacts.require_owner(grant.digest, grant.owner)
        self._artifacts.require_restricted(grant.digest)
        self._artifacts.require_active_member(grant.account)
        self._require_access(grant.digest, grant.account, Access.REQUESTED)
        _require_length(len(grant.wrapped_key), _MAX_WRAPPED_KEY_BYTES)
        self._artifacts.nonces.require(grant.owner, grant.nonce)
        require_signed(tx, self._domain, grant, grant.deadline, signature, grant.owner)
        self._artifacts.nonces.use(grant.owner)
        self._access[grant.digest, grant.account] = Access.GRANTED
        tx.emit(_NAME, "AccessGranted", digest=grant.digest, account=grant.account, wrappedKey=grant.wrapped_key)

    def revoke(self, tx: Tx, revocation: AccessRevocation, signature: bytes) -> None:
        """Take a grant away, or decline a request."""
        digest, account, owner = revocation.digest, revocation.account, revocation.owner
        self._artifacts.require_owner(digest, owner)
        self._require_access(digest, account, Access.REQUESTED, Access.GRANTED)
        self._artifacts.nonces.require(owner, revocation.nonce)
        require_signed(tx, self._domain, revocation, revocation.deadline, signature, owner)
        self._artifacts.nonces.use(owner)
        del self._access[digest, account]
        tx.emit(_NAME, "AccessRevoked", digest=digest, account=account)

    def _require_access(self, digest: bytes, account: Address, *wanted: Access) -> None:
        found = self._access.get((digest, account), Access.NONE)
        if found not in wanted:
            raise LedgerRefused("WrongAccess", {"digest": digest, "account": account, "found": int(found)})


def _require_length(length: int, maximum: int) -> None:
    if not 0 < length <= maximum:
        raise LedgerRefused("InvalidLength", {"length": length, "maximum": maximum})
