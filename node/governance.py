"""What proposers and voters put together before they sign: descriptions, proposal ids, ballot parameters, actions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from node import cid as cids
from node.abi_codec import decode_call, encode_call
from node.records.chain import Address
from node.records.content import Cid
from node.records.governance import GovernorRules
from node.records.merit import MeritLeaf
from node.records.proposals import Action, Hurdles, ProposalKind
from node.records.runs import SpecParams

_SUFFIX = re.compile(r"\n#article=(\d{1,3})\n#proposer=(0x[0-9a-f]{40})\Z")
_KIND_MASK = 3


def describe(text: str, proposer: Address, article: int) -> str:
    """`text` with the two lines that name the charter's article it serves and its proposer, so that nobody can take the
    proposal over."""
    return f"{text.rstrip()}\n#article={article}\n#proposer={proposer.lower()}"


def words_of(description: str) -> str:
    """A description without its last two lines."""
    return _SUFFIX.sub("", description)


def article_of(description: str) -> int:
    """The article that a description names; 0 where it names none."""
    found = _SUFFIX.search(description)
    return int(found[1]) if found else 0


def proposal_id(actions: Sequence[Action], description: str, codes: Sequence[bytes], kind: ProposalKind) -> int:
    """The governor's getProposalId: by calls, description, the hashes of the targets' code and, in the lowest two bits,
    the kind."""
    types = ("address[]", "uint256[]", "bytes[]", "bytes32", "bytes32[]")
    values = (*columns(actions), description_hash(description), list(codes))
    return int.from_bytes(keccak(encode(types, values)), "big") & ~_KIND_MASK | kind


def sponsors_needed(rules: GovernorRules, kind: ProposalKind) -> int:
    """How many members sign a proposal of this kind, its proposer included."""
    return (rules.routine_sponsors, rules.standard_sponsors, rules.constitutional_sponsors)[kind]


def needs(hurdles: Hurdles) -> str:
    """What a proposal must reach, in words."""
    if hurdles.veto_weight:
        return f"fewer than {hurdles.veto_weight} against"
    words = f"{hurdles.for_weight} for"
    if hurdles.for_heads:
        words += f" by {hurdles.for_heads} members, {hurdles.majority_bps / 100:g} % of the ballots"
    return words


def kind_in(number: int) -> ProposalKind:
    """The kind that a proposal's id binds."""
    return ProposalKind(number & _KIND_MASK)


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


def action(addresses: Mapping[str, Address], contract: str, function: str, *args: Any) -> Action:
    """One call of a contract of ours. Raises ValueError for arguments that do not fit."""
    return Action(target=addresses[contract], calldata=encode_call(contract, function, *args))


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
