"""Federated data exchange: who asks to read a restricted dataset, who lets in, and what a revocation does.

A revocation takes away future leases and makes new ciphertext under a new key. It takes away nothing that was read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from node import cid as cids
from node.errors import ConfigError
from node.membership import MemberDesk
from node.ports import Ledger
from node.records.artifacts import Access, AccessEntry, Artifact, ArtifactKind
from node.records.chain import Address
from node.records.content import Cid
from node.records.datasets import DatasetManifest, ShardEntry
from node.sealed import KeyRing, Sealer, is_sealed, new_content_key, seal, unseal, wrap
from node.signed_requests import AccessGrant, AccessRequest, AccessRevocation, Supersession


def readers(ledger: Ledger, digest: bytes) -> set[Address]:
    """Who may read a restricted dataset now: its owner and whom it let in."""
    granted = {entry.account for entry in ledger.accesses(digest) if entry.access == Access.GRANTED}
    return granted | {ledger.owner_of(digest)}


def register_dataset(desk: MemberDesk, folder: Path, cid: Cid, manifest: DatasetManifest, sealer: Sealer) -> None:
    """Register a dataset under its own licence; of a restricted one the content key stays in `folder`."""
    if sealer.key:
        KeyRing(folder=folder).keep(cids.digest(cid), sealer.key)
    desk.register(ArtifactKind.DATASET, cid, manifest.licence, restricted=sealer.key is not None)


def request_access(desk: MemberDesk, folder: Path, cid: Cid, purpose: str) -> None:
    """Ask to read. The encryption key stays in `folder`."""
    artifact = require_restricted(desk.ledger, cid)
    desk.submit(
        AccessRequest(
            account=desk.account,
            digest=artifact.digest,
            encryption_key=KeyRing(folder=folder).public_key(),
            purpose=purpose,
            nonce=desk.nonce("ArtifactRegistry"),
            deadline=desk.deadline(),
        )
    )


def grant_access(desk: MemberDesk, folder: Path, cid: Cid, account: Address) -> None:
    """Let in who asked. Raises ConfigError without the dataset's content key in `folder`, or without a request."""
    artifact = require_restricted(desk.ledger, cid)
    entry = _entry(desk.ledger, artifact.digest, account)
    desk.submit(
        AccessGrant(
            owner=desk.account,
            digest=artifact.digest,
            account=account,
            wrapped_key=wrap(_own_key(folder, artifact), entry.encryption_key),
            nonce=desk.nonce("ArtifactRegistry"),
            deadline=desk.deadline(),
        )
    )


def revoke_access(desk: MemberDesk, folder: Path, cid: Cid, account: Address) -> Cid | None:
    """Take a grant away. Returns the dataset that takes this one's place, sealed with a new key; None where the member
    had only asked, so that nothing was ever handed over."""
    artifact = require_restricted(desk.ledger, cid)
    entry = _entry(desk.ledger, artifact.digest, account)
    desk.submit(
        AccessRevocation(
            owner=desk.account,
            digest=artifact.digest,
            account=account,
            nonce=desk.nonce("ArtifactRegistry"),
            deadline=desk.deadline(),
        )
    )
    return _rotate(desk, folder, artifact) if entry.access == Access.GRANTED else None


def require_restricted(ledger: Ledger, cid: Cid) -> Artifact:
    """Raises ConfigError for what is no restricted dataset."""
    artifact = ledger.artifact(cids.digest(cid))
    if artifact is None or not artifact.restricted:
        raise ConfigError(f"expected a restricted dataset, got {cid}; `tenwings artifact ls` shows which are")
    return artifact


def _rotate(desk: MemberDesk, folder: Path, artifact: Artifact) -> Cid:
    """The same clips under a new key, in place of the old ones; members who still may read ask for it anew."""
    old_key, new_key = _own_key(folder, artifact), new_content_key()
    manifest = DatasetManifest.from_bytes(desk.store.get(artifact.cid))
    shards = tuple(_resealed(desk, manifest, shard, old_key, new_key) for shard in manifest.shards)
    cid = desk.store.put(replace(manifest, shards=shards).to_bytes())
    digest = cids.digest(cid)
    KeyRing(folder=folder).keep(digest, new_key)
    desk.register(ArtifactKind.DATASET, cid, artifact.licence, [artifact.digest], restricted=True)
    desk.submit(Supersession(owner=desk.account, digest=artifact.digest, by=digest, deadline=desk.deadline()))
    return cid


def _resealed(desk: MemberDesk, manifest: DatasetManifest, shard: ShardEntry, old: bytes, new: bytes) -> ShardEntry:
    if not is_sealed(manifest, shard.split):
        return shard
    data = seal(unseal(desk.store.get(shard.cid), old), new)
    return replace(shard, cid=desk.store.put(data), num_bytes=len(data))


def _own_key(folder: Path, artifact: Artifact) -> bytes:
    key = KeyRing(folder=folder).own_key(artifact.digest)
    if key is None:
        raise ConfigError(f"expected the content key of {artifact.cid} in {folder}: only who added it holds the key")
    return key


def _entry(ledger: Ledger, digest: bytes, account: Address) -> AccessEntry:
    found = next((entry for entry in ledger.accesses(digest) if entry.account == account), None)
    if found is None:
        raise ConfigError(
            f"expected a request by {account}, there is none; the member asks with `tenwings data request`"
        )
    return found
