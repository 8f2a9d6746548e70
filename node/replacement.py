"""One module in the place of another: a vote moves the roles through which it acts, and members follow.

What a module is and what it may do are apart: the governor, the incident manager and the guardian act through roles of
others. So the timelock replaces one by giving its roles to another and taking them from the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from node.abi_codec import decode_result, encode_call
from node.artifacts import artifact
from node.chain_rpc import Rpc
from node.deploy_plan import ACTS_BY, ROLES
from node.deployment import Deployment
from node.errors import DeploymentDiffers
from node.ports import Ledger
from node.records.chain import Address

Call = tuple[str, str, tuple[Any, ...]]
"""(contract, function, arguments)."""


def replacing_calls(ledger: Ledger, words: Sequence[str]) -> tuple[list[Call], str, Mapping[str, tuple[str, str]]]:
    """The calls that put modules in place of others, from MODULE ADDRESS pairs; what they do, and what changes.

    All grants come first: what passes the roles on may be what is replaced. Raises ValueError.
    """
    grants: list[Call] = []
    revokes: list[Call] = []
    effects, changes = [], {}
    for module, new in _pairs(words):
        old, code = ledger.addresses()[module], ledger.code_hash(new)
        if new == old:
            raise ValueError(f"expected another address than the one of {module} in place, {old}")
        if not any(code):
            raise ValueError(f"expected a contract at {new} to be {module}, there is no code")
        held = [(contract, role) for contract, role in ACTS_BY[module] if contract in ledger.addresses()]
        grants += [(contract, "grantRole", (ROLES[role], new)) for contract, role in held]
        revokes += [(contract, "revokeRole", (ROLES[role], old)) for contract, role in held]
        effects.append(f"Replace {module} by {new} (code {code.hex()[:16]}): it gets all roles of the one in place.")
        changes[module] = (old, new)
    return grants + revokes, " ".join(effects), changes


def repointed(deployment: Deployment, module: str, new: Address, rpc: Rpc) -> Deployment:
    """The deployment with a module's new address, once a vote has put it in place.

    Raises DeploymentDiffers when its code is not ours, or the roles have not moved.
    """
    found, code = artifact(module), rpc.code(new)
    same = len(code) == len(found.runtime) and keccak(found.masked(code)) == found.runtime_hash
    if not same:
        raise DeploymentDiffers(
            f"code of {module} at {new}", "expected the code that this version knows, got other code"
        )
    old = deployment.addresses[module]
    for contract, role in ACTS_BY[module]:
        if contract in deployment.addresses:
            for holder, wanted in ((new, True), (old, False)):
                if _holds(rpc, deployment.addresses[contract], contract, role, holder) != wanted:
                    raise DeploymentDiffers(
                        f"{role} of {contract}",
                        f"expected {holder} {'to hold it' if wanted else 'not to hold it any more'}; "
                        "is the vote executed?",
                    )
    return replace(deployment, addresses={**deployment.addresses, module: new})


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, Address]]:
    if not words or len(words) % 2:
        raise ValueError(f"expected a module and an address, or several such pairs, got {len(words)} words")
    for module, address in zip(words[::2], words[1::2], strict=True):
        if module not in ACTS_BY:
            raise ValueError(f"expected one of {', '.join(ACTS_BY)}, got {module!r}; the others keep what is recorded")
        if not is_address(address):
            raise ValueError(f"expected a 0x address of 42 characters, got {address!r}")
        yield module, Address(to_checksum_address(address))


def _holds(rpc: Rpc, at: Address, contract: str, role: str, holder: Address) -> bool:
    (answer,) = rpc.calls(at, [encode_call(contract, "hasRole", ROLES[role], holder)])
    return bool(decode_result(contract, "hasRole", answer))
