"""EIP-712 digests and signatures of everything that members sign.

One table names each record's struct and its fields in the order and width of contracts/interfaces; digests, wallet
messages and checks follow from it. Receipts and score sheets never reach the chain and are signed in TrainingRuns'
domain, so that a signature of one run's contract is worth nothing on another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from node.cid import codecs, to_bytes
from node.cid import digest as cid_digest
from node.errors import SignatureInvalid
from node.identity import Identity
from node.records.artifacts import Registration
from node.records.chain import Address, Domain
from node.records.members import JoinRequest, Voucher
from node.records.merit import EpochCommit
from node.records.proposals import Ballot, ProposalStatement
from node.records.rounds import Receipt, RoundCommit, SheetStatement
from node.signed_requests import (
    AccessGrant,
    AccessRequest,
    AccessRevocation,
    BondWithdrawal,
    IncidentReport,
    Leaving,
    MemberRequest,
    MoveAcceptance,
    MoveRequest,
    MoveStop,
    NodeKeyRotation,
    RecoveryChoice,
    Supersession,
    Withdrawal,
)

Signable = (
    JoinRequest
    | Voucher
    | Registration
    | RoundCommit
    | EpochCommit
    | ProposalStatement
    | Ballot
    | Receipt
    | SheetStatement
    | MemberRequest
)

SIGNATURE_BYTES = 65
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1; a larger s is a canonical signature's malleated twin, which the contracts refuse too."""


@dataclass(frozen=True)
class _Field:
    solidity_type: str
    solidity_name: str
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class _Struct:
    name: str
    fields: Sequence[_Field]

    @property
    def type_text(self) -> str:
        return f"{self.name}({','.join(f'{f.solidity_type} {f.solidity_name}' for f in self.fields)})"


def sign(identity: Identity, domain: Domain, record: Signable) -> bytes:
    """65 bytes r || s || v over the record's digest in `domain`; canonical (low s, v 27 or 28) and deterministic."""
    return identity.sign_digest(digest(domain, record))


def signer(domain: Domain, record: Signable, signature: bytes) -> Address:
    """The account that made `signature`. Raises SignatureInvalid when it is malformed or malleated; over another
    message a well-formed signature gives another, random account."""
    return recover(digest(domain, record), signature)


def check(domain: Domain, record: Signable, signature: bytes, account: Address) -> None:
    """Raises SignatureInvalid unless `account` made `signature` over `record` in `domain`."""
    made_by = signer(domain, record, signature)
    if made_by != account:
        raise SignatureInvalid(
            f"expected a {_struct(record).name} signed by {account} for {domain.name} on chain {domain.chain_id}, "
            f"got a signature by {made_by}; sign exactly these values with the account's key"
        )


def digest(domain: Domain, record: Signable) -> bytes:
    """The 32 bytes that are signed. Raises ValueError when a field does not fit its Solidity type."""
    return keccak(b"\x19\x01" + _domain_separator(domain) + struct_hash(record))


def struct_hash(record: Signable) -> bytes:
    """EIP-712's hashStruct of `record`, 32 bytes, before any domain."""
    struct = _struct(record)
    words = [_word(field, field.read(record)) for field in struct.fields]
    return keccak(_type_hash(struct.type_text) + b"".join(words))


def recover(digest_bytes: bytes, signature: bytes) -> Address:
    """The account behind a canonical signature over 32 bytes. Raises SignatureInvalid."""
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"expected a signature of {SIGNATURE_BYTES} bytes, got {len(signature)}")
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise SignatureInvalid("expected a canonical signature with low s, got its malleated twin; sign again")
    if signature[64] not in (27, 28):
        raise SignatureInvalid(f"expected the signature's last byte to be 27 or 28, got {signature[64]}")
    try:
        parts = Signature(signature[:64] + bytes([signature[64] - 27]))
        return Address(to_checksum_address(parts.recover_public_key_from_msg_hash(digest_bytes).to_address()))
    except (BadSignature, ValidationError, ValueError) as error:
        raise SignatureInvalid(f"expected a point of secp256k1, got {signature.hex()}; sign again") from error


def wallet_message(domain: Domain, record: Signable) -> dict[str, Any]:
    """The JSON that a wallet's eth_signTypedData_v4 takes for `record`: bytes as 0x hex, numbers as decimal text."""
    struct = _struct(record)
    return {
        "types": {
            "EIP712Domain": [{"type": t, "name": n} for t, n in _DOMAIN_FIELDS],
            struct.name: [{"type": f.solidity_type, "name": f.solidity_name} for f in struct.fields],
        },
        "primaryType": struct.name,
        "domain": {
            "name": domain.name,
            "version": domain.version,
            "chainId": str(domain.chain_id),
            "verifyingContract": domain.verifying_contract,
        },
        "message": {f.solidity_name: _plain(f.read(record)) for f in struct.fields},
    }


_DOMAIN_FIELDS = (("string", "name"), ("string", "version"), ("uint256", "chainId"), ("address", "verifyingContract"))


@cache
def _domain_separator(domain: Domain) -> bytes:
    type_text = f"EIP712Domain({','.join(f'{t} {n}' for t, n in _DOMAIN_FIELDS)})"
    values = (keccak(text=domain.name), keccak(text=domain.version), domain.chain_id, domain.verifying_contract)
    return keccak(_type_hash(type_text) + encode(("bytes32", "bytes32", "uint256", "address"), values))


@cache
def _type_hash(type_text: str) -> bytes:
    return keccak(text=type_text)


def _word(field: _Field, value: Any) -> bytes:
    """EIP-712's encodeData of one field: 32 bytes."""
    if field.solidity_type == "string":
        return keccak(text=value)
    if field.solidity_type == "bytes":
        return keccak(value)
    if field.solidity_type == "bytes32[]":
        return keccak(b"".join(_static_word(field, "bytes32", member) for member in value))
    return _static_word(field, field.solidity_type, value)


def _static_word(field: _Field, solidity_type: str, value: Any) -> bytes:
    try:
        if solidity_type == "bytes32" and len(value) != 32:
            raise EncodingError(f"{len(value)} bytes")  # eth_abi would pad it with zeros
        return encode([solidity_type], [value])
    except EncodingError as error:
        raise ValueError(f"{field.solidity_name}: expected a {solidity_type}, got {value!r}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, tuple | list):
        return [_plain(member) for member in value]
    return value


def _struct(record: Signable) -> _Struct:
    return _STRUCTS[type(record)]


def _define(name: str, *lines: str, **readers: Callable[[Any], Any]) -> _Struct:
    """A struct from "type name" lines; a field without a reader is the record's attribute of the same name in
    snake_case."""
    fields = []
    for line in lines:
        solidity_type, solidity_name = line.split()
        attribute = "".join(f"_{c.lower()}" if c.isupper() else c for c in solidity_name)
        fields.append(_Field(solidity_type, solidity_name, readers.get(attribute, attrgetter(attribute))))
    return _Struct(name, fields)


def _binary(attribute: str) -> Callable[[Any], bytes]:
    read = attrgetter(attribute)
    return lambda record: to_bytes(read(record))


def _digest_of(attribute: str) -> Callable[[Any], bytes]:
    read = attrgetter(attribute)
    return lambda record: cid_digest(read(record))


_STRUCTS: dict[type, _Struct] = {
    JoinRequest: _define(
        "JoinRequest", "address account", "uint8 roles", "bytes32 nodeKeyDigest", "string name", "uint64 deadline"
    ),
    Voucher: _define("Voucher", "address account", "uint8 roles", "uint64 deadline"),
    Registration: _define(
        "Registration",
        "address account",
        "uint8 kind",
        "bytes cid",
        "string licence",
        "bytes32[] parents",
        "bool restricted",
        "uint64 deadline",
        cid=_binary("cid"),
    ),
    RoundCommit: _define(
        "RoundCommit",
        "uint256 runId",
        "uint32 round",
        "bytes32 specDigest",
        "bytes32 datasetDigest",
        "bytes32 parentDigest",
        "bytes32 checkpointDigest",
        "bytes32 contributionsRoot",
        "bytes32 recordDigest",
        "uint8 codecs",
        "uint32 numClients",
        "uint96 reward",
        "uint64 heldoutLossMicro",
        checkpoint_digest=_digest_of("checkpoint_cid"),
        record_digest=_digest_of("record_cid"),
        codecs=lambda commit: codecs(commit.checkpoint_cid, commit.record_cid),
    ),
    EpochCommit: _define(
        "EpochCommit",
        "uint256 epoch",
        "uint256 runId",
        "uint32 uptoRound",
        "bytes32 root",
        "uint128 totalWeight",
        "uint128 maxWeight",
        "uint32 count",
        "bytes treeCid",
        tree_cid=_binary("tree_cid"),
    ),
    ProposalStatement: _define("ProposalBySig", "address proposer", "uint256 proposalId", "uint64 deadline"),
    Ballot: _define(
        "MeritBallot",
        "uint256 proposalId",
        "uint8 support",
        "address voter",
        "string reason",
        "bytes params",
    ),
    Receipt: _define(
        "Receipt",
        "uint256 runId",
        "uint32 round",
        "address account",
        "bytes32 specDigest",
        "bytes32 baseDigest",
        "bytes32 updateDigest",
        "uint64 numSamples",
        "uint32 numSteps",
        "uint64 startLossMicro",
        "uint64 endLossMicro",
    ),
    Supersession: _define("Supersession", "address owner", "bytes32 digest", "bytes32 by", "uint64 deadline"),
    Withdrawal: _define("Withdrawal", "address owner", "bytes32 digest", "uint64 deadline"),
    AccessRequest: _define(
        "AccessRequest",
        "address account",
        "bytes32 digest",
        "bytes32 encryptionKey",
        "string purpose",
        "uint256 nonce",
        "uint64 deadline",
    ),
    AccessGrant: _define(
        "AccessGrant",
        "address owner",
        "bytes32 digest",
        "address account",
        "bytes wrappedKey",
        "uint256 nonce",
        "uint64 deadline",
    ),
    AccessRevocation: _define(
        "AccessRevocation",
        "address owner",
        "bytes32 digest",
        "address account",
        "uint256 nonce",
        "uint64 deadline",
    ),
    NodeKeyRotation: _define(
        "NodeKeyRotation", "address account", "bytes32 nodeKeyDigest", "uint256 nonce", "uint64 deadline"
    ),
    RecoveryChoice: _define(
        "RecoveryChoice", "address account", "address recovery", "uint256 nonce", "uint64 deadline"
    ),
    MoveRequest: _define(
        "MoveRequest", "address recovery", "uint256 memberId", "address to", "uint256 nonce", "uint64 deadline"
    ),
    MoveStop: _define("MoveStop", "address account", "uint256 nonce", "uint64 deadline"),
    MoveAcceptance: _define("MoveAcceptance", "uint256 memberId", "address account", "uint64 deadline"),
    IncidentReport: _define(
        "IncidentReport",
        "address account",
        "uint8 kind",
        "uint8 severity",
        "uint256 accusedId",
        "uint256 runId",
        "uint32 round",
        "bytes32 artifact",
        "bytes evidenceCid",
        "uint256 nonce",
        "uint64 deadline",
        evidence_cid=_binary("evidence_cid"),
    ),
    BondWithdrawal: _define("BondWithdrawal", "address account", "uint96 amount", "uint256 nonce", "uint64 deadline"),
    Leaving: _define("Leaving", "address account", "uint256 nonce", "uint64 deadline"),
    SheetStatement: _define("ScoreSheet", "uint256 runId", "uint32 round", "address account", "bytes32 sheetDigest"),
}
