"""Restricted data: shards under a content key, and the content key sealed to those who may read.

XSalsa20-Poly1305 and X25519 sealed boxes of NaCl, by PyNaCl. A shard's nonce is random and stands before it, so the
same clips sealed twice are other bytes: nobody tells from two CIDs whether they hold the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.utils import random

from node.errors import ConfigError
from node.identity import write_secret
from node.ports import Ledger
from node.records.artifacts import Access
from node.records.chain import Address
from node.records.datasets import DatasetManifest

ENCRYPTION = "xsalsa20-poly1305"
"""What a restricted dataset's manifest says."""
SEALED_SPLITS = ("train", "score")
"""Held-out clips stay open: their loss goes on chain, and everybody must be able to measure it."""


def new_content_key() -> bytes:
    """32 random bytes."""
    return random(SecretBox.KEY_SIZE)


def seal(data: bytes, key: bytes) -> bytes:
    """Nonce, tag and ciphertext."""
    return bytes(SecretBox(key).encrypt(data))


def unseal(sealed: bytes, key: bytes) -> bytes:
    """Raises ValueError when the key is another or a byte was changed."""
    try:
        return bytes(SecretBox(key).decrypt(sealed))
    except CryptoError as error:
        raise ValueError(f"expected {len(sealed)} bytes sealed with this content key, they are not: {error}") from error


def is_sealed(manifest: DatasetManifest, split: str) -> bool:
    """Whether the shards of a split are ciphertext."""
    return bool(manifest.encryption) and split in SEALED_SPLITS


def wrap(content_key: bytes, public_key: bytes) -> bytes:
    """The content key for the holder of one encryption key alone."""
    return bytes(SealedBox(PublicKey(public_key)).encrypt(content_key))


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """Seals the shards of a dataset that is being made; without a key it leaves them as they are."""

    key: bytes | None = None

    @property
    def encryption(self) -> str:
        """For the manifest."""
        return ENCRYPTION if self.key else ""

    def shard(self, split: str, data: bytes) -> bytes:
        """What goes to IPFS."""
        return seal(data, self.key) if self.key and split in SEALED_SPLITS else data


@dataclass(frozen=True, kw_only=True)
class KeyRing:
    """The keys of one member, in its folder, readable by the owner alone."""

    folder: Path

    def public_key(self) -> bytes:
        """The member's encryption key, made at the first call."""
        if not self._private.exists():
            write_secret(self._private, bytes(PrivateKey.generate()))
        return bytes(self._private_key().public_key)

    def keep(self, digest: bytes, content_key: bytes) -> None:
        """The content key of a dataset of one's own."""
        write_secret(self._own(digest), content_key)

    def own_key(self, digest: bytes) -> bytes | None:
        """The content key of a dataset of one's own; None for another's."""
        path = self._own(digest)
        return path.read_bytes() if path.exists() else None

    def content_key(self, ledger: Ledger, digest: bytes, account: Address) -> bytes | None:
        """What opens a dataset's shards: one's own key, or what a grant on chain holds; None without a grant."""
        own = self.own_key(digest)
        if own is not None:
            return own
        found = next((entry for entry in ledger.accesses(digest) if entry.account == account), None)
        if found is None or found.access != Access.GRANTED:
            return None
        return self._unwrap(found.wrapped_key)

    def _unwrap(self, wrapped: bytes) -> bytes:
        try:
            return bytes(SealedBox(self._private_key()).decrypt(wrapped))
        except CryptoError as error:
            raise ConfigError(
                f"{self._private}: expected the key that the grant was sealed to, got another; "
                "ask again with `tenwings data request`"
            ) from error

    def _private_key(self) -> PrivateKey:
        try:
            return PrivateKey(self._private.read_bytes())
        except OSError as error:
            raise ConfigError(
                f"{self._private}: expected the key that you asked with, got {error.strerror}; "
                "ask again with `tenwings data request`"
            ) from error

    @property
    def _private(self) -> Path:
        return self.folder / "encryption_key"

    def _own(self, digest: bytes) -> Path:
        return self.folder / "content_keys" / digest.hex()
