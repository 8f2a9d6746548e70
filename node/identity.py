"""Who a node is: a member's Ethereum account in an encrypted keystore, and the P-384 key of its Flower node.

Two keys, because Flower's transport takes NIST curves only and the chain takes secp256k1 only; the member registry
binds them by `node_key_digest`. Keystores are the Web3 Secret Storage format, version 3, so any wallet can open them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError

from node.errors import ConfigError
from node.records.chain import Address

PASSWORD_VARIABLE = "TENWINGS_PASSWORD"  # the variable's name, not a password

_SCRYPT_ITERATIONS = 8192
"""With r=8, p=1: 8 MiB and about 50 ms. A node unlocks unattended, so its password is long and random, not typed."""


class Identity:
    """An account that can sign. Its text never shows the key."""

    def __init__(self, private_key: bytes) -> None:
        """Raises ValueError when `private_key` is not 32 bytes within the curve's order."""
        try:
            self._key = PrivateKey(private_key)
            self._address = Address(to_checksum_address(self._key.public_key.to_address()))
        except (ValidationError, ValueError) as error:
            raise ValueError("expected a secp256k1 private key of 32 bytes within the curve's order") from error

    @classmethod
    def create(cls) -> Identity:
        """A fresh account from the system's randomness."""
        while True:
            try:
                return cls(secrets.token_bytes(32))
            except ValueError:  # one draw in 2**128 lies outside the curve's order
                continue

    @property
    def address(self) -> Address:
        """The account, checksummed."""
        return self._address

    @property
    def private_key(self) -> bytes:
        """32 secret bytes, for the transaction signer and the keystore alone."""
        return self._key.to_bytes()

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r || s || v with low s and v in {27, 28}: deterministic (RFC 6979). `digest` is 32 bytes."""
        signature = self._key.sign_msg_hash(digest)
        compact: bytes = signature.to_bytes()  # r || s || v, with v 0 or 1
        return compact[:64] + bytes([27 + compact[64]])

    def __repr__(self) -> str:
        return f"Identity({self._address})"


def read_password(password_file: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The keystore's password: the file's first line, else TENWINGS_PASSWORD. Raises ConfigError when there is none, or
    when others on this machine can read the file."""
    variables = os.environ if environment is None else environment
    if password_file is not None:
        return _password_from(password_file)
    password = variables.get(PASSWORD_VARIABLE, "")
    if not password:
        raise ConfigError(f"expected a keystore password, got none: name a password file or set {PASSWORD_VARIABLE}")
    return password


def create_password_file(path: Path) -> str:
    """Write a fresh random password, readable by the owner alone, and return it. Raises ConfigError when `path` is
    there already."""
    password = secrets.token_urlsafe(32)
    write_secret(path, f"{password}\n".encode())
    return password


def save_keystore(path: Path, identity: Identity, password: str) -> None:
    """Write `identity`, encrypted, readable by the owner alone. Raises ConfigError when `path` is there already or the
    password is empty."""
    if not password:
        raise ConfigError(f"{path}: expected a password for the keystore, got an empty one")
    sealed = create_keyfile_json(identity.private_key, _utf8(password), kdf="scrypt", iterations=_SCRYPT_ITERATIONS)
    write_secret(path, json.dumps(sealed, sort_keys=True).encode())


def create_keystore(path: Path, password: str) -> Identity:
    """A fresh account, saved as by `save_keystore`."""
    identity = Identity.create()
    save_keystore(path, identity, password)
    return identity


def load_keystore(path: Path, password: str) -> Identity:
    """Raises ConfigError that says which of file, format and password is wrong."""
    raw = _read(path, "a keystore", "`tenwings join` makes one")
    try:
        sealed: dict[str, Any] = json.loads(raw)
        if not {"crypto", "Crypto"} & sealed.keys() or sealed.get("version") != 3:
            raise ValueError("no version 3 keystore")
        return Identity(decode_keyfile_json(sealed, _utf8(password)))
    except ValueError as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(f"{path}: wrong password; check the password file or {PASSWORD_VARIABLE}") from error
        raise _broken_keystore(path) from error
    except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise _broken_keystore(path) from error


def create_node_key(path: Path) -> bytes:
    """Write a fresh Flower node key: `path` (OpenSSH private, owner only) and `path`.pub, as `ssh-keygen -t ecdsa -b
    384` does. Returns the node key digest. Raises ConfigError when a file exists."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write_secret(path, private)
    public_path(path).write_bytes(public + b"\n")
    return _digest(key.public_key())


def node_key_digest(path: Path) -> bytes:
    """sha256 of the node key's SubjectPublicKeyInfo DER, from its public file. Raises ConfigError when it is none."""
    public = public_path(path)
    raw = _read(public, "a node's public key", "`tenwings join` makes one")
    try:
        key = serialization.load_ssh_public_key(raw)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{public}: expected an OpenSSH public key, got {raw[:40]!r}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ConfigError(f"{public}: expected an ECDSA key on P-384; make one with `ssh-keygen -t ecdsa -b 384`")
    return _digest(key)


def public_path(path: Path) -> Path:
    """Where the public half of the node key at `path` lies."""
    return path.with_name(path.name + ".pub")


def _utf8(password: str) -> str:
    # eth_keyfile's annotations say text, but text beyond Latin-1 makes it fail; bytes are what wallets hash.
    return cast(str, password.encode("utf-8"))


def _digest(key: ec.EllipticCurvePublicKey) -> bytes:
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).digest()


def _password_from(path: Path) -> str:
    raw = _read(path, "a password file", f"create it, or set {PASSWORD_VARIABLE}")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path}: other users can read the password; run `chmod 600 {path}`")
    lines = raw.decode("utf-8", errors="replace").splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"{path}: expected a password in the first line, got an empty line")
    return lines[0]


def _read(path: Path, what: str, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: expected {what}, got {error.strerror}; {remedy}") from error


def write_secret(path: Path, data: bytes) -> None:
    """Create `path` as 0600 from its first byte on, and never replace a key that is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path}: a file is there already; move it away, it will not be overwritten") from error
    except OSError as error:
        raise ConfigError(f"{path}: expected to write a key here, got {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _broken_keystore(path: Path) -> ConfigError:
    return ConfigError(
        f"{path}: expected a version 3 keystore (JSON), got something else or a damaged file; restore it from a backup"
    )
