// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// @title Cheat codes, comparisons and bounds for every test.
abstract contract Check {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    error NotEqual(uint256 found, uint256 expected);
    error NotEqualBytes(bytes32 found, bytes32 expected);
    error AboveLimit(uint256 found, uint256 limit);
    error NotTrue(string what);

    function same(uint256 found, uint256 expected) internal pure {
        if (found != expected) revert NotEqual(found, expected);
    }

    function same(bytes32 found, bytes32 expected) internal pure {
        if (found != expected) revert NotEqualBytes(found, expected);
    }

    function same(address found, address expected) internal pure {
        same(uint256(uint160(found)), uint256(uint160(expected)));
    }

    function atMost(uint256 found, uint256 limit) internal pure {
        if (found > limit) revert AboveLimit(found, limit);
    }

    function holds(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    /// @dev A value out of [low, high], from any fuzzed one.
    function between(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }
}
