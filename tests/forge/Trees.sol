// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Merkle trees as @openzeppelin/merkle-tree builds them, written apart from the contracts.
/// @notice Leaf hashes sorted ascending, laid from the end of an array of 2n - 1; node i hashes nodes 2i + 1 and 2i + 2,
/// the smaller one first; the root is node 0.
library Trees {
    function build(bytes32[] memory hashes) internal pure returns (bytes32[] memory tree) {
        bytes32[] memory leaves = _sorted(hashes);
        tree = new bytes32[](2 * leaves.length - 1);
        for (uint256 i = 0; i < leaves.length; ++i) {
            tree[tree.length - 1 - i] = leaves[i];
        }
        for (uint256 i = tree.length - leaves.length; i > 0; --i) {
            tree[i - 1] = _pair(tree[2 * i - 1], tree[2 * i]);
        }
    }

    function root(bytes32[] memory hashes) internal pure returns (bytes32) {
        return build(hashes)[0];
    }

    function proof(bytes32[] memory hashes, bytes32 leaf) internal pure returns (bytes32[] memory path) {
        bytes32[] memory tree = build(hashes);
        uint256 node = tree.length - hashes.length;
        while (tree[node] != leaf) ++node;
        path = new bytes32[](_depth(node));
        for (uint256 i = 0; i < path.length; ++i) {
            path[i] = tree[node % 2 == 0 ? node - 1 : node + 1];
            node = (node - 1) / 2;
        }
    }

    function _depth(uint256 node) private pure returns (uint256 depth) {
        for (; node > 0; node = (node - 1) / 2) ++depth;
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _sorted(bytes32[] memory hashes) private pure returns (bytes32[] memory sorted) {
        sorted = new bytes32[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            uint256 at_ = i;
            for (; at_ > 0 && sorted[at_ - 1] > hashes[i]; --at_) sorted[at_] = sorted[at_ - 1];
            sorted[at_] = hashes[i];
        }
    }
}
