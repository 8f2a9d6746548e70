"""Who signs a video's manifest: a certificate that this installation makes for itself, or one that its user brings.

A chain of our own has a root and a signer below it (X.509, ECDSA P-256, as the C2PA 2 specification, section 14.5,
asks of claim signers). The root's key is thrown away at once, so nobody can issue more under it. No trust list names
it: elsewhere a verifier calls the signature valid and the signer unknown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CHAIN_FILE, KEY_FILE = "chain.pem", "key.pem"
ORGANISATION = "Ten Wings (self-signed)"
LIFETIME = timedelta(days=3650)
_BACKDATED = timedelta(minutes=5)
"""Clocks differ."""
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True, kw_only=True)
class VideoSigner:
    """A certificate chain and its key."""

    chain_pem: bytes
    """The signer's certificate first."""
    key_pem: bytes
    """PKCS 8, not encrypted."""
    algorithm: str
    """C2PA's name of it."""


def own_signer(folder: Path) -> VideoSigner:
    """The signer kept in `folder`; the first call makes it."""
    chain, key = folder / CHAIN_FILE, folder / KEY_FILE
    if not (chain.is_file() and key.is_file()):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = _make()
        _write(key, made.key_pem, 0o600)
        _write(chain, made.chain_pem, 0o644)
    return load_signer(chain, key)


def load_signer(chain: Path, key: Path) -> VideoSigner:
    """A signer from PEM files. Raises ValueError when they are no pair or the key is of a kind C2PA does not know."""
    chain_pem, key_pem = chain.read_bytes(), key.read_bytes()
    try:
        certificates = x509.load_pem_x509_certificates(chain_pem)
        private = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"expected a PEM chain in {chain} and an unencrypted PEM key in {key}: {error}") from error
    if certificates[0].public_key() != private.public_key():
        raise ValueError(f"the first certificate of {chain} is not that of the key {key}")
    return VideoSigner(chain_pem=chain_pem, key_pem=key_pem, algorithm=_algorithm(private))


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ValueError(f"expected a key for ES256, ES384, ES512, PS256 or Ed25519, got {type(key).__name__}")


def _make() -> VideoSigner:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("Ten Wings installation root"), _name("Ten Wings installation")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _certificate(name, root_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return VideoSigner(
        chain_pem=leaf.public_bytes(pem) + root.public_bytes(pem),
        key_pem=key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        algorithm="es256",
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(name: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - _BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    part.replace(path)
