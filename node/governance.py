"""What proposers and voters put together before they sign: descriptions, proposal ids, ballot parameters, actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node import cid as cids
from node.abi_codec import decode_call, encode_call
from node.records import Action, Address, Cid, MeritLeaf, SpecParams


def describe(text: str, proposer: Address) -> str:
    """`text` with the suffix that binds a proposal to its proposer, so that nobody can take it over."""
    return f"{text.rstrip()}\n#proposer={proposer.lower()}"


def proposal_id(actions: Sequence[Action], description: str) -> int:
    """OpenZeppelin's hashProposal: it follows from the actions and the description alone."""
    types = ("address[]", "uint256[]", "bytes[]", "bytes32")
    return int.from_bytes(keccak(encode(types, (*columns(actions), description_hash(description)))), "big")


def description_hash(description: str) -> bytes:
    """By this the governor knows a description after the proposal: keccak256 of its UTF-8 bytes."""
    return keccak(text=description)


def columns(actions: Sequence[Action]) -> tuple[list[Address], list[int], list[bytes]]:
    """Targets, values and calldatas, as the governor takes them."""
    return [a.target for a in actions], [a.value for a in actions], [a.calldata for a in actions]


def ballot_params(leaf: MeritLeaf, proof: Sequence[bytes]) -> bytes:
    """A ballot's params: the voter's line of the epoch that is final at the proposal's snapshot, and its proof."""
    types = ("uint256", "uint256", "uint256", "bytes32[]")
    return encode(types, (leaf.member_id, leaf.merit, leaf.weight, list(proof)))


def set_spec(training_runs: Address, run_id: int, spec_cid: Cid, params: SpecParams) -> Action:
    """Replace a run's spec from its next round on; `params` are what the chain bounds of it."""
    values = (run_id, cids.to_bytes(spec_cid), astuple(params))
    return Action(target=training_runs, calldata=encode_call("TrainingRuns", "setSpec", *values))


def describe_action(addresses: Mapping[str, Address], action: Action) -> Mapping[str, Any]:
    """{"contract", "function", "args"}: what an action calls, for people; "unknown" where it is none of ours."""
    contract = next((name for name, address in addresses.items() if address == action.target), None)
    if contract is not None:
        try:
            function, args = decode_call(contract, action.calldata)
        except ValueError:  # none of this contract's functions: it will fail when executed
            return {"contract": contract, "function": "unknown", "args": {"calldata": action.calldata}}
        return {"contract": contract, "function": function, "args": args}
    return {"contract": "unknown", "function": "unknown", "args": {"calldata": action.calldata}}


def reason_word(reason: str) -> bytes:
    """A reason code as bytes32: ASCII, padded with zeros. Raises ValueError when it is longer or other text."""
    raw = reason.encode("ascii", errors="replace")
    if not 0 < len(raw) <= 32 or not reason.isascii():
        raise ValueError(f"reason: expected 1 to 32 ASCII characters, got {reason!r}")
    return raw.ljust(32, b"\0")
