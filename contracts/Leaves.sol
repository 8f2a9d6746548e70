// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRewardVault} from "./interfaces/IRewardVault.sol";

/// @title Hashes of the leaves of our two Merkle trees.
/// @notice Hashed twice, so that no inner node passes for a leaf; tagged, so that no leaf passes for one of the other
/// tree; bound to a chain and a contract, so that none is replayed elsewhere.
library Leaves {
    bytes32 private constant CONTRIBUTION = keccak256("TenWings contribution");
    bytes32 private constant MERIT = keccak256("TenWings merit");

    /// @param trainingRuns The contract that keeps the tree's root.
    function contribution(uint256 chainId, address trainingRuns, IRewardVault.Leaf calldata leaf)
        internal
        pure
        returns (bytes32)
    {
        // All fields are static: the struct encodes in place, as if its fields were listed here.
        return _twice(abi.encode(CONTRIBUTION, chainId, trainingRuns, leaf));
    }

    /// @param meritEpochs The contract that keeps the tree's root.
    function merit(
        uint256 chainId,
        address meritEpochs,
        uint256 epoch,
        uint256 memberId,
        address account,
        uint256 meritPoints,
        uint256 weight
    ) internal pure returns (bytes32) {
        return _twice(abi.encode(MERIT, chainId, meritEpochs, epoch, memberId, account, meritPoints, weight));
    }

    function _twice(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
