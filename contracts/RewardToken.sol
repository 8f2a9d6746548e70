// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {IRewardToken} from "./interfaces/IRewardToken.sol";

contract RewardToken is ERC20, IRewardToken {
    /// @param treasury Receives the whole supply.
    /// @param supplyWei Fixed for ever.
    constructor(address treasury, uint256 supplyWei) ERC20("Ten Wings Reward", "TWR") {
        _mint(treasury, supplyWei);
    }
}
