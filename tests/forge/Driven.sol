// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A handler whose functions forge calls at random, each as often as it is listed.
/// @notice A function whose name begins with `attack_` must always revert; every other one must succeed now and then.
/// `contracts/tools/fuzz.py` reads from forge's tables whether they did.
abstract contract Driven {
    /// @dev As forge asks for it.
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    FuzzSelector private _driven;

    function drive(address handler) internal {
        _driven.addr = handler;
    }

    function often(bytes4 selector, uint256 times) internal {
        for (uint256 i = 0; i < times; ++i) _driven.selectors.push(selector);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = _driven.addr;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = _driven;
    }
}
