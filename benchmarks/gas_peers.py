"""The peers that gas is compared with, on the same chain: OpenZeppelin's governor with a votes token, and Uniswap's
merkle-distributor as its npm package ships it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from gas_chain import Chain

from contracts.scripts.export import SETTINGS, SOLC_VERSION
from node.identity import Identity
from node.merkle import Tree
from node.records.chain import Address

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "benchmarks/peers/Peers.sol"
DISTRIBUTOR = ROOT / "node_modules" / "@uniswap" / "merkle-distributor" / "build" / "MerkleDistributor.json"
DELAY_BLOCKS, PERIOD_BLOCKS = 1, 10_000
"""Its token counts blocks, unless told otherwise."""
NUM_BALLOTS = 10
Gas = dict[str, int]


def openzeppelin(chain: Chain, target: Address, calldata: bytes, voters: Sequence[Identity]) -> Gas:
    """Gas of proposing `calldata` on `target` and of voting with a token: delegation, transfer, ballot, signed one."""
    compiled = _compiled()
    holder = chain.rich[0]
    token = chain.create(holder, compiled["VotesToken"] + encode(["uint256"], [10**24]))
    timelock = chain.create_ours("TimelockController", 0, [], [], holder.address)
    arguments = encode(["address", "address", "uint48", "uint32"], [token, timelock, DELAY_BLOCKS, PERIOD_BLOCKS])
    governor = chain.create(holder, compiled["TokenGovernor"] + arguments)
    for voter in voters:
        chain.call(holder, token, "transfer(address,uint256)", voter.address, 10**20)
    gas = {"delegate": 0}
    for voter in voters:
        gas["delegate"] = chain.call(voter, token, "delegate(address)", voter.address)
    gas["sync"] = chain.call(voters[0], token, "transfer(address,uint256)", voters[1].address, 10**18)
    chain.wait(2)
    signature = "castVoteBySig(uint256,uint8,address,bytes)"
    for nonce, words in enumerate(("Change it", "Change it again")):  # measured of those who voted before
        proposal = ([target], [0], [calldata], words)
        gas["propose"] = chain.call(voters[0], governor, "propose(address[],uint256[],bytes[],string)", *proposal)
        number = _proposal_id(*proposal)
        for _ in range(DELAY_BLOCKS + 1):
            chain.wait(1)
        for voter in voters[:2]:
            gas["vote"] = chain.call(voter, governor, "castVote(uint256,uint8)", number, 1)
        ballots = [_signed_ballot(chain, governor, number, voter, nonce) for voter in voters[2 : 2 + NUM_BALLOTS]]
        spent = [chain.call(holder, governor, signature, number, 1, who, signed) for who, signed in ballots]
        gas["signed ballot"] = sum(spent) // len(spent)
    return gas


def uniswap(chain: Chain, token: Address, holder: Identity, accounts: Sequence[Address]) -> Gas | None:
    """Gas of a later claim from one round's distributor over ten levels; None when the package is not installed."""
    if not DISTRIBUTOR.exists():
        return None
    bytecode = bytes.fromhex(json.loads(DISTRIBUTOR.read_text())["bytecode"].removeprefix("0x"))
    leaves = [_packed(index, account, 10**18) for index, account in enumerate(accounts)]
    tree = Tree(leaves)
    distributor = chain.create(holder, bytecode + encode(["address", "bytes32"], [token, tree.root]))
    chain.call(holder, token, "transfer(address,uint256)", distributor, len(accounts) * 10**18)
    gas = 0
    for index in (0, 1):
        chain.call(holder, token, "transfer(address,uint256)", accounts[index], 1)  # who claimed before has a balance
        proof = list(tree.proof(leaves[index]))
        signature = "claim(uint256,address,uint256,bytes32[])"
        gas = chain.call(holder, distributor, signature, index, accounts[index], 10**18, proof)
    return {"claim": gas}


def _packed(index: int, account: Address, amount: int) -> bytes:
    return keccak(index.to_bytes(32, "big") + bytes.fromhex(account[2:]) + amount.to_bytes(32, "big"))


def _compiled() -> Mapping[str, bytes]:
    """Creation code of the peers in benchmarks/peers, by our compiler and our settings."""
    os.environ.setdefault("SOLCX_BINARY_PATH", str(ROOT / ".solcx"))
    import solcx  # reads SOLCX_BINARY_PATH when it looks for a compiler

    request = {
        "language": "Solidity",
        "sources": {SOURCE: {"content": (ROOT / SOURCE).read_text("utf-8")}},
        "settings": {**SETTINGS, "outputSelection": {"*": {"*": ["evm.bytecode.object"]}}},
    }
    answer = solcx.compile_standard(request, base_path=str(ROOT), allow_paths=str(ROOT), solc_version=SOLC_VERSION)
    found = answer["contracts"][SOURCE]
    return {name: bytes.fromhex(found[name]["evm"]["bytecode"]["object"]) for name in found}


def _proposal_id(targets: list[Address], values: list[int], calldatas: list[bytes], description: str) -> int:
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    return int.from_bytes(keccak(encode(types, [targets, values, calldatas, keccak(text=description)])), "big")


def _signed_ballot(chain: Chain, governor: Address, number: int, voter: Identity, nonce: int) -> tuple[Address, bytes]:
    domain = {
        "name": "Token Governor",
        "version": "1",
        "chainId": chain.rpc.chain_id(),
        "verifyingContract": governor,
    }
    fields = [("proposalId", "uint256"), ("support", "uint8"), ("voter", "address"), ("nonce", "uint256")]
    message: dict[str, Any] = {"proposalId": number, "support": 1, "voter": voter.address, "nonce": nonce}
    types = {"Ballot": [{"name": name, "type": kind} for name, kind in fields]}
    signed = Account.sign_typed_data(voter.private_key, domain, types, message)
    return voter.address, bytes(signed.signature)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A number that somebody else measured: what and where is said in docs/gas.md."""

    propose_compound: int = 373_000
    vote_compound: int = 78_700
    delegate_compound: int = 95_700
