"""Keystores, passwords and node keys: what is written, what is refused and with which remedy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node.errors import ConfigError
from node.identity import (
    Identity,
    create_keystore,
    create_node_key,
    create_password_file,
    load_keystore,
    node_key_digest,
    public_path,
    read_password,
    save_keystore,
)

ANVIL_FIRST_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
ANVIL_FIRST_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_the_address_is_the_checksummed_account_of_the_key() -> None:
    assert Identity(ANVIL_FIRST_KEY).address == ANVIL_FIRST_ADDRESS


def test_the_text_of_an_identity_does_not_show_its_key() -> None:
    identity = Identity(ANVIL_FIRST_KEY)
    assert repr(identity) == f"Identity({ANVIL_FIRST_ADDRESS})"


@pytest.mark.parametrize("key", [b"", b"\x01" * 31, bytes(32), b"\xff" * 32])
def test_bytes_that_are_no_private_key_are_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="private key of 32 bytes"):
        Identity(key)


@pytest.mark.parametrize("password", ["a password", "Schlüssel 鍵"])
def test_a_keystore_gives_back_the_identity_that_went_in(tmp_path: Path, password: str) -> None:
    path = tmp_path / "new folder" / "key.json"
    save_keystore(path, Identity(ANVIL_FIRST_KEY), password)
    assert load_keystore(path, password).address == ANVIL_FIRST_ADDRESS


def test_a_keystore_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    create_keystore(tmp_path / "key.json", "a password")
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600


def test_a_keystore_does_not_hold_the_key_in_clear(tmp_path: Path) -> None:
    identity = create_keystore(tmp_path / "key.json", "a password")
    assert identity.private_key.hex() not in (tmp_path / "key.json").read_text().lower()


def test_an_existing_keystore_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    first = create_keystore(path, "a password")
    with pytest.raises(ConfigError, match="will not be overwritten"):
        create_keystore(path, "a password")
    assert load_keystore(path, "a password").address == first.address


def test_a_keystore_without_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a password"):
        create_keystore(tmp_path / "key.json", "")


def test_a_wrong_password_is_named_as_such(tmp_path: Path) -> None:
    create_keystore(tmp_path / "key.json", "a password")
    with pytest.raises(ConfigError, match="wrong password"):
        load_keystore(tmp_path / "key.json", "another")


def test_a_missing_keystore_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tenwings join"):
        load_keystore(tmp_path / "absent.json", "a password")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": 3, "crypto": {}}',
        '{"version": 1, "crypto": {}}',
        '{"version": 3, "crypto": {"kdf": "unknown", "kdfparams": {}}}',
        '{"version": 3, "crypto": null}',
    ],
)
def test_a_file_that_is_no_keystore_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="version 3 keystore"):
        load_keystore(path, "a password")


def test_a_truncated_keystore_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create_keystore(path, "a password")
    sealed = json.loads(path.read_text())
    sealed["crypto"]["ciphertext"] = "xyz"
    path.write_text(json.dumps(sealed))
    with pytest.raises(ConfigError, match="version 3 keystore"):
        load_keystore(path, "a password")


def test_the_password_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    password = create_password_file(tmp_path / "password")
    assert read_password(tmp_path / "password", {"TENWINGS_PASSWORD": "other"}) == password


def test_the_password_comes_from_the_environment_without_a_file() -> None:
    assert read_password(None, {"TENWINGS_PASSWORD": "a password"}) == "a password"


def test_without_any_password_both_ways_are_named() -> None:
    with pytest.raises(ConfigError, match="password file or set TENWINGS_PASSWORD"):
        read_password(None, {})


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("a password\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_password(path)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    with pytest.raises(ConfigError, match="first line"):
        read_password(path)


def test_a_missing_password_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_password(tmp_path / "absent")


def test_a_node_key_is_a_p384_pair_in_openssh_files(tmp_path: Path) -> None:
    create_node_key(tmp_path / "node")
    private = serialization.load_ssh_private_key((tmp_path / "node").read_bytes(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.curve.name == "secp384r1"
    assert (tmp_path / "node.pub").read_bytes().startswith(b"ecdsa-sha2-nistp384 ")
    assert (tmp_path / "node").stat().st_mode & 0o777 == 0o600


def test_the_node_key_digest_is_the_sha256_of_the_public_keys_der(tmp_path: Path) -> None:
    created = create_node_key(tmp_path / "node")
    public = serialization.load_ssh_public_key((tmp_path / "node.pub").read_bytes())
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert created == node_key_digest(tmp_path / "node") == hashlib.sha256(der).digest()


def test_a_node_key_that_is_no_public_key_is_refused(tmp_path: Path) -> None:
    public_path(tmp_path / "node").write_text("nonsense")
    with pytest.raises(ConfigError, match="OpenSSH public key"):
        node_key_digest(tmp_path / "node")


def test_a_node_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = other.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    public_path(tmp_path / "node").write_bytes(text)
    with pytest.raises(ConfigError, match="P-384"):
        node_key_digest(tmp_path / "node")


def test_an_existing_node_key_is_never_overwritten(tmp_path: Path) -> None:
    digest = create_node_key(tmp_path / "node")
    with pytest.raises(ConfigError, match="will not be overwritten"):
        create_node_key(tmp_path / "node")
    assert node_key_digest(tmp_path / "node") == digest
