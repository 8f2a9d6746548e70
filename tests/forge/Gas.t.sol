// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {World} from "./World.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title What whole transactions cost, calldata and the 21,000 of every transaction included (each call isolated).
/// @notice forge test --match-contract GasTest -vv prints the figures. Limits lie at most 1 % above what was measured, so a round
/// also costs the same for 2 and for 10,000 clients.
/// forge-config: default.isolate = true
contract GasTest is World {
    event log_named_uint(string name, uint256 gas);

    bytes32[] private _siblings;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < 10; ++i) _siblings.push(keccak256(abi.encode("sibling", i)));
    }

    /// @dev The root that a ten-level proof of `leaf` leads to: a tree of about a thousand members.
    function _rootAbove(bytes32 leaf) private view returns (bytes32 node) {
        node = leaf;
        for (uint256 i = 0; i < _siblings.length; ++i) {
            bytes32 other = _siblings[i];
            node = node < other
                ? keccak256(abi.encodePacked(node, other))
                : keccak256(abi.encodePacked(other, node));
        }
    }

    function _measure(string memory name, uint256 limit) private {
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint(name, gas);
        atMost(gas, limit);
    }

    function _commitMeasured(uint32 clients, string memory name, uint256 limit) private {
        commitRound(keccak256("first"), 1e18); // the first round of a run fills slots that later ones overwrite
        ITrainingRuns.RoundCommit memory c = nextCommit(keccak256("contributions"), clients, 1e18);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        runs.commitRound(c, signatures);
        _measure(name, limit);
    }

    function test_gas_of_a_round_with_2_clients() public {
        _commitMeasured(2, "commitRound, 2 clients, K = 3", 100_000);
    }

    function test_gas_of_a_round_with_100_clients() public {
        _commitMeasured(100, "commitRound, 100 clients, K = 3", 100_000);
    }

    function test_gas_of_a_round_with_10000_clients() public {
        _commitMeasured(10_000, "commitRound, 10,000 clients, K = 3", 100_000);
    }

    function test_gas_of_a_first_and_a_later_claim() public {
        for (uint32 round = 1; round <= 2; ++round) {
            IRewardVault.Leaf memory leaf = leafOf(round, 0, round * 1e18);
            commitRound(_rootAbove(vault.leafHash(leaf)), 1e18);
            vm.warp(block.timestamp + DISPUTE_WINDOW);
            ITrainingRuns.RoundData memory data = dataOf(RUN, round);
            vault.claim(leaf, data, _siblings);
            _measure(round == 1 ? "claim, first" : "claim, later", round == 1 ? 137_400 : 85_600);
        }
    }

    function test_gas_of_proposing_and_voting() public {
        _earnMeritDeep();
        address[] memory targets = new address[](1);
        targets[0] = address(runs);
        bytes[] memory calldatas = new bytes[](1);
        calldatas[0] = abi.encodeCall(IRunGovernance.setSpec, (RUN, cid(keccak256("spec 2")), specParams()));
        string memory description = string.concat("Change it #proposer=", Strings.toHexString(trainer(0)));
        vm.prank(trainer(0));
        uint256 proposalId = governor.propose(targets, new uint256[](1), calldatas, description);
        _measure("propose", 104_000);

        vm.warp(block.timestamp + VOTING_DELAY + 1);
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory params = _deepBallot(i);
            vm.prank(trainer(i));
            governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
            _measure(i == 0 ? "vote, first of a proposal" : "vote, later", i == 0 ? 112_000 : 94_700);
        }
    }

    /// @dev An epoch in which trainers 0 and 1 are proved over ten levels: their leaves are siblings.
    function _earnMeritDeep() private {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        bytes32[] memory hashes = meritHashes(1);
        _siblings[0] = hashes[1];
        IMeritEpochs.EpochCommit memory commit = nextEpoch();
        commit.root = _rootAbove(hashes[0]);
        epochs.commitEpoch(commit, cosign(epochDigest(commit), K));
        vm.warp(block.timestamp + FINALITY_DELAY);
    }

    function _deepBallot(uint256 i) private view returns (bytes memory) {
        bytes32[] memory proof = _siblings;
        proof[0] = meritHashes(1)[1 - i];
        return abi.encode(trainerId(i), weights[i] ** 2, weights[i], proof);
    }
}
