// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Votes} from "./Votes.sol";
import {Trees} from "./Trees.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title What whole transactions cost, calldata and the 21,000 of every transaction included (each call isolated).
/// @notice forge test --match-contract GasTest -vv prints the figures. Limits lie at most 1 % above what was measured, so a round
/// also costs the same for 2 and for 10,000 clients.
/// forge-config: default.isolate = true
contract GasTest is Votes {
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
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        uint256 proposalId = send(p, trainer(0), sponsors);
        _measure("propose, one signature", 111_900);
        p.description = describe("Again", trainer(0));
        sponsors = sponsored(idOf(p), 3);
        send(p, trainer(0), sponsors);
        _measure("propose, three signatures", 137_400);

        vm.warp(block.timestamp + VOTING_DELAY + 1);
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory params = _deepBallot(i);
            vm.prank(trainer(i));
            governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
            _measure(i == 0 ? "vote, first of a proposal" : "vote, later", i == 0 ? 115_200 : 80_000);
        }
    }

    /// @dev Ten members in one transaction, each proved over ten levels.
    function test_gas_of_ten_signed_ballots() public {
        (uint256[] memory keys, bytes32[] memory hashes) = _tenVoters();
        uint256 proposalId = propose(standard());
        vm.warp(block.timestamp + VOTING_DELAY + 1);
        ITenWingsGovernor.SignedBallot[] memory ballots = new ITenWingsGovernor.SignedBallot[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            bytes memory params = abi.encode(_idOf(keys[i]), 100, 10, _proofOf(hashes, hashes[i]));
            ballots[i] = ITenWingsGovernor.SignedBallot(
                proposalId, 1, vm.addr(keys[i]), "", params, _signed(keys[i], proposalId, params)
            );
        }
        same(governor.castBallots(ballots), keys.length);
        uint256 gas = vm.lastCallGas().gasTotalUsed / keys.length;
        emit log_named_uint("signed ballot, each of ten in one transaction", gas);
        atMost(gas, 54_300);
    }

    function _tenVoters() private returns (uint256[] memory keys, bytes32[] memory hashes) {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        keys = new uint256[](10);
        hashes = new bytes32[](10);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = uint256(keccak256(abi.encode("voter", i)));
            uint256 memberId = join(keys[i], TRAINER);
            hashes[i] = epochs.leafHash(1, memberId, vm.addr(keys[i]), 100, 10);
        }
        // Six levels above a tree of ten: ten in all for the deepest leaves.
        IMeritEpochs.EpochCommit memory commit = nextEpoch();
        commit.root = Trees.root(hashes);
        for (uint256 i = 0; i < 6; ++i) commit.root = _above(commit.root, _siblings[i]);
        (commit.count, commit.maxWeight) = (10, 10);
        epochs.commitEpoch(commit, cosign(epochDigest(commit), K));
        vm.warp(block.timestamp + FINALITY_DELAY);
    }

    function _idOf(uint256 key) private view returns (uint256 memberId) {
        (memberId,,,,) = members.memberOf(vm.addr(key));
    }

    function _proofOf(bytes32[] memory hashes, bytes32 leaf) private view returns (bytes32[] memory proof) {
        bytes32[] memory low = Trees.proof(hashes, leaf);
        proof = new bytes32[](low.length + 6);
        for (uint256 i = 0; i < low.length; ++i) proof[i] = low[i];
        for (uint256 i = 0; i < 6; ++i) proof[low.length + i] = _siblings[i];
    }

    function _above(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _signed(uint256 key, uint256 proposalId, bytes memory params) private view returns (bytes memory) {
        bytes32 typehash = keccak256(
            "MeritBallot(uint256 proposalId,uint8 support,address voter,string reason,bytes params)"
        );
        bytes32 structHash = keccak256(
            abi.encode(typehash, proposalId, uint8(1), vm.addr(key), keccak256(""), keccak256(params))
        );
        return sign(key, typed("TenWings Governor", address(governor), structHash));
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
