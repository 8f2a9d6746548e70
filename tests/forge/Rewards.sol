// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trees} from "./Trees.sol";
import {World} from "./World.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title Rounds that grant, and claims on them.
abstract contract Rewards is World {
    /// @dev Commits a round whose tree grants each trainer the given cumulative rewards, and waits until it is final.
    function grant(uint128[3] memory cumulative, uint96 reward) internal returns (IRewardVault.Leaf[] memory leaves) {
        leaves = grantOpen(cumulative, reward);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
    }

    /// @dev The same without waiting.
    function grantOpen(uint128[3] memory cumulative, uint96 reward)
        internal
        returns (IRewardVault.Leaf[] memory leaves)
    {
        uint32 next = runs.run(RUN).lastRound + 1;
        leaves = new IRewardVault.Leaf[](3);
        for (uint256 i = 0; i < 3; ++i) leaves[i] = leafOf(next, i, cumulative[i]);
        commitRound(Trees.root(hashesOf(leaves)), reward);
    }

    function hashesOf(IRewardVault.Leaf[] memory leaves) internal view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) hashes[i] = vault.leafHash(leaves[i]);
    }

    function proofOf(IRewardVault.Leaf[] memory leaves, uint256 i) internal view returns (bytes32[] memory) {
        return Trees.proof(hashesOf(leaves), vault.leafHash(leaves[i]));
    }

    function claim(IRewardVault.Leaf[] memory leaves, uint256 i) internal {
        bytes32[] memory proof = proofOf(leaves, i);
        vm.prank(RELAYER);
        vault.claim(leaves[i], dataOf(leaves[i].runId, leaves[i].round), proof);
    }

    function expectClaimRefused(IRewardVault.Leaf[] memory leaves, uint256 i, bytes memory reason) internal {
        expectRefused(leaves[i], proofOf(leaves, i), reason);
    }

    function expectRefused(IRewardVault.Leaf memory leaf, bytes32[] memory proof, bytes memory reason) internal {
        ITrainingRuns.RoundData memory data = dataOf(leaf.runId, leaf.round);
        vm.expectRevert(reason);
        vault.claim(leaf, data, proof);
    }
}
